"""Texts between GOOD and BAD: which can be made, what they are called, and their tests."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from promptreg.errors import TemplateError
from promptreg.pipeline.bisect.ends import Ends
from promptreg.pipeline.bisect.tester import Tested, Tester
from promptreg.pipeline.project import Project
from promptreg.records import Scenario, Template
from promptreg.stages.bisect import Edit, Outcome, Parts, find_parts, split_edit
from promptreg.stages.render import ROLE_TOKENS, check_rendering, compile_template
from promptreg.verdicts import Slice

__all__ = ["Halfway"]

_TRIED = 100
"""Scenarios on which it is found out which pieces need which; a test renders all of them."""
_ROLES = re.compile("|".join(re.escape(token) for token in ROLE_TOKENS))


@dataclass(frozen=True)
class Halfway:
    """The edit between two texts, in pieces that can be made one without the other.

    Attributes:
        good, bad: both ends.
        edit: its pieces.
        parts: which of them can be told apart.
    """

    good: Template
    bad: Template
    edit: Edit
    parts: Parts

    @classmethod
    def of(
        cls, project: Project, ends: Ends, split: str | None, served: Sequence[Scenario]
    ) -> Halfway:
        """Cut the edit between both ends; no call is made.

        Raises:
            UsageError: both texts are the same, or there is no such way to cut.
        """
        edit = split_edit(ends.good.text, ends.bad.text, split)
        some = served[:: max(1, len(served) // _TRIED)]
        loose = project.suite.allow_role_tokens

        @cache
        def valid(subset: frozenset[int]) -> bool:
            template = _between(ends.good, ends.bad, edit, subset)
            if isinstance(template, str):
                return False
            try:
                renderer = compile_template(template, clock=project.suite.clock)
            except TemplateError:
                return False
            return not check_rendering(renderer, some, allow_role_tokens=loose)

        parts = find_parts([piece.number for piece in edit.pieces], valid)
        return cls(ends.good, ends.bad, edit, parts)

    def template(self, units: Iterable[int]) -> Template | str:
        """Return GOOD with some units of the edit, or why there is no such text."""
        return _between(self.good, self.bad, self.edit, self.parts.pieces(units))

    def label(self, units: Iterable[int]) -> str:
        """Return what that text is called: `v1+2`, or `v2-3` where that is shorter."""
        return _label(self.good, self.bad, self.edit, self.parts.pieces(units))

    def judge(
        self,
        tester: Tester,
        units: frozenset[int],
        targets: Sequence[tuple[str, Slice | None]],
        level: float,
    ) -> Outcome:
        """Test GOOD with some units of the edit."""
        template = self.template(units)
        if isinstance(template, str):
            tester.tests.append(Tested(self.label(units), Outcome.BROKEN, note=template))
            return Outcome.BROKEN
        return tester.test(template, targets, level).outcome


def _label(good: Template, bad: Template, edit: Edit, chosen: frozenset[int]) -> str:
    left_out = {piece.number for piece in edit.pieces} - chosen
    if len(left_out) < len(chosen):
        return f"{bad.label}-{_ranges(left_out)}"
    return f"{good.label}+{_ranges(chosen)}"


def _ranges(numbers: Iterable[int]) -> str:
    """Return numbers in short: `1,3..6`."""
    runs: list[list[int]] = []
    for n in sorted(numbers):
        if runs and n == runs[-1][-1] + 1:
            runs[-1].append(n)
        else:
            runs.append([n])
    parts = (f"{r[0]}..{r[-1]}" if len(r) > 2 else ",".join(map(str, r)) for r in runs)
    return ",".join(parts)


def _between(good: Template, bad: Template, edit: Edit, chosen: frozenset[int]) -> Template | str:
    text = edit.apply(chosen)
    if not text.strip():
        return "nothing is left of the text"
    roles = _ROLES.findall(good.text)
    if roles == _ROLES.findall(bad.text) != _ROLES.findall(text):
        return "the tokens that mark who speaks would be doubled, missing or out of order"
    label = _label(good, bad, edit, chosen)
    return Template(
        good.name, label, bad.engine, text, source=f"between {good.label} and {bad.label}"
    )
