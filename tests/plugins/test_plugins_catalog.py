"""The catalogue: names, owners, settings and the messages when they are wrong."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Literal

import pytest

from promptreg import PromptregError, Scale, Score, Scorer, Trial
from promptreg.errors import PluginError, SuiteError
from promptreg.registry import Catalog

if TYPE_CHECKING:
    from decimal import Decimal


class Bare(Scorer):
    scales = (Scale("bare"),)

    def score(self, trial: Trial) -> Score:
        return self.scales[0].score(1.0)


class Counted(Bare):
    """Counts things.

    And says more.
    """

    def __init__(
        self, field: str, at_least: float = 1.0, how: Literal["any", "all"] = "any"
    ) -> None:
        if at_least < 0:
            raise ValueError("at_least must be 0 or more")
        self.given = (field, at_least, how)


@pytest.fixture
def catalog() -> Catalog[Scorer]:
    made: Catalog[Scorer] = Catalog("scorer")
    made.owned_by("own-plugin 1.0")
    made.add("counted", Counted)
    made.add("bare", Bare)
    return made


def test_unknown_name_lists_what_there_is_and_the_nearest(catalog: Catalog[Scorer]) -> None:
    with pytest.raises(PluginError) as caught:
        catalog.get("countd")
    assert str(caught.value) == (
        "no scorer is called 'countd' (did you mean 'counted'?); there are: bare, counted"
    )


def test_unknown_name_in_an_empty_catalogue() -> None:
    with pytest.raises(PluginError, match="there are: none"):
        Catalog("scorer").get("x")


def test_a_broken_distribution_is_named_where_its_plugin_may_be_missed(
    catalog: Catalog[Scorer],
) -> None:
    catalog.missing = {"judges 2.0": "ImportError: no torch"}
    with pytest.raises(
        PluginError, match=r"judges 2\.0 could not be loaded: ImportError: no torch"
    ):
        catalog.get("judge")


def test_two_plugins_claiming_one_name_are_both_named(catalog: Catalog[Scorer]) -> None:
    catalog.owned_by("other 2.0")
    with pytest.raises(PluginError, match=r"'counted': own-plugin 1\.0 and other 2\.0"):
        catalog.add("counted", Counted)


@pytest.mark.parametrize("name", ["", "Shout", "1st", "a b", "-x", "ünder", "x\n"])
def test_malformed_names_are_refused(catalog: Catalog[Scorer], name: str) -> None:
    with pytest.raises(PluginError, match=r"own-plugin 1\.0 registers a scorer called"):
        catalog.add(name, Bare)


def test_what_cannot_be_called_is_refused(catalog: Catalog[Scorer]) -> None:
    with pytest.raises(PluginError, match="allowed: a class or function"):
        catalog.add("x", Bare())  # type: ignore[arg-type]  # what this test is about


def test_settings_reach_the_factory(catalog: Catalog[Scorer]) -> None:
    made = catalog.create("counted", {"field": "summary", "at_least": 2, "how": "all"})
    assert isinstance(made, Counted)
    assert made.given == ("summary", 2.0, "all")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "needs the setting 'field'"),
        ({"field": "x", "atleast": 1}, r"takes no setting 'atleast' \(did you mean 'at_least'\?\)"),
        ({"field": "x", "at_least": "many"}, r"at_least: .* \(found 'many'\)"),
        ({"field": ["x"]}, r"field: .*valid string"),
        ({"field": "x", "how": "some"}, r"how: .*'any' or 'all'"),
        ({"field": "x", "at_least": -1}, "at_least must be 0 or more"),
    ],
)
def test_wrong_settings_are_explained(
    catalog: Catalog[Scorer], settings: dict[str, object], message: str
) -> None:
    with pytest.raises(SuiteError, match=f"suite.yaml: scorers\\[0\\].*{message}"):
        catalog.create("counted", settings, "suite.yaml: scorers[0]")


def test_a_long_value_is_cut_in_the_message(catalog: Catalog[Scorer]) -> None:
    with pytest.raises(SuiteError) as caught:
        catalog.create("counted", {"field": ["x" * 10_000]})
    assert len(str(caught.value)) < 300


class Pathed(Bare):
    def __init__(self, path: str | list[str], limits: dict[str, float] | None = None) -> None:
        self.given = (path, limits)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"path": 3},
            "p.yaml: path: Input should be a valid string or Input should be a valid list "
            "(found 3)",
        ),
        (
            {"path": ["a", 7]},
            "p.yaml: path: Input should be a valid string (found ['a', 7])",
        ),
        ({"path": "a", "limits": 1}, "limits: Input should be a valid dictionary (found 1)"),
    ],
)
def test_a_setting_of_several_types_is_named_without_them(
    settings: dict[str, object], message: str
) -> None:
    made: Catalog[Scorer] = Catalog("scorer")
    made.add("pathed", Pathed)
    with pytest.raises(SuiteError) as caught:
        made.create("pathed", settings, "p.yaml")
    assert message in str(caught.value)


def test_a_class_of_a_protocol_without_settings_takes_none(catalog: Catalog[Scorer]) -> None:
    entry = catalog.get("bare")
    for _ in range(2):  # its signature changes when the first object is made
        assert dict(entry.settings()) == {}
        assert not entry.open
        with pytest.raises(SuiteError, match="takes no setting 'field'; allowed: none"):
            catalog.create("bare", {"field": "x"})
        assert isinstance(catalog.create("bare", {}), Bare)


def test_the_summary_is_the_factorys_own(catalog: Catalog[Scorer]) -> None:
    assert catalog.get("counted").summary == "Counts things."
    assert catalog.get("bare").summary == ""  # not the protocol's


def test_a_partial_keeps_summary_and_types(catalog: Catalog[Scorer]) -> None:
    catalog.add("pre-set", functools.partial(Counted, field="summary"))
    entry = catalog.get("pre-set")
    assert entry.summary == "Counts things."
    assert isinstance(catalog.create("pre-set", {}), Counted)
    with pytest.raises(SuiteError, match="at_least"):
        catalog.create("pre-set", {"at_least": "many"})


def test_one_annotation_for_type_checkers_leaves_the_others_checked() -> None:
    def make(number: int, exact: Decimal | None = None) -> Scorer:
        return Bare()

    catalog: Catalog[Scorer] = Catalog("scorer")
    catalog.add("made", make)
    assert isinstance(catalog.create("made", {"number": 1, "exact": "anything"}), Bare)
    with pytest.raises(SuiteError, match="number"):
        catalog.create("made", {"number": "one"})


def test_any_setting_passes_where_the_factory_takes_any() -> None:
    seen: dict[str, object] = {}

    def make(number: int = 0, **settings: object) -> Scorer:
        seen.update(settings, number=number)
        return Bare()

    catalog: Catalog[Scorer] = Catalog("scorer")
    catalog.add("open", make)
    catalog.create("open", {"number": 3, "model_dump": "x"})
    assert catalog.get("open").open
    assert seen == {"number": 3, "model_dump": "x"}


def test_what_a_factory_raises_names_the_distribution(catalog: Catalog[Scorer]) -> None:
    def explode() -> Scorer:
        raise RuntimeError("no model file")

    def forget() -> None:
        Bare()

    catalog.add("explode", explode)
    catalog.add("forget", forget)  # type: ignore[arg-type]  # what this test is about
    with pytest.raises(PluginError, match=r"own-plugin 1\.0.*RuntimeError: no model file"):
        catalog.create("explode", {})
    with pytest.raises(PluginError, match="its factory returned None"):
        catalog.create("forget", {})


def test_a_deliberate_error_of_a_factory_passes_unchanged(catalog: Catalog[Scorer]) -> None:
    error = PromptregError("there is no file scores.csv")

    def make() -> Scorer:
        raise error

    catalog.add("made", make)
    with pytest.raises(PromptregError) as caught:
        catalog.create("made", {})
    assert caught.value is error
