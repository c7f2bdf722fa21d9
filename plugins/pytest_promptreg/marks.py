"""The mark `promptreg`: from its words to one test per template and slice."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from promptreg.errors import UsageError
from pytest_promptreg.asked import Asked, read_words
from pytest_promptreg.options import given_suite

if TYPE_CHECKING:
    from pytest_promptreg.session import State

__all__ = ["expand"]

_ARGUMENT = "promptreg_check"


def expand(metafunc: pytest.Metafunc, state: State) -> None:
    """Parametrize a marked function with the checks of its comparison.

    Raises:
        pytest.fail.Exception: the mark or the suite is wrong; without a traceback.
    """
    from pytest_promptreg.session import plainly

    where = metafunc.definition.nodeid
    with plainly():
        asked = _asked(_mark(metafunc.definition, where), metafunc.definition.path, state, where)
    planned = state.plan(asked)
    grouped = _grouped(metafunc, asked)
    if _ARGUMENT not in metafunc.fixturenames:
        metafunc.fixturenames.append(_ARGUMENT)  # the function need not ask for it
    metafunc.parametrize(
        _ARGUMENT,
        [pytest.param(one, id=one.check.id, marks=grouped) for one in planned],
        indirect=True,
    )


def _mark(node: pytest.Item, where: str) -> pytest.Mark:
    """Return the closest mark; two on one function, class or module contradict each other."""
    found = list(node.iter_markers_with_node("promptreg"))
    owner, mark = found[0]
    if sum(other is owner for other, _ in found) > 1:
        raise UsageError(f"{where}: two marks promptreg on one {type(owner).__name__.lower()}")
    return mark


def _asked(mark: pytest.Mark, path: Path, state: State, where: str) -> Asked:
    words: dict[str, Any] = dict(mark.kwargs)
    if len(mark.args) > 2:
        raise UsageError(f"{where}: the mark promptreg takes baseline and candidate, then keywords")
    for side, value in zip(("baseline", "candidate"), mark.args, strict=False):
        if side in words:
            raise UsageError(f"{where}: the mark promptreg says its {side} twice")
        words[side] = value
    read = read_words(words, where)
    for side in ("baseline", "candidate"):
        value = words.get(side, state.config.getoption(f"promptreg_{side}"))
        if not isinstance(value, str) or not value:
            raise UsageError(
                f"{where}: the mark promptreg needs a {side}, such as 'v1', or "
                f"--promptreg-{side}; found {value!r}"
            )
        read[side] = value
    suite = _suite(words.get("suite"), path, state, where)
    return Asked(suite=suite, **read)


def _suite(named: Any, path: Path, state: State, where: str) -> Path:
    """Return the suite file: the mark's, from the test's folder or rootdir, else the session's."""
    if named is None:
        return state.project(given_suite(state.config)).path
    if not isinstance(named, (str, Path)):
        raise UsageError(f"{where}: suite is {named!r}; allowed: a path")
    places = [path.parent / named, state.config.rootpath / named]
    for place in places:
        if place.exists():
            return state.project(place).path
    tried = " and ".join(dict.fromkeys(str(place) for place in places))
    raise UsageError(f"{where}: there is no suite {str(named)!r}; looked for {tried}")


def _grouped(metafunc: pytest.Metafunc, asked: Asked) -> list[pytest.MarkDecorator]:
    """Keep the checks of one comparison together under `--dist loadgroup` of pytest-xdist."""
    known = metafunc.config.pluginmanager.hasplugin("xdist")
    if not known or metafunc.definition.get_closest_marker("xdist_group") is not None:
        return []
    return [pytest.mark.xdist_group(f"promptreg-{asked.key[:12]}")]
