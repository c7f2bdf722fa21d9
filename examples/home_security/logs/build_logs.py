"""Make two logs of a service from the recorded completions: a shadow run and an A/B test.

Run it again after `completions.jsonl` or `scenarios.jsonl` change; `--check` only says whether the
logs still match. The answers are the recorded ones, verbatim; what is made is who answered: in the
shadow log both versions of `basic` did, in the A/B log one of them, drawn by a fair coin per event
(the last bit of the SHA-256 of its id). The two columns a service would not know (`family`,
`ground_truth`) stay in `scenarios.jsonl`.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
HOME = HERE.parent


def recorded() -> dict[tuple[str, str], dict[str, Any]]:
    """Return the completions of template `basic` by scenario and version."""
    rows = [json.loads(line) for line in (HOME / "completions.jsonl").open(encoding="utf-8")]
    return {(r["scenario_id"], r["version"]): r for r in rows if r["template"] == "basic"}


def result(row: dict[str, Any]) -> dict[str, Any]:
    """Return an answer as a service logs it."""
    return {
        "raw": row["text"],
        "error": row["error"],
        "latency_ms": round(row["latency_s"] * 1000),
        "tokens_evaluated": row["prompt_tokens"],
        "tokens_predicted": row["completion_tokens"],
    }


def logs() -> dict[str, list[dict[str, Any]]]:
    """Return the rows of each log."""
    scenarios = [json.loads(line) for line in (HOME / "scenarios.jsonl").open(encoding="utf-8")]
    rows, shadow, drawn = recorded(), [], []
    for s in sorted(scenarios, key=lambda s: (s["start_time"], s["scenario_id"])):
        event = {"event_id": s["scenario_id"], "camera": s["camera_name"], "at": s["start_time"]}
        v1, v2 = (rows[s["scenario_id"], v] for v in ("v1", "v2"))
        shadow.append(event | {"primary_result": result(v1), "shadow_result": result(v2)})
        coin = hashlib.sha256(s["scenario_id"].encode()).digest()[-1] & 1
        drawn.append(event | {"prompt_version": f"v{1 + coin}"} | result((v1, v2)[coin]))
    return {"shadow.jsonl": shadow, "ab.jsonl": drawn}


def main() -> int:
    """Write or check the logs."""
    wrong = []
    for name, rows in logs().items():
        text = "".join(json.dumps(row, ensure_ascii=True) + "\n" for row in rows)
        if "--check" not in sys.argv:
            (HERE / name).write_text(text, encoding="utf-8")
        elif (HERE / name).read_text(encoding="utf-8") != text:
            wrong.append(name)
    if wrong:
        print(f"out of date: {', '.join(wrong)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
