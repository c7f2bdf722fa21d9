"""How often the gate errs where the truth is known: a table of rates with exact intervals.

python tests/benchmarks/gate_error_rates.py            # 400 gates per setting, about five minutes

Each gate meets new scenarios and new answers of a model with known effects (`known_effects.py`);
rendering, reading, scoring, comparison and decision are the real ones. Nothing is asserted here;
`tests/calibrate/test_gate_error_rates.py` asserts what must hold.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from known_effects import SETTINGS, KnownGate
from promptreg.discovery import load_plugins
from promptreg.numbers import rate
from promptreg.stats.proportions import clopper_pearson


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gates", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--setting", choices=SETTINGS, action="append")
    parser.add_argument("--json", metavar="FILE")
    arguments = parser.parse_args()
    plugins = load_plugins()
    found = {}
    print(
        f"{arguments.gates} gates per setting, seed {arguments.seed}, {time.strftime('%Y-%m-%d')}"
    )
    print("| truth | n | gate fails | gate passes | inconclusive | anything accused |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as folder:
        for key in arguments.setting or SETTINGS:
            setting = SETTINGS[key]
            world = KnownGate(Path(folder) / key, setting, seed=arguments.seed, plugins=plugins)
            counts = world.gates(arguments.gates)
            shares = [
                rate(k / counts.gates, *clopper_pearson(k, counts.gates))
                for k in (counts.failed, counts.passed, counts.inconclusive, counts.accused)
            ]
            size = f"{setting.n} x {setting.repeats}"
            print(f"| {setting.name} | {size} | {' | '.join(shares)} |", flush=True)
            found[key] = {
                "gates": counts.gates,
                "failed": counts.failed,
                "passed": counts.passed,
                "inconclusive": counts.inconclusive,
                "accused": counts.accused,
                "by_metric": counts.by_metric,
            }
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
