"""Reads the answer out of a completion, or says why there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from promptreg.errors import SuiteError
from promptreg.records import Answer, Cause, Completion, Failure
from promptreg.stages.parse.bands import LEVEL_BANDS
from promptreg.stages.parse.effective import apply_rules, fallback
from promptreg.stages.parse.objects import Found, Search, find_objects
from promptreg.stages.parse.rules import DEFAULT_RULES, FieldRuleLike, compile_rule
from promptreg.stages.parse.thinking import Parts, split_thinking
from promptreg.stages.parse.values import MAX_DEPTH, Doubled, examine, trouble

__all__ = ["AnswerReader"]

_EXCERPT = 60
_COMPLAINTS = 3


class _Settings(Protocol):
    """The shape of `promptreg.suite.AnswerEntry`."""

    @property
    def parser(self) -> str: ...
    @property
    def require(self) -> tuple[str, ...]: ...
    @property
    def fields(self) -> Mapping[str, FieldRuleLike]: ...
    @property
    def fallback(self) -> tuple[str, ...]: ...


class AnswerReader:
    """Reads answers by the rules of a suite.

    Nothing is repaired, clamped or defaulted: an answer that breaks a rule is a failure. Reading
    takes linear time and never raises, whatever the text. One reader may serve many threads.

    Args:
        settings: the suite's `answer` section.
        bands: level and lowest score of each, ascending; used by `effective` only.
    """

    def __init__(
        self, settings: _Settings, bands: Sequence[tuple[str, float]] = LEVEL_BANDS
    ) -> None:
        self._json = settings.parser == "json"
        self._require = tuple(settings.require)
        self._required = frozenset(self._require)
        rules = {**DEFAULT_RULES, **settings.fields}
        self._rules = tuple(compile_rule(name, rule) for name, rule in rules.items())
        self._ruled = self._required | frozenset(rules)
        self._fallback = tuple(settings.fallback)
        if not all(prefix.strip() for prefix in self._fallback):
            raise SuiteError("answer.fallback: an empty text would make every answer a stand-in")
        self._bands = tuple(bands)

    def read(self, completion: Completion) -> Answer | Failure:
        """Return the answer, or the failure with its cause.

        Causes: REFUSED (the provider says so), EMPTY, TRUNCATED (cut off by the token limit with
        no complete answer), UNPARSEABLE (no complete object outside the thinking), FALLBACK,
        INVALID (a missing field, a broken rule, NaN, contradicting duplicate keys).

        With parser `json` the answer is the last complete object that has every required key;
        echoed examples and drafts come before it. With parser `text` it is the visible text,
        without surrounding white space, as the field `text`; there is no telling whether a text
        is complete, so one that the token limit cut off is an answer with a finding.
        """
        if completion.finish in ("content_filter", "refusal"):
            return _failure(
                completion, Cause.REFUSED, f"the provider reports {completion.finish!r}"
            )
        text = completion.text
        if not text or text.isspace():
            if completion.finish == "length":
                return _failure(completion, Cause.TRUNCATED, "the token limit was reached, no text")
            return _failure(completion, Cause.EMPTY, "the completion holds no text")
        parts = split_thinking(text)
        if not self._json:
            return self._read_text(completion, parts)
        search = find_objects(parts.visible, self._required)
        best = search.best
        if best is None or (search.cut_at is not None and not self._required <= best.fields.keys()):
            return self._unreadable(completion, parts, search)
        return self._judge(completion, parts, search, best)

    def effective(self, completion: Completion | None, failure: Failure | None) -> Answer:
        """Return the answer that production would have shown; there always is one.

        The same object that `read` picks is clamped, coerced and completed; where there is no
        completion or no object, the fallback record. With parser `text`: the strict answer, or
        the fallback's summary.

        Args:
            completion: what came back, if anything.
            failure: why there is no strict answer, if so; decides nothing where a completion
                holds an object, since production does not look further.
        """
        if not self._json:
            strict = None if completion is None or failure else self.read(completion)
            if isinstance(strict, Answer):
                return strict
            shown = fallback()
            return Answer({"text": shown.fields["summary"]}, rules=shown.rules)
        if completion is None:
            return fallback()
        parts = split_thinking(completion.text)
        best = find_objects(parts.visible, self._required).best
        if best is None:
            return fallback(parts.thinking)
        return apply_rules(best.fields, self._bands, parts.thinking)

    def _judge(
        self, completion: Completion, parts: Parts, search: Search, found: Found
    ) -> Answer | Failure:
        fields = found.fields
        summary = fields.get("summary")
        if isinstance(summary, str) and summary.lstrip().startswith(self._fallback):
            return _failure(completion, Cause.FALLBACK, f"the summary is {_excerpt(summary)}")
        if not self._required <= fields.keys() or type(fields) is Doubled:
            complaints = self._structure(fields)
        else:
            complaints = []
        doubled: list[str] = []
        ill: set[str] = set()
        for name, value in fields.items():
            kind = type(value)
            if name.isascii() and ((kind is str and value.isascii()) or kind is int):
                continue  # most values; the rest is looked at closely
            why, inside = examine(value)
            doubled += inside
            if why or trouble(name):
                ill.add(name)
                complaints.append(f"{_name(name)} {why or trouble(name)}")
        for rule in self._rules:
            name = rule.name
            if name in fields and not rule.accepts(fields[name]) and name not in ill:
                complaints.append(rule.complaint(fields[name]))
        if complaints:
            more = len(complaints) - _COMPLAINTS
            detail = "; ".join(complaints[:_COMPLAINTS]) + (f"; and {more} more" * (more > 0))
            return _failure(completion, Cause.INVALID, detail)
        if type(fields) is Doubled:
            doubled += fields.keys_doubled
        findings = _findings(completion, parts, search, found, doubled)
        return Answer(fields, parts.thinking, findings)

    def _structure(self, fields: Mapping[str, Any]) -> list[str]:
        """Return what is wrong with the keys."""
        missing = [key for key in self._require if key not in fields]
        complaints = [f"missing: {', '.join(missing)}"] if missing else []
        if isinstance(fields, Doubled):
            complaints += [
                f"{_name(key)} stands twice with different values"
                for key, differs in fields.keys_doubled.items()
                if differs and key in self._ruled
            ]
        return complaints

    def _unreadable(self, completion: Completion, parts: Parts, search: Search) -> Failure:
        if completion.finish == "length":
            where = "while thinking" if parts.unclosed else "before the answer was complete"
            detail = f"cut off by the token limit {where}"
            return _failure(completion, Cause.TRUNCATED, detail)
        if search.deep:
            detail = f"an object is nested deeper than {MAX_DEPTH} levels"
        elif search.cut_at is not None:
            detail = f"the object at character {search.cut_at + 1:,} is never closed"
        elif search.error:
            detail = f"no valid JSON object: {search.error}"
        elif parts.visible.strip():
            size = len(parts.visible)
            detail = f"no JSON object in {size:,} characters: {_excerpt(parts.visible)}"
        elif parts.unclosed:
            detail = "the thinking is never closed, and no answer precedes it"
        else:
            detail = "nothing follows the thinking"
        return _failure(completion, Cause.UNPARSEABLE, detail)

    def _read_text(self, completion: Completion, parts: Parts) -> Answer | Failure:
        text = parts.visible.strip()
        cut = completion.finish == "length"
        if not text:
            if cut:
                detail = "cut off by the token limit while thinking"
                return _failure(completion, Cause.TRUNCATED, detail)
            return _failure(completion, Cause.EMPTY, "nothing but thinking")
        if text.startswith(self._fallback):
            return _failure(completion, Cause.FALLBACK, f"the text is {_excerpt(text)}")
        if why := trouble(text):
            return _failure(completion, Cause.INVALID, f"the text {why}")
        findings = ("cut off by the token limit",) if cut else ()
        return Answer({"text": text}, parts.thinking, findings + _thinking_findings(parts))


def _findings(
    completion: Completion, parts: Parts, search: Search, found: Found, doubled: list[str]
) -> tuple[str, ...]:
    """Return the departures of a valid answer."""
    findings = list(_thinking_findings(parts))
    text = parts.visible
    if found.start or found.end < len(text):
        before, after = text[: found.start].strip(), text[found.end :].strip()
        if before.endswith(("```json", "```")) and after.startswith("```"):
            findings.append("code fence")
            before = before.removesuffix("json").removesuffix("```")
            after = after.removeprefix("```")
        if before:
            findings.append("text before the object")
        if after:
            findings.append("text after the object")
    if search.count > 1:
        findings.append(f"{search.count:,} objects")
    if search.cut_at is not None:
        findings.append("a further object is never closed")
    if completion.finish == "length":
        findings.append("cut off by the token limit behind the answer")
    if doubled:
        findings.append(f"duplicate key {_excerpt(doubled[0])}")
    return tuple(findings)


def _thinking_findings(parts: Parts) -> tuple[str, ...]:
    found = ("thinking is never closed",) if parts.unclosed else ()
    return (*found, "stray </think>") if parts.stray else found


def _failure(completion: Completion, cause: Cause, detail: str) -> Failure:
    return Failure(cause, detail, None, completion.attempts, completion.latency_s)


def _excerpt(text: str) -> str:
    """Return the beginning of a text, escaped, fit for a message."""
    text = text[: 20 * _EXCERPT].strip()
    return repr(text if len(text) <= _EXCERPT else text[:_EXCERPT] + "...")


def _name(name: str) -> str:
    return name if name.isidentifier() and len(name) <= _EXCERPT else _excerpt(name)
