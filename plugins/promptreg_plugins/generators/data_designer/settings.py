"""Which columns are written, by which model, told what: the settings, checked and joined."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from promptreg.errors import SuiteError, did_you_mean
from promptreg.rubrics import RUBRICS
from promptreg_plugins.generators.data_designer import columns as c
from promptreg_plugins.generators.data_designer.models import Model
from promptreg_plugins.generators.data_designer.own_columns import (
    check_keys,
    read_alias,
    read_most,
    read_own,
    read_prompt,
)
from promptreg_plugins.generators.data_designer.references import check_circles, references
from promptreg_plugins.generators.data_designer.schemas import judge_schema

__all__ = ["Chosen", "choose"]

_COLUMN_KEYS = ("name", "model", "prompt", "max_tokens")
_DEFAULT = (
    "scenario_narrative",
    "detections",
    "enrichment_context",
    "ground_truth",
    "expected_summary",
    "reasoning_key_points",
    *c.DIMENSIONS,
)


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is to be made.

    Attributes:
        columns: those that Data Designer makes, in an order in which each has what it needs.
        dimensions: the judge's, as they are to be in the row.
        embeddings: of `EMBEDDINGS`.
        values: own columns that are drawn: name to values.
        seeds: columns of the rule-made row that prompts use.
    """

    columns: tuple[c.Column, ...]
    dimensions: tuple[str, ...]
    embeddings: tuple[str, ...]
    values: Mapping[str, Sequence[str]]
    seeds: tuple[str, ...]

    @property
    def asked(self) -> tuple[c.Column, ...]:
        """Those that a model is asked for."""
        return tuple(column for column in self.columns if column.kind != "expression")


def choose(
    given: Sequence[Any] | None,
    own: Sequence[Any],
    models: Mapping[str, Model],
    *,
    known: Collection[str],
    scenes: bool,
    images: bool,
    vision: str,
    embedder: bool,
) -> Chosen:
    """Return what is to be made.

    Args:
        given: built-in columns, names or mappings; None: all that can be written.
        own: the user's own columns.
        models: by alias; the first one writes, `judge` judges if there is one.
        known: names of the rule-made row's columns, which prompts may use.
        scenes: whether the rows are scenes, which alone have built-in columns.
        images: whether there are images; and who looks at them is `vision`.
        vision: an alias, or empty.
        embedder: whether there is one.

    Raises:
        SuiteError: a name is unknown, or something is missing for a column.
    """
    if not scenes and given:
        raise SuiteError("columns: the recipe 'plain' has none built in; name your own under 'own'")
    if given is None:
        default = [*_DEFAULT] if scenes else []
        default += [*(c.EMBEDDINGS if embedder and scenes else ())]
        given = [*default, *(c.VISION if images and scenes else ())]
    names, changed = _names(given)
    _check_needs(names, images=images, vision=vision, embedder=embedder)
    dimensions = tuple(d for d in c.DIMENSIONS if d in names)
    made = [_built_in(n, changed.get(n, {}), models, vision) for n in c.BUILT_IN if n in names]
    if dimensions:
        made.append(_judge(c.JUDGE, dimensions, changed.get(c.JUDGE, {}), models))
        made += [
            c.Column(d, "expression", f"{{{{ {c.JUDGE}.{d}.score }}}}", dtype="int")
            for d in dimensions
        ]
    values: dict[str, Sequence[str]] = {}
    taken = {*known, *names, *c.RULES, *c.BUILT_IN, *c.EMBEDDINGS, "slot", c.IMAGE}
    for i, entry in enumerate(own):
        column, words = read_own(entry, f"own[{i}]", models, taken)
        taken.add(column.name)
        if words is not None:
            values[column.name] = words
        else:
            made.append(column)
    if not made:
        raise SuiteError("columns: nothing is to be written; without columns, use 'grid'")
    here = {column.name for column in made}
    used: dict[str, None] = {}
    for column in made:
        for name in references(column, {*known, *values, *here} - {column.name}):
            if name not in here:
                used[name] = None
    if any(column.image for column in made):
        used[c.IMAGE] = None
    check_circles(made)
    embeddings = tuple(e for e in c.EMBEDDINGS if e in names)
    return Chosen(tuple(made), dimensions, embeddings, values, tuple(used))


def _names(given: Sequence[Any]) -> tuple[list[str], dict[str, Mapping[str, Any]]]:
    known = [*c.BUILT_IN, *c.DIMENSIONS, *c.EMBEDDINGS]
    names: list[str] = []
    changed: dict[str, Mapping[str, Any]] = {}
    for i, entry in enumerate(given):
        where = f"columns[{i}]"
        name = entry.get("name") if isinstance(entry, Mapping) else entry
        if name in c.RULES or name in c.ATTRIBUTES:
            raise SuiteError(f"{where}: {name!r} is always there; take it out of the list")
        if name not in known:
            near = did_you_mean(str(name), known)
            raise SuiteError(
                f"{where}: no column is called {name!r:.60}{near}; there are: {', '.join(known)}"
            )
        if name in names:
            raise SuiteError(f"{where}: {name!r} is there twice")
        names.append(str(name))
        if isinstance(entry, Mapping):
            check_keys(entry, _COLUMN_KEYS, where)
            changed[str(name)] = entry
    if c.JUDGE in names:
        raise_for = [d for d in c.DIMENSIONS if d in names]
        if not raise_for:
            names += c.DIMENSIONS
    return names, changed


def _check_needs(names: Collection[str], *, images: bool, vision: str, embedder: bool) -> None:
    for name in names:
        if name in c.VISION and not (images and vision):
            raise SuiteError(
                f"columns: {name} needs 'images' (a folder) and 'vision' (the alias of a model "
                "that takes images)"
            )
        if name in c.EMBEDDINGS and not embedder:
            raise SuiteError(
                f"columns: {name} needs an embedder, such as embedder: {{use: "
                "sentence_transformers, model: mpnet}}"
            )
    if "vision_alignment_score" in names and "nvidia_vision_description" not in names:
        raise SuiteError("columns: vision_alignment_score needs nvidia_vision_description")


def _built_in(
    name: str, changed: Mapping[str, Any], models: Mapping[str, Model], vision: str
) -> c.Column:
    column = c.BUILT_IN[name]
    if name == "vision_alignment_score":
        return _judge(name, (), changed, models)
    alias = vision if column.image else next(iter(models))
    return _changed(replace(column, model=alias), changed, models)


def _judge(
    name: str, dimensions: Sequence[str], changed: Mapping[str, Any], models: Mapping[str, Model]
) -> c.Column:
    """Return a judge's column; without dimensions it is the one on how two descriptions match."""
    scores: list[Mapping[str, Any]] = [{"name": d, **RUBRICS[d]} for d in dimensions] or [
        {"name": "alignment", "question": "Do the two describe the same?", "anchors": _ALIKE}
    ]
    column = replace(
        c.BUILT_IN[name],
        model="judge" if "judge" in models else next(iter(models)),
        scores=scores,
        schema=judge_schema([str(s["name"]) for s in scores]),
    )
    return _changed(column, changed, models)


_ALIKE = {
    1: "They contradict each other, or share nothing.",
    2: "They share something, but what matters differs.",
    3: "What matters is in both; some of the rest differs.",
    4: "The same objects, in the same roles.",
}


def _changed(column: c.Column, changed: Mapping[str, Any], models: Mapping[str, Model]) -> c.Column:
    where = f"columns: {column.name}"
    return replace(
        column,
        model=read_alias(changed.get("model", column.model), models, where),
        prompt=read_prompt(changed.get("prompt", column.prompt), where),
        max_tokens=read_most(changed.get("max_tokens", column.max_tokens), where),
    )
