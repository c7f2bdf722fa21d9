"""Reads Dockerfiles: stages of instructions, as the builder understands them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Instruction", "Stage", "read_dockerfile"]

_KNOWN = frozenset(
    {
        *("ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK"),
        *("LABEL", "ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"),
    }
)
_EXEC = frozenset({"CMD", "ENTRYPOINT", "VOLUME"})


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction: its name, its flags (`--from=build`), and the rest."""

    name: str
    flags: tuple[str, ...]
    text: str
    line: int

    @property
    def words(self) -> list[str]:
        """The words of its exec form, or of its text."""
        if self.text.startswith("["):
            found = json.loads(self.text)
            assert all(isinstance(word, str) for word in found), self
            return list(found)
        return self.text.split()


@dataclass(slots=True)
class Stage:
    """What is built from one image."""

    image: str
    name: str = ""
    instructions: list[Instruction] = field(default_factory=list)

    def all(self, name: str) -> list[Instruction]:
        """Return the instructions of a name."""
        return [i for i in self.instructions if i.name == name]

    def last(self, name: str) -> Instruction:
        """Return the instruction that counts."""
        return self.all(name)[-1]


def read_dockerfile(path: Path) -> list[Stage]:
    """Return the stages of a Dockerfile.

    Raises:
        AssertionError: something in it is no instruction, or stands where it may not.
    """
    stages: list[Stage] = []
    for found in _instructions(path.read_text("utf-8")):
        assert found.name in _KNOWN, f"line {found.line}: {found.name} is no instruction"
        if found.name == "FROM":
            image, *rest = found.words
            assert rest == [] or (rest[0].upper() == "AS" and len(rest) == 2), found
            stages.append(Stage(image, rest[1] if rest else ""))
            continue
        if found.name == "ARG" and not stages:
            continue
        assert stages, f"line {found.line}: {found.name} before FROM"
        assert found.text, f"line {found.line}: {found.name} of nothing"
        if found.name in _EXEC:
            assert found.text.startswith("["), f"line {found.line}: a shell would not pass signals"
            assert found.words
        stages[-1].instructions.append(found)
    assert stages
    return stages


def _instructions(text: str) -> list[Instruction]:
    found: list[Instruction] = []
    held, begun = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("#"):
            continue
        if not held:
            begun = number
            if not line.strip():
                continue
        held += line.rstrip()
        if held.endswith("\\"):
            held = held[:-1] + " "
            continue
        name, _, rest = held.strip().partition(" ")
        flags = []
        rest = rest.strip()
        while match := re.match(r"(--[a-z-]+(?:=\S+)?)\s+", rest):
            flags.append(match[1])
            rest = rest[match.end() :]
        found.append(Instruction(name.upper(), tuple(flags), rest, begun))
        held = ""
    assert not held, "the last line goes on, and there is none"
    return found
