"""Slips in a template's own text: braces, level words, turns."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from promptreg.records import Template
from promptreg.stages.lint.findings import Finding, few

__all__ = ["lint_pair", "lint_wording"]

LEVELS = ("low", "medium", "high", "critical")
_OTHER_LEVELS = frozenset(
    {
        "alarming", "elevated", "extreme", "guarded", "minimal", "minor", "moderate", "negligible",
        "serious", "severe", "substantial", "urgent", "none", "normal",
    }
)  # fmt: skip
_EVERYDAY = frozenset({"none", "normal", "minor", "serious", "urgent", "extreme", "minimal"})
_WORD = re.compile(r"[A-Za-z]{2,20}")
_LEVEL_HEADING = re.compile(r"\b(?:risk[ _-]?)?levels?\b", re.IGNORECASE)
_RAW_BRACE = re.compile(r"(\{{1,2})[ \t]{0,8}([A-Za-z_]\w{0,63})[ \t]{0,8}(\}{1,2})")
_OTHER_SYNTAX = re.compile(
    r"\$\{?([A-Za-z_]\w{0,63})\}?|%\(([A-Za-z_]\w{0,63})\)s|<([A-Za-z_]\w{0,63})>"
)
_START, _END = "<|im_start|>", "<|im_end|>"


def lint_wording(
    template: Template, columns: Collection[str], levels: Collection[str] = LEVELS
) -> list[Finding]:
    """Return slips in the text of one version.

    Args:
        template: the version.
        columns: the names of the scenarios' columns.
        levels: the level words that the answer's schema knows.
    """
    where = f"{template.name}@{template.label}"
    return [
        *_braces(template, columns, where),
        *_level_words(template.text, levels, where),
        *_turns(template.text, where),
    ]


def _braces(template: Template, columns: Collection[str], where: str) -> Iterator[Finding]:
    """Find names of columns in a syntax that the engine leaves as it is."""
    engine = template.engine
    literal: dict[str, str] = {}
    for match in _RAW_BRACE.finditer(template.text):
        double = len(match[1]) == 2 and len(match[3]) == 2
        single = len(match[1]) == 1 and len(match[3]) == 1
        stays = {"format": double, "jinja": single, "raw": single or double}.get(engine, False)
        if stays and match[2] in columns:
            literal.setdefault(match[2], match[0])
    for match in _OTHER_SYNTAX.finditer(template.text):
        name = match[1] or match[2] or match[3]
        if name in columns and name not in template.variables:
            literal.setdefault(name, match[0])
    for name, shown in literal.items():
        how = {"format": f"{{{name}}}", "jinja": f"{{{{ {name} }}}}"}.get(
            engine, "another engine (format or jinja)"
        )
        yield Finding(
            "warning",
            "literal-variable",
            where,
            f"{shown} is sent as it stands, and {name!r} is a column; to insert it use {how}",
        )


def _level_words(text: str, levels: Collection[str], where: str) -> Iterator[Finding]:
    """Find level words the answer's schema does not know, in lines that list levels."""
    known = {level.lower() for level in levels}
    found: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > 2000:
            continue
        words = [w.lower() for w in _WORD.findall(line)]
        listed = known.intersection(words)
        heading = _LEVEL_HEADING.search(line) is not None
        for word in words:
            if word in known or word not in _OTHER_LEVELS:
                continue
            # "normal activity" beside "low" is prose; a list of levels is not.
            enough = len(listed) >= 2 if word in _EVERYDAY else bool(listed) or heading
            if enough and (heading or len(listed) >= 2) and _stands_as_level(line, word):
                found.setdefault(word, number)
    for word, number in found.items():
        yield Finding(
            "warning",
            "unknown-level",
            where,
            f"line {number}: {word!r} stands as a risk level, but answers may only say "
            f"{', '.join(levels)}",
        )


def _stands_as_level(line: str, word: str) -> bool:
    """Return whether a word is an item of a list: quoted, followed by `,`, `|`, `/`, `(`, `:`."""
    for match in re.finditer(rf"\b{word}\b", line, re.IGNORECASE):
        before, after = line[: match.start()].rstrip(), line[match.end() :].lstrip()
        if after[:1] in tuple(",|/(:;\"'=)]}") or not after or after.startswith(("or ", "and ")):
            return True
        if before[-1:] in tuple("|/\"'=([{"):
            return True
    return False


def _turns(text: str, where: str) -> Iterator[Finding]:
    """Check that ChatML turns are closed in order and that the assistant's is left open."""
    if _START not in text and _END not in text:
        return
    complaint = ""
    is_open = False
    at = 0
    while not complaint:
        start, end = text.find(_START, at), text.find(_END, at)
        if start < 0 and end < 0:
            break
        opens = start >= 0 and (end < 0 or start < end)
        at = (start if opens else end) + 1
        line = text.count("\n", 0, at) + 1
        if opens and is_open:
            complaint = f"line {line}: {_START} before the last turn ended with {_END}"
        elif not opens and not is_open:
            complaint = f"line {line}: {_END} without a turn that it ends"
        is_open = opens
    if not complaint and not is_open:
        complaint = f"no turn is open at the end; the model is to go on after {_START}assistant"
    elif not complaint and not text[text.rfind(_START) + len(_START) :].startswith("assistant"):
        role = text[text.rfind(_START) + len(_START) :].split("\n", 1)[0][:20]
        complaint = f"the turn open at the end is {role!r}, not 'assistant'"
    if complaint:
        yield Finding("warning", "unbalanced-turns", where, complaint)


def lint_pair(baseline: Template, candidate: Template, optional: Collection[str]) -> list[Finding]:
    """Return what two versions of a template say about each other.

    Args:
        baseline: a version, `variables` filled in.
        candidate: another one.
        optional: names that some version may leave out.
    """
    where = f"{baseline.name}@{candidate.label}"
    if baseline.sha256 == candidate.sha256 and baseline.provider_name != candidate.provider_name:
        return []  # the same question to two providers
    if baseline.sha256 == candidate.sha256:
        message = f"is the same text as {baseline.label}; there is nothing to compare"
        return [Finding("warning", "identical-versions", where, message)]
    findings = []
    for one, other in ((baseline, candidate), (candidate, baseline)):
        lost = sorted(set(one.variables) - set(other.variables) - set(optional))
        if lost:
            findings.append(
                Finding(
                    "warning",
                    "unused-variable",
                    f"{other.name}@{other.label}",
                    f"does not use {few(lost)}, which {one.label} uses; if that is meant, list "
                    "them under 'optional'",
                )
            )
    return findings
