"""Record completions.jsonl: ask a real model every prompt once and keep exactly what it answered.

The basic template is asked first, over all scenarios, then the other tiers. Within a template the
scenarios come in a seeded random order; both versions are asked one after the other, in random
order, each in a slot of its own, so that the model server keeps the constant part of each prompt.
The file is appended to: a stopped recording goes on where it was.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import importlib.metadata
import json
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
TEMPLATES = ("basic", "enriched", "model_zoo_enhanced", "full_enriched", "vision_enhanced")
VERSIONS = ("v1", "v2")
SAMPLING = {
    "temperature": 0.7,
    "top_p": 0.95,
    "max_tokens": 1536,
    "stop": ["<|im_end|>", "<|im_start|>"],
    "seed": 7,
}
ORDER_SEED = 7
SLOTS = len(VERSIONS)
CONTEXT_TOKENS = 4096
FINISH = {"eos": "stop", "word": "stop", "limit": "length"}
NOTE = (
    "Latencies were measured on a busy machine that other work shared, with one thread: they "
    "compare versions at best, and say nothing about how fast the model is."
)


def load_scenarios() -> list[dict[str, Any]]:
    """The frozen scenarios, in file order."""
    lines = (HERE / "scenarios.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def serves(template: str, scenario: dict[str, Any]) -> bool:
    """Whether a tier serves a scenario: basic all, another those it is the best tier for."""
    return template == "basic" or scenario["tier"] == template


def render(template: str, version: str, scenario: dict[str, Any]) -> str:
    """Exactly what is sent."""
    text = (HERE / "templates" / f"{template}.{version}.txt").read_text(encoding="utf-8")
    return text.format(**scenario)


def planned(scenarios: list[dict[str, Any]]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every (template, version, scenario): random order, both versions next to each other."""
    for template in TEMPLATES:
        chance = random.Random(f"{ORDER_SEED}/{template}")
        chosen = [scenario for scenario in scenarios if serves(template, scenario)]
        chance.shuffle(chosen)
        for scenario in chosen:
            for version in chance.sample(VERSIONS, len(VERSIONS)):
                yield template, version, scenario


def ask(url: str, prompt: str, slot: int, timeout_s: float) -> dict[str, Any]:
    """One POST to /completion; a failure is a value with its cause, never a made-up text."""
    sampling = {**SAMPLING, "n_predict": SAMPLING["max_tokens"]}
    body = json.dumps(
        {"prompt": prompt, **sampling, "cache_prompt": True, "id_slot": slot}
    ).encode()
    request = urllib.request.Request(
        f"{url}/completion", body, {"Content-Type": "application/json"}
    )
    started = time.monotonic()
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as stream:
            reply = json.load(stream)
    except urllib.error.HTTPError as error:
        return {
            "text": None,
            "error": f"http {error.code}: {error.read(500).decode(errors='replace')}",
        }
    except (OSError, ValueError) as error:
        return {"text": None, "error": f"{type(error).__name__}: {error}"}
    return {
        "text": reply["content"],
        "error": None,
        "latency_s": round(time.monotonic() - started, 3),
        "prompt_tokens": reply["tokens_evaluated"],
        "completion_tokens": reply["tokens_predicted"],
        "finish": FINISH.get(reply["stop_type"], reply["stop_type"]),
    }


class Recorder:
    """Appends one line per trial; lines already there are skipped."""

    def __init__(self, path: Path, url: str, model: str, timeout_s: float) -> None:
        self.path, self.url, self.model, self.timeout_s = path, url, model, timeout_s
        self.stop = threading.Event()
        self.done: set[tuple[str, str, str, str]] = set()
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                row = json.loads(line)
                self.done.add(
                    (row["scenario_id"], row["template"], row["version"], row["prompt_sha256"])
                )

    def record(self, template: str, version: str, scenario: dict[str, Any]) -> None:
        """Ask one prompt and append the line, unless it is there."""
        prompt = render(template, version, scenario)
        digest = hashlib.sha256(prompt.encode()).hexdigest()
        if (scenario["scenario_id"], template, version, digest) in self.done:
            return
        came = ask(self.url, prompt, VERSIONS.index(version), self.timeout_s)
        if self.stop.is_set() and came["error"]:
            return  # the server was stopped under the request: not the model's failure
        row = {
            "scenario_id": scenario["scenario_id"],
            "template": template,
            "version": version,
            "repeat": 0,
            **came,
        }
        row |= {"prompt_sha256": digest, "sampling": SAMPLING, "model": self.model}
        with self.path.open("a", encoding="utf-8", newline="\n") as stream:
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")
        took = came["error"] or f"{came['latency_s']} s"
        print(f"{template} {version} {scenario['scenario_id']} {took}", flush=True)


@contextmanager
def served(model: Path) -> Iterator[str]:
    """A model server in a child process; yields its URL."""
    script = HERE.parent / "serve_model.py"
    with tempfile.TemporaryDirectory() as folder:
        ready = Path(folder) / "url"
        command = [sys.executable, str(script), "--model", str(model), "--slots", str(SLOTS)]
        command += ["--context", str(CONTEXT_TOKENS), "--ready-file", str(ready)]
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            while not ready.exists():
                if child.poll() is not None:
                    raise SystemExit("the model server did not start")
                time.sleep(0.2)
            yield ready.read_text(encoding="utf-8").strip()
        finally:
            child.terminate()
            child.wait(timeout=30)


def write_meta(path: Path, model: Path, name: str, started: str) -> None:
    """The sidecar that says where the completions come from."""
    with model.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    meta = {
        "model": name,
        "model_licence": "Apache-2.0 (upstream)",
        "gguf_sha256": digest,
        "gguf_bytes": model.stat().st_size,
        "server": {
            "package": "xllamacpp",
            "version": importlib.metadata.version("xllamacpp"),
            "endpoint": "/completion",
        },
        "server_parameters": {
            "n_threads": 1,
            "n_parallel": SLOTS,
            "n_ctx": CONTEXT_TOKENS * SLOTS,
            "kv_unified": False,
            "cache_ram_mib": 0,
        },
        "request": {
            "cache_prompt": True,
            "id_slot": dict(zip(VERSIONS, range(SLOTS), strict=True)),
            "json_schema": None,
        },
        "sampling": SAMPLING,
        "order_seed": ORDER_SEED,
        "recorded_from": started,
        "recorded_to": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "completions": len(rows),
        "failed": sum(row["error"] is not None for row in rows),
        "truncated": sum(row.get("finish") == "length" for row in rows),
        "note": NOTE,
    }
    sidecar = path.with_name("completions.meta.json")
    if sidecar.exists():  # a continued recording keeps its first start
        meta["recorded_from"] = json.loads(sidecar.read_text(encoding="utf-8"))["recorded_from"]
    sidecar.write_text(json.dumps(meta, indent=2) + "\n", encoding="utf-8")


def main() -> int:
    """Record what is missing; Ctrl-C and SIGTERM end it cleanly, and the next call goes on."""
    parser = argparse.ArgumentParser(
        description="Record the completions of the home security suite."
    )
    parser.add_argument("--model", type=Path, required=True, help="the GGUF file to ask")
    parser.add_argument(
        "--name",
        default="Qwen2.5-Coder-1.5B-Instruct Q4_K_M",
        help="the model's name for the record",
    )
    parser.add_argument("--output", type=Path, default=HERE / "completions.jsonl")
    parser.add_argument("--timeout", type=float, default=900.0, help="seconds for one request")
    args = parser.parse_args()

    started = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    scenarios = load_scenarios()
    with served(args.model) as url:
        recorder = Recorder(args.output, url, args.name, args.timeout)
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, lambda *_: recorder.stop.set())
        for template, version, scenario in planned(scenarios):
            if recorder.stop.is_set():
                break
            recorder.record(template, version, scenario)
        write_meta(args.output, args.model, args.name, started)
    return 130 if recorder.stop.is_set() else 0


if __name__ == "__main__":
    sys.exit(main())
