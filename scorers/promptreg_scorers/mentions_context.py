"""Whether an answer takes up what the scenario says besides what happened."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from promptreg import Scale, Scenario, Score, Scorer, Trial, Unscored
from promptreg_scorers._values import absent, fields_of, metric_name, shown, truth

__all__ = ["MentionsContext"]

_WORDS = re.compile(r"[^\W\d_]{4,}")
_SHOWN = 3
_REMEMBERED = 20_000
_COMMON_WORDS = """
about after again alone also always another anything because been before being between both
camera could detected detection does during each even every from have here into just last like
more most much near next none nothing only other over same seen several shows since some still
such than that their them then there these they this those time under until usual very well were
what when where which while will with within without would yet
"""
_COMMON = frozenset(_COMMON_WORDS.split())


class MentionsContext(Scorer):
    """Share of a scenario's context items that the answer mentions, and whether it mentions none.

    - `context_mentioned`: from 0 to 1. Higher is better.
    - `context_gap`: 1 where there is context and none of it is mentioned, else 0. Lower is better.

    An item is a column that the scenario fills; it is mentioned if one of its phrases, divided by
    `|`, is part of the fields' text (case and white space do not count). A column without phrases
    is mentioned if a word of it is: one of at least four letters that is neither common nor found
    in the scenario's other columns, for a word from there may have been taken from there. A column
    that has no such word is no item.

    Mentioned is not used: a template may repeat its context and not weigh it, or weigh it in words
    of its own. Phrases per column find more than single words. Whether context changes answers is
    what two runs tell, one of them on scenarios without it (`promptreg scenarios ablate`).

    Example: `columns: {reid_context: "seen before|known", zone_context: "porch|entry"}`, both
    filled, reasoning "A known neighbour at the gate": 0.5, no gap.

    A failed trial mentions nothing. Does not apply to scenarios without an item. Unscored where the
    ground truth named by `truth` is no list of texts.

    Args:
        columns: names of columns, or column to phrases.
        truth: a ground-truth column that lists which items a scenario has, such as
            `expected_enrichment_models`; names of `columns` are then names in that list, and each
            needs phrases.
        nothing: texts that mean that a column is empty, such as `Nothing related.`
        field: the field, or fields, in which items may be mentioned.
        name: put before both metrics, as in `NAME.context_gap`.
    """

    breaks_down = True

    def __init__(
        self,
        columns: list[str] | dict[str, str | None],
        truth: str = "",
        nothing: list[str] | None = None,
        field: str | list[str] | None = None,
        name: str = "",
    ) -> None:
        given = columns if isinstance(columns, Mapping) else dict.fromkeys(columns)
        self._phrases = {
            column: None if said is None else tuple(filter(None, map(_folded, said.split("|"))))
            for column, said in given.items()
        }
        blank = sorted(c for c, said in self._phrases.items() if said == ())
        if not self._phrases or blank:
            raise ValueError(
                f"columns is {columns!r}; allowed: names of columns, or column to phrases"
            )
        bare = sorted(c for c, said in self._phrases.items() if said is None)
        if truth and bare:
            raise ValueError(
                f"columns.{bare[0]} has no phrases; with 'truth' each name needs some: it is no "
                "column whose words could be looked for"
            )
        fields = ["reasoning", "summary"] if field is None else field
        self._fields = (fields,) if isinstance(fields, str) else tuple(fields)
        if not self._fields:
            raise ValueError("field is empty; allowed: a field's name, or a list of names")
        self._truth = truth
        self._nothing = frozenset(map(_folded, nothing or ()))
        self._items: dict[str, tuple[Scenario, Mapping[str, Sequence[str]] | str]] = {}
        before = f"{metric_name(name)}." if name else ""
        self.scales = (
            Scale(f"{before}context_mentioned", "bounded", margin=0.05),
            Scale(f"{before}context_gap", "binary", direction="lower_is_better", margin=0.05),
        )

    def applies(self, scenario: Scenario, scale: Scale) -> bool:
        """Return whether the scenario has an item, or may have one that cannot be read."""
        return bool(self._of(scenario))

    def worst(self, scenario: Scenario, scale: Scale) -> float | None:
        """Return the worst end; nothing where the items cannot be read."""
        return None if isinstance(self._of(scenario), str) else scale.worst

    def score(self, trial: Trial) -> tuple[Score | Unscored, ...]:
        """Return the share and whether there is a gap; the note names what is missing."""
        items = self._of(trial.scenario)
        if isinstance(items, str) or not items:
            reason = items if isinstance(items, str) else "the scenario has no context"
            return tuple(scale.unscored(reason) for scale in self.scales)
        fields = fields_of(trial)
        text = "\n".join(
            _folded(value) for name in self._fields if isinstance(value := fields.get(name), str)
        )
        words = set(_words(text))
        missed = [
            item
            for item, signs in items.items()
            if not any(
                (sign in words) if self._phrases[item] is None else (sign in text) for sign in signs
            )
        ]
        note = f"not mentioned: {', '.join(missed[:_SHOWN])}" if missed else ""
        return (
            Score(self.scales[0], 1.0 - len(missed) / len(items), note),
            Score(self.scales[1], 1.0 if len(missed) == len(items) else 0.0, note),
        )

    def _of(self, scenario: Scenario) -> Mapping[str, Sequence[str]] | str:
        """Return each item with what tells that it is mentioned, or what is wrong; kept."""
        known = self._items.get(scenario.id)
        if known is None or known[0] is not scenario:
            if len(self._items) >= _REMEMBERED:
                self._items.clear()
            known = self._items[scenario.id] = (scenario, self._read(scenario))
        return known[1]

    def _read(self, scenario: Scenario) -> Mapping[str, Sequence[str]] | str:
        if self._truth:
            listed = truth(scenario, self._truth)
            if listed is None:
                return {}
            if not isinstance(listed, (list, tuple)) or not all(isinstance(i, str) for i in listed):
                return f"{self._truth} is {shown(listed)}; allowed: a list of texts"
            return {item: said for item, said in self._phrases.items() if said and item in listed}
        filled = {c: v for c in self._phrases if (v := self._filled(scenario.variables.get(c)))}
        others: set[str] | None = None
        found: dict[str, Sequence[str]] = {}
        for column, text in filled.items():
            signs: Sequence[str] | None = self._phrases[column]
            if signs is None:
                if others is None:
                    others = self._elsewhere(scenario)
                signs = sorted(_words(_folded(text)) - others)
            if signs:
                found[column] = signs
        return found

    def _filled(self, value: Any) -> str:
        """Return a column's text; empty where it says that there is nothing."""
        if absent(value) or isinstance(value, bool):
            return ""
        text = str(value)
        return "" if not text.strip() or _folded(text) in self._nothing else text

    def _elsewhere(self, scenario: Scenario) -> set[str]:
        """Return the words of all columns that are no context."""
        texts = [
            value
            for name, value in scenario.variables.items()
            if name not in self._phrases and isinstance(value, str)
        ]
        return set().union(*(_words(_folded(text)) for text in texts)) if texts else set()


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _words(folded: str) -> set[str]:
    """Return the words that say something, without a plural's s."""
    found = {word.removesuffix("s") for word in _WORDS.findall(folded)}
    return found - _COMMON
