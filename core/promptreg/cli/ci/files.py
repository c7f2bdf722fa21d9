"""The CI files of a suite."""

from __future__ import annotations

import enum
import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from promptreg.cli.ci.suites import Wanted

__all__ = ["CiFile", "Forge", "ci_files"]


class Forge(enum.StrEnum):
    """Whose CI."""

    GITHUB = "github"
    GITLAB = "gitlab"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class CiFile:
    """A file to write.

    Attributes:
        path: where.
        text: its content.
        otherwise: what to do by hand where such a file stands already.
        known: what stands in such a file once that is done.
    """

    path: Path
    text: str
    otherwise: str
    known: str = ""


def ci_files(suite: Wanted, forge: Forge) -> Iterator[CiFile]:
    """Yield the files that gate a suite in CI, and validate it before a commit."""
    if forge is Forge.NONE:
        return
    if forge is Forge.GITHUB:
        path = suite.top / ".github" / "workflows" / f"{suite.slug}.yml"
        text = _filled("github-workflow.yml.tmpl", suite)
        yield CiFile(path, text, "compare it yourself")
    else:
        included = f".gitlab/{suite.slug}.yml"
        text = _filled("gitlab-ci.yml.tmpl", suite)
        yield CiFile(suite.top / included, text, "compare it yourself")
        top = _template("gitlab-top.yml.tmpl").replace("INCLUDED", included)
        line = f"add to its 'include': - local: /{included}"
        yield CiFile(suite.top / ".gitlab-ci.yml", top, line, f"/{included}")
    hook = _filled("pre-commit-config.yaml.tmpl", suite)
    below = "add to its 'repos':\n" + hook.partition("repos:\n")[2].rstrip("\n")
    known = f"id: {suite.slug}-validate"
    yield CiFile(suite.top / ".pre-commit-config.yaml", hook, below, known)


def _filled(template: str, suite: Wanted) -> str:
    compared = (
        " ".join(shlex.quote(label) for label in suite.versions)
        if suite.versions
        else '--base-ref "origin/$BASE"'
    )
    reports = "-o report.html -o report.json -o report.junit.xml"
    gate = f"promptreg gate {compared}{suite.config} {reports}"
    looked_at = "|".join(re.escape(p).replace("\\-", "-") for p in suite.data)
    name = re.escape(suite.file.rpartition("/")[2])
    looked_at = f"^{re.escape(suite.folder)}({name}|{looked_at})"
    values = {
        "WORKFLOW": suite.slug,
        "NAME": suite.name,
        "VALIDATE": _scalar(f"promptreg validate{suite.config}"),
        "FILES": _scalar(looked_at),
        "GATE": _scalar(gate),
    }
    return re.sub(rf"\b({'|'.join(values)})\b", lambda m: values[m[1]], _template(template))


def _scalar(text: str) -> str:
    """Return text as a YAML scalar, quoted where that is needed."""
    plain = re.fullmatch(r"[A-Za-z^][\w ./$\"|()\\^-]*", text)
    return text if plain else json.dumps(text, ensure_ascii=False)


def _template(name: str) -> str:
    return (files("promptreg.cli") / "ci" / name).read_text("utf-8")
