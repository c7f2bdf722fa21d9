"""Finding plug-ins among installed distributions; one that is broken fails only what needs it."""

from __future__ import annotations

import pytest

from fake_distributions import FakeSite
from promptreg.discovery import Broken, load_plugins
from promptreg.errors import PluginError
from promptreg.hookspecs import hookimpl
from promptreg.registry import Catalog

GOOD = """
    from promptreg import Scale, Scorer, hookimpl

    class Good(Scorer):
        "Does well."
        def __init__(self):
            self.scales = (Scale("good"),)
        def score(self, trial):
            return self.scales[0].score(1.0)

    @hookimpl
    def promptreg_register_scorers(catalog):
        catalog.add("good", Good)
"""


def _mine(broken: list[Broken], name: str) -> Broken:
    return next(b for b in broken if b.name == name)


def test_an_installed_plugin_is_found_with_its_owner(site: FakeSite) -> None:
    site.add("promptreg-good", {"good": "pr_good"}, {"pr_good": GOOD}, version="2.5")
    plugins = load_plugins()
    assert plugins.scorers.get("good").owner == "promptreg-good 2.5"
    assert plugins.owners["good"] == "promptreg-good 2.5"
    assert "good" not in load_plugins(entry_points=False).scorers


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import a_module_that_is_not_there", "ModuleNotFoundError: No module named"),
        ("raise RuntimeError('two\\nlines')", "RuntimeError: two lines"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("def oops(:", "SyntaxError"),
    ],
)
def test_a_broken_module_does_not_stop_the_others(site: FakeSite, source: str, reason: str) -> None:
    site.add("promptreg-bad", {"bad": "pr_bad"}, {"pr_bad": source})
    site.add("promptreg-good", {"good": "pr_good"}, {"pr_good": GOOD})
    plugins = load_plugins()
    bad = _mine(plugins.broken, "bad")
    assert bad.owner == "promptreg-bad 1.0"
    assert bad.reason.startswith(reason)
    assert "\n" not in bad.reason
    assert "good" in plugins.scorers
    with pytest.raises(PluginError, match=r"promptreg-bad 1\.0 could not be loaded"):
        plugins.scorers.get("shout")


def test_a_registration_that_raises_is_broken_and_prints_nothing(
    site: FakeSite, capsys: pytest.CaptureFixture[str]
) -> None:
    source = """
        from promptreg import hookimpl
        @hookimpl
        def promptreg_register_scorers(catalog):
            raise KeyError("settings")
    """
    site.add("promptreg-bad", {"bad": "pr_bad"}, {"pr_bad": source})
    assert _mine(load_plugins().broken, "bad").reason == "KeyError: 'settings'"
    captured = capsys.readouterr()
    assert captured.out + captured.err == ""


def test_damaged_metadata_does_not_stop_the_others(site: FakeSite) -> None:
    site.add("promptreg-bad", {"bad": "pr_bad"})
    (site.folder / "promptreg_bad-1.0.dist-info" / "entry_points.txt").write_bytes(b"\xff\xfe\x00")
    site.add("promptreg-good", {"good": "pr_good"}, {"pr_good": GOOD})
    plugins = load_plugins()
    assert "good" in plugins.scorers
    assert any("promptreg_bad-1.0" in b.owner for b in plugins.broken)


def test_two_distributions_claiming_one_plugin_are_both_named(site: FakeSite) -> None:
    site.add("promptreg-good", {"good": "pr_good"}, {"pr_good": GOOD})
    site.add("promptreg-fork", {"good": "pr_fork"}, {"pr_fork": GOOD}, version="9")
    with pytest.raises(PluginError) as caught:
        load_plugins()
    message = str(caught.value)
    assert "'good'" in message
    assert "promptreg-good 1.0" in message
    assert "promptreg-fork 9" in message
    assert "PROMPTREG_DISABLE_PLUGINS" in message


def test_two_distributions_claiming_one_scorer_are_both_named(site: FakeSite) -> None:
    site.add("promptreg-good", {"good": "pr_good"}, {"pr_good": GOOD})
    site.add("promptreg-fork", {"fork": "pr_fork"}, {"pr_fork": GOOD}, version="9")
    with pytest.raises(PluginError, match="two plug-ins claim the scorer 'good'") as caught:
        load_plugins()
    assert "promptreg-good 1.0" in str(caught.value)
    assert "promptreg-fork 9" in str(caught.value)


def test_one_plugin_under_two_names_is_refused(site: FakeSite) -> None:
    site.add("promptreg-good", {"good": "pr_good", "better": "pr_good"}, {"pr_good": GOOD})
    with pytest.raises(PluginError, match=r"promptreg-good 1\.0 registers one plug-in twice"):
        load_plugins()


def test_a_distribution_found_twice_is_loaded_once(site: FakeSite) -> None:
    site.add("promptreg-good", {"good": "pr_good"}, {"pr_good": GOOD})
    site.add("Promptreg_Good", {"good": "pr_good"}, version="0.9")
    assert "good" in load_plugins().scorers


def test_a_misspelt_hook_is_an_error_that_names_plugin_and_hook(site: FakeSite) -> None:
    source = GOOD.replace("promptreg_register_scorers", "promptreg_register_scorer")
    site.add("promptreg-good", {"good": "pr_good"}, {"pr_good": source})
    with pytest.raises(PluginError) as caught:
        load_plugins()
    message = str(caught.value)
    assert "promptreg-good 1.0, plug-in 'good'" in message
    assert "'promptreg_register_scorer'" in message
    assert "did you mean 'promptreg_register_scorers'?" in message
    assert "PROMPTREG_DISABLE_PLUGINS=good" in message


def test_a_hook_with_a_wrong_argument_is_an_error_that_names_the_plugin(site: FakeSite) -> None:
    source = GOOD.replace("(catalog)", "(catalogue)")
    site.add("promptreg-good", {"good": "pr_good"}, {"pr_good": source})
    with pytest.raises(PluginError, match=r"promptreg-good 1\.0: .*catalogue"):
        load_plugins()


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("@hookimpl", "", "lacks the decorator @hookimpl"),
        ("    def promptreg", "    async def promptreg", "must be a plain function"),
        ('add("good", Good)', 'add("good", Good); yield', "must be a plain function"),
    ],
)
def test_a_hook_that_would_never_run_is_broken(
    site: FakeSite, before: str, after: str, reason: str
) -> None:
    assert before in GOOD
    site.add("promptreg-good", {"good": "pr_good"}, {"pr_good": GOOD.replace(before, after)})
    plugins = load_plugins()
    assert reason in _mine(plugins.broken, "good").reason
    assert "good" not in plugins.scorers


@pytest.mark.parametrize("word", ["good", "promptreg-good", "Promptreg_Good", "x, good ,y", "*"])
def test_disabled_plugins_are_blocked_and_not_even_imported(
    site: FakeSite, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    site.add("promptreg-good", {"good": "pr_good"}, {"pr_good": "raise RuntimeError('imported')"})
    monkeypatch.setenv("PROMPTREG_DISABLE_PLUGINS", word)
    plugins = load_plugins()
    assert "good (promptreg-good 1.0)" in plugins.blocked
    assert not [b for b in plugins.broken if b.name == "good"]


def test_the_star_spares_what_promptreg_brings_itself(
    site: FakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.add("promptreg_gate", {"own": "pr_own"}, {"pr_own": GOOD})
    monkeypatch.setenv("PROMPTREG_DISABLE_PLUGINS", "*")
    plugins = load_plugins()
    assert "good" in plugins.scorers
    assert not [b for b in plugins.blocked if b.startswith("own ")]


def test_plugins_given_as_objects_need_no_distribution() -> None:
    class Own:
        @hookimpl
        def promptreg_register_scorers(self, catalog: Catalog[object]) -> None:
            catalog.add("own", object)

        @hookimpl
        def promptreg_register_reporters(self) -> None:
            """Registers nothing, and asks for no argument."""

    plugins = load_plugins([Own()], entry_points=False)
    assert plugins.scorers.get("own").owner == "Own"
    assert plugins.broken == []
