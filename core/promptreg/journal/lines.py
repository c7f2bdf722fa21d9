"""Events as lines of text, and back: one JSON object a line, always spelt alike, hashed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

from promptreg.errors import DataError
from promptreg.journal.events import (
    Decision,
    Event,
    How,
    Labelled,
    Moved,
    Registered,
    content_sha256,
)
from promptreg.journal.fields import Fields
from promptreg.journal.names import MAX_TEXT, is_name

__all__ = ["SCHEMA", "line_of", "parse_line"]

SCHEMA = 1
_HOW: tuple[How, ...] = ("promoted", "initial", "rolled_back")
_KINDS = ("registered", "labelled", *_HOW)
_ENGINES = ("format", "jinja", "raw")
_CONFLICT = ("<<<<<<<", "=======", ">>>>>>>", "|||||||")


def line_of(event: Event) -> str:
    """Return an event as one line of ASCII without its end; keys in a fixed order."""
    content = _content(event)
    return json.dumps({**content, "id": _id(content)}, separators=(",", ":"), allow_nan=False)


def _content(event: Event) -> dict[str, Any]:
    kind = event.how if isinstance(event, Moved) else type(event).__name__.lower()
    head = {"schema": SCHEMA, "event": kind, "at": event.at, "by": event.by}
    head |= {"commit": event.commit, "template": event.template}
    if isinstance(event, Moved):
        return head | {
            "alias": event.alias,
            "from": event.from_sha256,
            "to": event.to_sha256,
            "label": event.label,
            "after": list(event.after),
            "decision": _decision(event.decision),
            "override": event.override,
            "reason": event.reason,
        }
    head |= {"label": event.label, "sha256": event.sha256}
    if isinstance(event, Labelled):
        return head
    return head | {
        "engine": event.engine,
        "variables": list(event.variables),
        "source": event.source,
        "text": event.text,
    }


def _decision(decision: Decision | None) -> dict[str, Any] | None:
    if decision is None:
        return None
    return {
        "verdict": decision.verdict,
        "exit_code": decision.exit_code,
        "reasons": list(decision.reasons),
        "baseline_run": decision.baseline_run,
        "candidate_run": decision.candidate_run,
        "provider": decision.provider,
        "policy_sha256": decision.policy_sha256,
        "report_sha256": decision.report_sha256,
        "options": list(decision.options),
    }


def _id(content: dict[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def parse_line(text: str, where: str) -> Event:
    """Return the event of a line.

    Args:
        text: the line.
        where: file and line number; begins every message.

    Raises:
        DataError: it is damaged, was edited by hand, or was written by a newer promptreg.
    """
    data = _load(text, where)
    fields = Fields(data, where)
    schema = fields.whole("schema")
    if schema > SCHEMA:
        raise DataError(
            f"{where}: schema {schema}, written by a newer promptreg; this one reads {SCHEMA}"
        )
    if schema != SCHEMA:
        raise fields.wrong("schema", schema, str(SCHEMA))
    kind = fields.one_of("event", _KINDS)
    told = fields.text("id")
    event = _event(kind, fields)
    fields.end()
    for what, name in (("template", event.template), ("label", event.label)):
        if not is_name(name):
            raise fields.wrong(what, name, "letters, digits, '.', '_' or '-'")
    if isinstance(event, Registered):
        found = content_sha256(event.engine, event.text)
        if found != event.sha256:
            raise DataError(
                f"{where}: the text of {event.template}@{event.label} was changed: it hashes to "
                f"{found[:12]}, registered was {event.sha256[:12]}; restore the line from git"
            )
    found = _id(_content(event))
    if told != found:
        raise DataError(
            f"{where}: was changed after it was written (its id is {told:.20}, its content gives "
            f"{found}); restore the line from git"
        )
    return replace(event, id=found) if isinstance(event, Moved) else event


def _load(text: str, where: str) -> Any:
    if text.startswith(_CONFLICT):
        raise DataError(
            f"{where}: an unresolved merge: {text[:20]!r}; keep the lines of both sides and remove "
            "the markers ('promptreg.registry.jsonl merge=union' in .gitattributes does that)"
        )
    try:
        return json.loads(text, object_pairs_hook=_pairs, parse_constant=_no_number)
    except (ValueError, RecursionError) as e:
        shown = "is empty" if not text.strip() else f"is damaged, no JSON ({e})"
        raise DataError(f"{where}: {shown}; restore the line from git") from e


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key appears twice")
    return found


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is no number")


def _event(kind: str, fields: Fields) -> Event:
    at, by, commit = fields.text("at"), fields.text("by"), fields.text("commit")
    template, label = fields.text("template"), fields.text("label")
    if kind == "labelled":
        sha256 = fields.sha256("sha256")
        return Labelled(at=at, by=by, commit=commit, template=template, label=label, sha256=sha256)
    if kind == "registered":
        return Registered(
            at=at,
            by=by,
            commit=commit,
            template=template,
            label=label,
            sha256=fields.sha256("sha256"),
            engine=fields.one_of("engine", _ENGINES),
            variables=fields.words("variables"),
            source=fields.text("source"),
            text=fields.text("text", MAX_TEXT),
        )
    alias = fields.text("alias")
    if not is_name(alias):
        raise fields.wrong("alias", alias, "letters, digits, '.', '_' or '-'")
    return Moved(
        at=at,
        by=by,
        commit=commit,
        how=next(how for how in _HOW if how == kind),
        template=template,
        alias=alias,
        from_sha256=fields.sha256("from", empty=True),
        to_sha256=fields.sha256("to"),
        label=label,
        after=fields.words("after"),
        decision=_read_decision(fields.nested("decision")),
        override=fields.text("override"),
        reason=fields.text("reason"),
    )


def _read_decision(fields: Fields | None) -> Decision | None:
    if fields is None:
        return None
    decision = Decision(
        verdict=fields.one_of("verdict", ("pass", "fail", "inconclusive", "not_comparable")),
        exit_code=fields.whole("exit_code"),
        reasons=fields.words("reasons"),
        baseline_run=fields.text("baseline_run"),
        candidate_run=fields.text("candidate_run"),
        provider=fields.text("provider"),
        policy_sha256=fields.text("policy_sha256"),
        report_sha256=fields.text("report_sha256"),
        options=fields.words("options"),
    )
    fields.end()
    return decision
