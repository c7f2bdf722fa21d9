"""Two providers in one suite: both sides are asked in one run, and reports say what is compared."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fake_model import ModelServer, running
from fault_server import status
from promptreg.cli.app import run as promptreg
from promptreg.pipeline.project import open_project
from suite_factory import answer_text, write_suite


def poor(scenario: str, version: str) -> str:
    """Return an answer that is out of range and names nothing."""
    return answer_text(1, "nothing")


class Two:
    """A suite with the providers `small` and `large`, and the command in its folder."""

    def __init__(self, folder: Path, small: ModelServer, large: ModelServer, capsys: Any) -> None:
        self.folder, self.small, self.large, self.capsys = folder, small, large, capsys
        self.write()

    def provider(self, server: ModelServer, **more: Any) -> dict[str, Any]:
        return {
            "use": "llama_cpp",
            "url": server.url,
            "timeout": {"connect": 20, "read": 60},
            "retries": 0,
            "ready_timeout": 2,
        } | more

    def write(self, versions: dict[str, Any] | None = None, **keys: Any) -> None:
        given: dict[str, Any] = {
            "providers": {
                "small": self.provider(self.small, prices={"prompt": 1.0, "completion": 2.0}),
                "large": self.provider(self.large, concurrency=1),
            },
            "provider": "small",
            "n": 12,
        }
        given |= keys
        name, others = given.pop("provider"), given.pop("providers")
        write_suite(self.folder, **given)
        path = self.folder / "promptreg.yaml"
        suite = json.loads(path.read_text("utf-8")) | {"providers": others, "provider": name}
        suite["templates"]["basic"]["versions"] = versions or {
            "small": {"file": "v1.txt", "provider": "small"},
            "large": {"file": "v1.txt", "provider": "large"},
            "edited": {"file": "v2.txt", "provider": "large"},
            "plain": "v2.txt",
        }
        path.write_text(json.dumps(suite), "utf-8")

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        code = promptreg([*arguments, "-c", str(self.folder)])
        shown = self.capsys.readouterr()
        return code, shown.out, shown.err

    def json(self, *arguments: str, code: int = 0) -> Any:
        found, out, err = self(*arguments, "--json")
        assert found == code, err
        return json.loads(out)


@pytest.fixture
def two(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Two]:
    with running(ModelServer()) as small, running(ModelServer(poor)) as large:
        yield Two(tmp_path / "suite", small, large, capsys)


def test_one_text_is_asked_of_both_in_one_run_and_every_report_says_what_is_compared(
    two: Two,
) -> None:
    names = ["r.md", "r.json", "r.html", "r.junit.xml", "r.csv"]
    outputs = [word for name in names for word in ("-o", str(two.folder / name))]
    code, out, err = two("compare", "small", "large", *outputs)
    assert code == 0, err
    assert len(two.small.asked) == len(two.large.asked) == 12
    assert sorted(two.small.asked) == sorted(two.large.asked)  # the same questions
    said = "providers are compared, not templates: small"
    for told in (" ".join(out.split()), *((two.folder / n).read_text("utf-8") for n in names)):
        assert said in told
        assert "the template text is the same on both sides" in told
    assert out.startswith("GATE FAIL")
    report = json.loads((two.folder / "r.json").read_text("utf-8"))
    left, right = (report[side]["fingerprints"] for side in ("baseline", "candidate"))
    assert {k for k in left if left[k] != right[k]} <= {"provider", "model"}
    assert left["provider"] != right["provider"]
    assert "(12 called, cost" in report["provider"]
    assert report["warnings"] == []  # it is no A/A comparison, and nothing was overridden


def test_both_are_asked_in_the_same_minutes_at_their_own_pace(two: Two) -> None:
    when: list[tuple[float, str]] = []
    two.small.on_call = lambda _: when.append((time.monotonic(), "small"))
    two.large.on_call = lambda _: when.append((time.monotonic(), "large"))
    two.large.delay_s = 0.02
    two.json("compare", "small", "large")
    sides = [side for _, side in sorted(when)]
    # The quick one never runs ahead by more than both queues hold.
    ahead = 0
    for i in range(len(sides)):
        ahead = max(ahead, sides[: i + 1].count("small") - sides[: i + 1].count("large"))
    assert ahead < 12


def test_texts_that_differ_too_are_said(two: Two) -> None:
    report = two.json("compare", "small", "edited")
    assert "the template text differs too" in report["subject"]


def test_versions_of_one_provider_are_compared_as_ever(two: Two) -> None:
    report = two.json("compare", "large", "edited")
    assert report["subject"] == ""
    assert two.small.asked == []
    report = two.json("compare", "small", "plain")  # names none: asked of `provider`
    assert report["subject"] == ""
    assert len(two.small.asked) == 24


def test_what_else_differs_is_refused(two: Two) -> None:
    runs = {r["label"]: f"run:{r['id']}" for r in two.json("run", "small", "large")["runs"]}
    assert two.json("compare", runs["small"], runs["large"])["subject"]
    two.write(seed=99)
    code, _, err = two("compare", runs["small"], "large")
    assert code == 4
    assert "seed differs" in err
    assert "only the template may differ and the provider that the versions name" in err


def test_a_provider_whose_settings_changed_is_not_the_one_that_was_asked(two: Two) -> None:
    (run,) = two.json("run", "small")["runs"]
    hotter = two.provider(two.small, sampling={"temperature": 1.5})
    two.write(providers={"small": hotter, "large": two.provider(two.large)})
    code, _, err = two("compare", f"run:{run['id']}", "small")
    assert code == 4
    assert "sampling differs" in err


def test_a_gate_decides_between_providers(two: Two) -> None:
    assert two("gate", "small", "large")[0] == 1
    assert two("gate", "large", "small")[0] == 0


def test_an_error_of_one_stops_both_and_the_next_command_goes_on(two: Two) -> None:
    two.large.answer = lambda s, v: status(401)
    code, _, err = two("compare", "small", "large")
    assert code == 5
    assert "the same command goes on" in err
    two.large.answer = poor
    two.json("compare", "small", "large")
    assert two.small.repeated == {}  # what was answered is not asked again


def test_the_budget_is_for_both_together(two: Two) -> None:
    code, _, err = two("compare", "small", "large", "--budget", "10")
    assert code == 5
    assert "budget" in err
    assert len(two.small.asked) + len(two.large.asked) <= 10


def test_plan_validate_and_doctor_know_each(two: Two) -> None:
    two.json("compare", "small", "large")
    plan = two.json("plan", "small", "large")
    assert (plan["cached"], plan["calls"]) == (24, 0)
    code, out, err = two("validate")
    assert code == 0, err
    assert "identical" not in out + err
    shown = " ".join(two("doctor")[1].split())
    assert "provider small ok" in shown
    assert "provider large ok" in shown


@pytest.mark.slow
def test_a_version_is_calibrated_with_its_own_provider(two: Two) -> None:
    code, _, err = two("calibrate", "large", "--simulations", "200")
    assert code == 0, err
    assert two.small.asked == []
    report = two.json("compare", "small", "large")
    assert "this compares two" in " ".join(report["calibration"]["reasons"])


def test_bisect_refuses_and_rescore_keeps_who_answered(two: Two) -> None:
    code, _, err = two("bisect", "small", "large")
    assert code == 2
    assert "Name versions of one provider" in err
    runs = {r["label"]: f"run:{r['id']}" for r in two.json("run", "small", "large")["runs"]}
    two.write(scorers=[{"use": "risk_range"}])
    for run in runs.values():
        assert two("rescore", run)[0] == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"provider": "smal"}, "provider 'smal' is none of providers, did you mean 'small'"),
        ({"provider": {"use": "scripted"}}, "must be the name of the one that answers versions"),
        ({"providers": {}}, "no section 'providers'"),
    ],
)
def test_wrong_names_are_told(two: Two, change: dict[str, Any], said: str) -> None:
    two.write(**change)
    code, _, err = two("validate")
    assert code == 2
    assert said.split(",")[0] in err


def test_a_version_names_one_that_is_there(two: Two) -> None:
    two.write({"small": {"file": "v1.txt", "provider": "huge"}, "v2": "v2.txt"})
    assert "versions.small names the provider 'huge'" in two("validate")[2]
    two.write({"small": {"file": "v1.txt"}, "v2": "v2.txt"})
    assert "a version is a source, or {file: SOURCE, provider: NAME}" in two("validate")[2]


def test_two_names_for_one_provider_are_refused(two: Two) -> None:
    same = two.provider(two.small)
    two.write(providers={"small": same, "large": same})
    assert "says the same as providers.small" in two("validate")[2]
    two.write(providers={"small": same, "large": same | {"concurrency": 7}})
    code, _, err = two("compare", "small", "large")
    assert code == 2
    assert "one and the same" in err
    assert two.small.asked == []


def test_evaluate_asks_the_versions_own_provider(two: Two) -> None:
    from pytest_promptreg import Evaluator

    project = open_project(str(two.folder))
    scenario = project.every_scenario().scenarios[0]
    evaluate = Evaluator(str(two.folder))
    assert evaluate("basic@large", scenario.id).risk_score == 1
    assert two.small.asked == []


def test_a_branch_is_held_against_its_past_with_the_versions_own_provider(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    import subprocess

    def git(*arguments: str) -> None:
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
        subprocess.run(command, cwd=two.folder, check=True, capture_output=True)

    git("init", "-q", "-b", "main")
    (two.folder / ".gitignore").write_text(".promptreg\n", "utf-8")
    git("add", ".")
    git("commit", "-qm", "before")
    git("switch", "-qc", "edit")
    (two.folder / "v2.txt").write_text("Once more. [{id} edited]\n", "utf-8")
    git("commit", "-qam", "after")
    report = two.json("gate", "--base-ref", "main", code=3)
    assert report["subject"] == ""
    # `edited` is asked of the large one, `plain` of the small one; both texts are the same file.
    assert {c["template"] for c in report["comparisons"]} == {"basic@edited", "basic@plain"}
    assert len(two.small.asked) == len(two.large.asked) == 24
    two.write(providers={"small": two.provider(two.small), "large": two.provider(two.large)})
    (two.folder / "v2.txt").write_text("Once more. [{id} edited]\n", "utf-8")
    report = two.json("gate", "--base-ref", "main", code=3)
    assert "providers.large" not in " ".join(report["warnings"])  # how it is reached alone
    hot = two.provider(two.large, sampling={"temperature": 1.9})
    two.write(providers={"small": two.provider(two.small), "large": hot})
    (two.folder / "v2.txt").write_text("Once more. [{id} edited]\n", "utf-8")
    report = two.json("gate", "--base-ref", "main", code=3)
    assert "edits the provider: providers.large.sampling" in " ".join(report["warnings"])


def test_an_alias_points_to_a_text_and_both_sides_have_the_candidates_provider(two: Two) -> None:
    two("templates", "promote", "basic@small", "--initial")
    asked = len(two.small.asked)
    code, out, err = two("templates", "promote", "basic@edited")
    assert len(two.small.asked) == asked, err
    assert code in (0, 1, 3), err
    assert "an alias points to a text, whoever answers it" in " ".join((out + err).split())
