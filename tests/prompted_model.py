"""A model's server whose answers depend on the words of the prompt, and a repository to bisect."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fake_model import ModelServer
from fault_server import Fault, Request, llama, ok

__all__ = ["BAD", "GOOD", "PromptedModel", "Repository", "answer", "write_project"]

GOOD, BAD = 12, 90
"""Risk scores in and out of the range of every scenario."""
Judge = Callable[[str], bool]


def answer(risk: int) -> str:
    """Return a model's answer."""
    level = "low" if risk < 30 else "critical"
    return json.dumps({"risk_score": risk, "risk_level": level, "summary": "s", "reasoning": "r"})


class PromptedModel(ModelServer):
    """Answers well unless `wrong` says that a prompt spoils the answer."""

    def __init__(self, wrong: Judge = lambda _: False) -> None:
        super().__init__()
        self.wrong = wrong

    def _choose(self, request: Request) -> Fault:
        if request.method != "POST" or "idempotency-key" not in request.headers:
            return super()._choose(request)
        self.calls.append(request)
        if self.script:
            return self.script.pop(0)
        return ok(llama(answer(BAD if self.wrong(self.prompt(request)) else GOOD)))

    @staticmethod
    def prompt(request: Request) -> str:
        """Return what a call asks."""
        text: str = request.json["prompt"]
        return text

    @property
    def prompts(self) -> list[str]:
        """What was asked, in order."""
        return [self.prompt(call) for call in list(self.calls)]


def suite(url: str, versions: Mapping[str, str], **keys: Any) -> dict[str, Any]:
    """Return a suite file of one template."""
    provider = {"use": "llama_cpp", "url": url, "concurrency": 8, "warm_up": False, "retries": 0}
    return {
        "suite": "home",
        "scenarios": "scenarios.jsonl",
        "templates": {"basic": {"versions": dict(versions)}},
        "provider": provider | {"timeout": {"connect": 20, "read": 60}, "ready_timeout": 2},
        "scorers": [{"use": "risk_range"}],
        "gate": {"margins": {"overall": 0.2, "in_range": 0.2, "deviation": 20}, "draws": 1999},
    } | keys


def write_project(
    folder: Path, url: str, texts: Mapping[str, str], *, n: int = 40, **keys: Any
) -> Path:
    """Write a suite whose versions are label to text, and return its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for label, text in texts.items():
        (folder / f"{label}.txt").write_text(text, "utf-8")
    rows = [
        {
            "id": f"s{i}",
            "event": f"event {i}",
            "kind": ("day", "night")[i % 2],
            "risk_range": [0, 30],
        }
        for i in range(n)
    ]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "scenarios.jsonl").write_text(lines, "utf-8")
    made = suite(url, {label: f"{label}.txt" for label in texts}, **keys)
    (folder / "promptreg.yaml").write_text(json.dumps(made), "utf-8")
    return folder


class Repository:
    """A git repository with a suite whose template's file is `v1.txt`."""

    def __init__(self, folder: Path, url: str, text: str, **keys: Any) -> None:
        self.folder = write_project(folder, url, {"v1": text}, **keys)
        self.git("init", "-q", "-b", "main")
        (folder / ".gitignore").write_text(".promptreg/\n", "utf-8")
        self.commit("start")

    def git(self, *arguments: str) -> str:
        """Run git, untouched by the machine's settings."""
        who = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org", "-c", "gc.auto=0")
        clean = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
        done = subprocess.run(
            ["git", *who, *arguments],
            cwd=self.folder,
            env=clean | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def commit(self, subject: str, text: str | None = None, file: str = "v1.txt") -> str:
        """Commit everything, with a new text where one is given; return the hash."""
        if text is not None:
            (self.folder / file).write_text(text, "utf-8")
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", subject)
        return self.git("rev-parse", "HEAD")
