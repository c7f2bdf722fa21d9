"""Every combination that matters, told by rules: no model, the same rows for the same seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from promptreg.errors import SuiteError
from promptreg.protocols import Generated, GenerationPlan, GenerationRequest, Generator
from promptreg.records import Json
from promptreg_plugins.generators.design import Dice, Rule, cover, fill
from promptreg_plugins.generators.grid.settings import (
    make_space,
    read_attributes,
    read_quotas,
    read_rules,
)
from promptreg_plugins.generators.home_security.taxonomy import OWN_RULES, TAXONOMY

if TYPE_CHECKING:
    from promptreg_plugins.generators.grid.telling import Telling

__all__ = ["Grid"]

VERSION = 1
"""To be raised whenever the same settings come to mean other scenarios."""
_MOST_TUPLES = 500_000


class Grid(Generator):
    """Scenarios from a covering design and rules; no model.

    Args:
        recipe: `home_security` tells scenes before cameras; `plain` makes rows of attributes alone,
            for templates that need no more.
        attributes: values by attribute. `home_security` knows its own and takes them whole where
            nothing is said; `plain` has those that are given.
        strength: every possible combination of so many attributes' values occurs.
        constraints: combinations that must not occur, such as
            `{scenario_type: threat, primary_object: package}`; a list of values means any of them.
        quotas: least sizes of slices: `{where: {scenario_type: threat}, at_least: 400}`, or
            `margin: 0.1` instead, the change that a comparison on the slice shall be able to see.
            A list of values under `where` gives each of them the size.
        stories: a YAML file of stories, in place of those that come along; relative to the suite.
    """

    def __init__(
        self,
        recipe: Literal["home_security", "plain"] = "home_security",
        attributes: dict[str, Any] | None = None,
        strength: int = 2,
        constraints: list[dict[str, Any]] | None = None,
        quotas: list[dict[str, Any]] | None = None,
        stories: str | None = None,
    ) -> None:
        if recipe == "plain" and stories is not None:
            raise SuiteError("stories: the recipe 'plain' tells none; take it out")
        if recipe == "plain" and attributes is None:
            raise SuiteError("attributes: the recipe 'plain' has none of its own; name them")
        self._recipe = recipe
        self.rubrics = scenes = recipe == "home_security"
        self._attributes = read_attributes(attributes, TAXONOMY if scenes else None)
        self._given = [dict(c) for c in constraints or []]
        rules = read_rules(self._given, self._attributes)
        self._space = make_space(
            self._attributes, [*rules, *(_own(self._attributes) if scenes else ())]
        )
        self._quotas = read_quotas(quotas or [], self._space)
        if not 1 <= strength <= len(self._attributes):
            raise SuiteError(
                f"strength: found {strength}; allowed: 1 to {len(self._attributes)}, the number of "
                "attributes"
            )
        if (n := self._space.count(strength)) > _MOST_TUPLES:
            raise SuiteError(
                f"strength: {strength} means {n:,} combinations; at most {_MOST_TUPLES:,} are "
                "designed for"
            )
        self._strength = strength
        self._last: tuple[tuple[int, int | None], list[dict[str, str]]] | None = None
        self._telling = _telling(stories) if scenes else None

    def identity(self) -> Mapping[str, Json]:
        """Return the settings as they were understood."""
        facts: dict[str, Json] = {
            "generator": "grid",
            "version": VERSION,
            "recipe": self._recipe,
            "attributes": {name: list(values) for name, values in self._attributes.items()},
            "strength": self._strength,
            "constraints": [
                {name: list(words) for name, words in rule.where.items()}
                for rule in self._space.rules
            ],
            "quotas": [{"where": dict(q.where), "at_least": q.at_least} for q in self._quotas],
        }
        if self._telling is not None:
            facts["stories_sha256"] = self._telling.sha256
        return facts

    def plan(self, request: GenerationRequest) -> GenerationPlan:
        """Return the slots, and what they are designed to cover.

        Raises:
            SuiteError: the size does not hold what strength and quotas need.
        """
        cells = self._cells(request)
        return GenerationPlan(
            slots=[_slot(i) for i in range(len(cells))][: request.limit],
            attributes=self._attributes,
            strength=self._strength,
            forbidden=[dict(rule.where) for rule in self._space.rules],
            text=("scenario_narrative", "detections_list")
            if self._telling is not None
            else tuple(self._attributes),
        )

    def _cells(self, request: GenerationRequest) -> list[dict[str, str]]:
        """Return the attributes of every row: the covering array first, then what fills it up."""
        asked = request.seed, request.size
        if self._last is None or self._last[0] != asked:
            self._last = asked, self._design(request)
        return self._last[1]

    def _design(self, request: GenerationRequest) -> list[dict[str, str]]:
        space, dice = self._space, Dice("design", request.seed)
        covering = list(cover(space, self._strength, dice).rows)
        quotas = fill(space, covering, self._quotas, None, dice)
        needed = len(covering) + len(quotas)
        if request.size is not None and request.size < needed:
            raise SuiteError(
                f"size: {request.size} is too small: every combination of {self._strength} "
                f"attributes takes {len(covering)} scenarios"
                + (f", the quotas {len(quotas)} more; at least {needed}" if quotas else "")
            )
        rows = covering + quotas
        rows += fill(space, rows, (), request.size or needed, dice)
        return [space.words(row) for row in rows]

    def generate(self, request: GenerationRequest) -> Iterator[Generated]:
        """Yield the rows in the order of their slots."""
        cells = self._cells(request)
        told = self._telling
        made = _plain(cells) if told is None else told.tell(cells, request.seed)
        for i, generated in enumerate(made):
            if request.limit is not None and i >= request.limit:
                return
            if generated.slot not in request.done:
                yield generated


def _telling(stories: str | None) -> Telling:
    from promptreg_plugins.generators.grid.telling import Telling  # registering needs none of it

    return Telling(stories)


def _slot(i: int) -> str:
    return f"g{i + 1:05d}"


def _plain(cells: Sequence[Mapping[str, str]]) -> Iterator[Generated]:
    """Yield a row per cell; rows of one cell are one family."""
    families: dict[tuple[str, ...], str] = {}
    for i, cell in enumerate(cells):
        slot = _slot(i)
        family = families.setdefault(tuple(cell.values()), slot)
        yield Generated(slot, {"scenario_id": slot, "family": family, **cell})


def _own(attributes: Mapping[str, Sequence[str]]) -> list[Rule]:
    """Return the recipe's own rules, as far as the attributes still have such values."""
    rules = []
    for entry in OWN_RULES:
        where = {
            name: tuple(w for w in words if w in attributes[name]) for name, words in entry.items()
        }
        if all(where.values()):
            rules.append(Rule(where, "the recipe"))
    return rules
