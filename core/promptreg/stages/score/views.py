"""Read-only views of what scorers are shown, so that no plug-in changes what the next one sees."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from promptreg.records import Answer, Completion, Scenario

__all__ = ["answer_view", "completion_view", "scenario_view"]

_PLAIN = frozenset({str, int, float, bool, type(None)})


def _frozen(value: Any) -> Any:
    """Return the value with mappings as read-only views and lists and arrays as tuples."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, (dict, Mapping)):  # dict first: asking the abstract class is dear
        if _PLAIN.issuperset(map(type, value.values())):
            return MappingProxyType(value)  # nothing below to protect: no copy needed
        return MappingProxyType({key: _frozen(item) for key, item in value.items()})
    if isinstance(value, (list, tuple)):
        return tuple(_frozen(item) for item in value)
    if hasattr(value, "tolist"):  # numpy arrays and scalars, as Parquet readers may give
        return _frozen(value.tolist())
    return value


class _ReadOnly(Mapping[str, Any]):
    """A mapping whose values are frozen when somebody looks at them; most are never looked at."""

    __slots__ = ("_inner",)

    def __init__(self, inner: Mapping[str, Any]) -> None:
        self._inner = inner

    def __getitem__(self, key: str) -> Any:
        return _frozen(self._inner[key])

    def __iter__(self) -> Iterator[str]:
        return iter(self._inner)

    def __len__(self) -> int:
        return len(self._inner)


def answer_view(answer: Answer | None) -> Answer | None:
    """Return the answer with read-only fields."""
    if answer is None:
        return None
    return Answer(_frozen(answer.fields), answer.thinking, answer.findings, answer.rules)


def completion_view(completion: Completion | None) -> Completion | None:
    """Return the completion with read-only mappings."""
    if completion is None or not (completion.extra or completion.scores):
        return completion
    return Completion(  # `replace` takes twice as long
        completion.text,
        completion.finish,
        completion.model,
        completion.prompt_tokens,
        completion.completion_tokens,
        completion.latency_s,
        completion.cost,
        completion.attempts,
        completion.raw,
        _frozen(completion.extra) if completion.extra else completion.extra,
        _frozen(completion.scores) if completion.scores else completion.scores,
        completion.cached,
    )


def scenario_view(scenario: Scenario) -> Scenario:
    """Return the scenario with read-only mappings."""
    return replace(
        scenario,
        variables=_ReadOnly(scenario.variables),
        ground_truth=_frozen(scenario.ground_truth),
        attributes=_frozen(scenario.attributes),
    )
