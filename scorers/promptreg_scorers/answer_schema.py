"""Whether an answer keeps rules that are wished for rather than required."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from promptreg import Scale, Score, Scorer, Trial

__all__ = ["AnswerSchema"]


class AnswerSchema(Scorer):
    """1 where the answer's fields keep all rules given here, else 0.

    The suite's `answer` section says what an answer must be: breaking that is a failure. Here
    stand rules that may be broken: a length that is wished for, a field that is nice to have, no
    fields besides. Without rules of its own it is the share of trials that keep the suite's.
    Higher is better. Never unscored.

    Example: `fields: {summary: {type: string, max_length: 80}}`: a summary of 81 characters
    gives 0.

    Args:
        fields: field to rule (`type`, `minimum`, `maximum`, `enum`, `max_length`), as in the
            suite's `answer.fields`; applies where the field is present.
        require: fields that must be present.
        only: whether fields that neither `fields` nor `require` names break the rules.
        name: the metric's name.
    """

    def __init__(
        self,
        fields: Mapping[str, Mapping[str, Any]] | None = None,
        require: list[str] | None = None,
        only: bool = False,
        name: str = "answer_schema",
    ) -> None:
        # pydantic comes with the suite; nobody else has to load it to register scorers
        from promptreg.stages.parse import compile_rule
        from promptreg.suite import FieldRule

        fields, require = fields or {}, require or []
        if only and not fields and not require:
            raise ValueError("'only' needs to know which fields: give 'fields', 'require' or both")
        self._rules = []
        for key, rule in fields.items():
            unknown = sorted(set(rule) - set(FieldRule.model_fields))
            if unknown:
                allowed = ", ".join(FieldRule.model_fields)
                raise ValueError(f"fields.{key} has no rule {unknown[0]!r}; allowed: {allowed}")
            self._rules.append(compile_rule(key, FieldRule.model_validate(dict(rule))))
        self._require = tuple(require)
        self._named = frozenset(fields) | frozenset(require) if only else None
        self.scales = (Scale(name, "binary", margin=0.05),)

    def score(self, trial: Trial) -> Score:
        """Return whether all rules are kept; the note names the first that is not."""
        complaint = self._complaint(trial.answer.fields if trial.answer else {})
        return Score(self.scales[0], 0.0 if complaint else 1.0, complaint)

    def _complaint(self, fields: Mapping[str, Any]) -> str:
        for key in self._require:
            if key not in fields:
                return f"{key} is missing"
        for rule in self._rules:
            if rule.name in fields and not rule.accepts(fields[rule.name]):
                return rule.complaint(fields[rule.name])
        if self._named is not None:
            for key in fields:
                if key not in self._named:
                    return f"{key!r} is not among the fields named"
        return ""
