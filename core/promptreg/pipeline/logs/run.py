"""`import --format shadow` and `--format ab`: a log becomes recorded completions and scenarios."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from promptreg import numbers
from promptreg.errors import DataError, UsageError, did_you_mean
from promptreg.pipeline.logs.agreement import Agreement
from promptreg.pipeline.logs.answers import first_word, recorded_row
from promptreg.pipeline.logs.mapping import ANSWER_FIELDS, Mapped, missing_error, read_mapping
from promptreg.pipeline.logs.scenarios import ScenarioFile
from promptreg.pipeline.transfer import checked_source, rows_of_table, write_rows
from promptreg.records import Cause
from promptreg.stages.parse import AnswerReader
from promptreg.suite import AnswerEntry

__all__ = ["LogFormat", "Wish", "import_log"]

LogFormat = Literal["shadow", "ab"]
_SIDES = ("primary", "shadow")
_EVENT = ("scenario_id", "template")


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line says of a log.

    Attributes:
        form: `shadow`: a row holds both versions' answers to an event; `ab`: that of one.
        mapping: `OURS=THEIRS`.
        keep: columns that scenarios get.
        labels: `primary` and `shadow` to the label of all their answers.
        causes: `WORD=CAUSE`.
        scenarios: file to write scenarios to.
        answer: how answers are read, for the counts that are shown.
    """

    form: LogFormat
    mapping: Sequence[str] = ()
    keep: Sequence[str] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    causes: Sequence[str] = ()
    scenarios: str | None = None
    answer: AnswerEntry = AnswerEntry()


def import_log(source: str, output: str, wish: Wish) -> list[str]:
    """Write a log's answers as recorded completions; return what to tell, line by line.

    No row is left out: what was not logged of an answer becomes a gap, and an event that comes
    twice, or without an id or a version, is an error.

    Raises:
        DataError: the log cannot be read as declared; names row and column.
        UsageError: the declaration is malformed.
    """
    if wish.keep and not wish.scenarios:
        raise UsageError("--keep says which columns scenarios get; name their file: --scenarios")
    path = checked_source(source)
    log = _Log(path, wish)
    written = write_rows(log.rows(), Path(output), log.columns)
    if log.scenarios is not None:
        log.scenarios.write()
    return [f"wrote {written:,} completions to {output}", *log.told()]


class _Log:
    """One log on its way in."""

    def __init__(self, path: Path, wish: Wish) -> None:
        self.path, self.wish = path, wish
        names = [f"{s}.{f}" for s in _SIDES for f in ANSWER_FIELDS]
        scores = [f"{s}.score." for s in _SIDES]
        if wish.form == "ab":
            names, scores = list(ANSWER_FIELDS), ["score."]
        self.fields = [*_EVENT, *names]
        mapping = read_mapping(wish.mapping, wish.keep, [*self.fields, *scores])
        self.fields += [ours for ours in mapping.columns if ours not in self.fields]
        self.mapped = Mapped(mapping)
        self.causes = _causes(wish.causes)
        self.agreement = Agreement(AnswerReader(wish.answer))
        self.scenarios = ScenarioFile(Path(wish.scenarios)) if wish.scenarios else None
        self.columns = _columns(self.fields)
        self.events = 0
        self._seen: dict[tuple[str, str], tuple[int, str]] = {}
        self._words: Counter[str] = Counter()
        self._check_labels()

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield recorded completions."""
        for number, row in enumerate(rows_of_table(self.path), 1):
            where = f"{self.path}: row {number}"
            self.mapped.note(row)
            if None in row:  # what CSV has beyond its header
                raise DataError(f"{where}: has more cells than the header has columns")
            event = self._event(row, where)
            template = self.mapped.take(row, "template")
            head = {"scenario_id": event}
            head |= {"template": str(template)} if template not in (None, "") else {}
            if self.wish.form == "shadow":
                found = list(self._both(row, where))
            else:
                found = [self._side(row, "", where)]
            versions = " and ".join(str(f["version"]) for f in found)
            self._once(event, head.get("template", ""), number, versions)
            self.events += 1
            if self.scenarios is not None:
                self.scenarios.add(event, self.mapped.keep(row), where)
            answers = [self.agreement.one(str(f["version"]), f) for f in found]
            if len(answers) == len(_SIDES):
                self.agreement.two(event, answers[0], answers[1])
            for f in found:
                yield head | f
        if not self.events:
            raise DataError(f"{self.path}: holds no row")
        error = missing_error(self.path, self.mapped)
        if error is not None:
            raise error

    def told(self) -> list[str]:
        """Return what to tell of the log once it is read."""
        lines = []
        if self.scenarios is not None:
            lines.append(
                f"wrote {numbers.count(self.scenarios.count, 'scenario')} to {self.scenarios.path}"
            )
        lines += self.agreement.counts()
        if self.wish.form == "shadow":
            n, both = self.events, self.agreement.both
            lines.append(f"both answers can be read on {both:,} of {numbers.count(n, 'event')}")
            lines += [f"  {line}" for line in self.agreement.disagreements()]
        else:
            counts = {v: sum(c.values()) for v, c in self.agreement.outcomes.items()}
            shares = ", ".join(f"{v} {n / self.events:.1%}" for v, n in counts.items())
            lines.append(f"events went to: {shares}")
            lines.append(
                "to compare them, the suite must say what was drawn, and how often each version: "
                f"design: {{kind: unpaired, unit: scenario, split: {{{_split(counts)}}}}}"
            )
        for word in self.causes:
            if not self._words[word]:
                known = ", ".join(w for w, _ in self._words.most_common(10) if w) or "none"
                lines.append(f"--cause {word}: is no error's first word; first words are: {known}")
        unused = self.mapped.unused(self.fields)
        if unused:
            lines.append(f"columns not used: {', '.join(unused[:30])}")
        return lines

    def _both(self, row: Mapping[str, Any], where: str) -> Iterator[dict[str, Any]]:
        sides = [self._side(row, f"{side}.", where) for side in _SIDES]
        if sides[0]["version"] == sides[1]["version"]:
            raise DataError(
                f"{where}: primary and shadow are both of version {sides[0]['version']!r}"
            )
        yield from sides

    def _side(self, row: Mapping[str, Any], prefix: str, where: str) -> dict[str, Any]:
        label = self.wish.labels.get(prefix.rstrip("."))
        version = label or self.mapped.take(row, f"{prefix}version")
        if version in (None, "") or isinstance(version, (dict, list)):
            raise DataError(
                f"{where}: has no {prefix}version"
                + (
                    f" (--{prefix[:-1]} LABEL says it, or --map {prefix}version=COLUMN where it is)"
                    if prefix
                    else ": nobody knows which version answered it (--map version=COLUMN says "
                    "where it is)"
                )
            )
        if self.causes:
            self._words[first_word(self.mapped.take(row, f"{prefix}error"))] += 1
        told = recorded_row(
            row,
            self.mapped,
            prefix,
            where,
            causes=self.causes,
            csv=self.path.suffix == ".csv",
        )
        return {"version": str(version), **told}

    def _event(self, row: Mapping[str, Any], where: str) -> str:
        value = self.mapped.take(row, "scenario_id")
        if value in (None, "") or isinstance(value, (bool, float, dict, list)):
            column = self.mapped.mapping.columns.get("scenario_id", "scenario_id")
            raise DataError(
                f"{where}: no event id in {column!r} (--map scenario_id=COLUMN says where it is); "
                f"the row has: {', '.join(str(c) for c in row)}"
            )
        return str(value)

    def _once(self, event: str, template: str, number: int, versions: str) -> None:
        """Refuse an event that came before: a retry, or a log that is not what it is called."""
        key = (event, template)
        if key in self._seen:
            before, other = self._seen[key]
            raise DataError(
                f"{self.path}: rows {before} and {number} are of the same event {event!r} "
                f"({other}; {versions}); an event has one row. "
                + (
                    "Answered by both versions, it belongs to a shadow log"
                    if self.wish.form == "ab" and other != versions
                    else "Take out what was logged again by a retry"
                )
            )
        self._seen[key] = (number, versions)

    def _check_labels(self) -> None:
        mapped = self.mapped.mapping.columns
        for side, label in self.wish.labels.items():
            if self.wish.form == "ab":
                raise UsageError(f"--{side} is for --format shadow; an A/B log says who answered")
            if label and f"{side}.version" in mapped:
                raise UsageError(f"--{side} and --map {side}.version both name its version")


def _causes(given: Sequence[str]) -> dict[str, str]:
    known = [str(c) for c in Cause if c is not Cause.MISSING]
    found = {}
    for item in given:
        word, sign, cause = item.partition("=")
        if not sign or not word or cause not in known:
            raise UsageError(
                f"--cause {item!r}: must be WORD=CAUSE{did_you_mean(cause, known)}; CAUSE is one "
                f"of: {', '.join(known)}"
            )
        found[word] = cause
    return found


def _columns(fields: Sequence[str]) -> list[str]:
    plain = ["scenario_id", "template", "version", "text", "error", "latency_s"]
    plain += ["prompt_tokens", "completion_tokens", "finish", "model"]
    scores = [f[f.index("score.") :] for f in fields if "score." in f]
    return [*plain, *dict.fromkeys(scores)]


def _split(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{version}: SHARE" for version in counts)
