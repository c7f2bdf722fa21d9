"""Which reporter writes which file, and that a file is whole or not there at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

import promptreg_plugins
from comparison_factory import make_comparison
from promptreg.errors import PluginError, PromptregError, StoreError, UsageError
from promptreg.protocols import Reporter
from promptreg.registry import Catalog
from promptreg.stages.report import plan_reports, write_reports, write_whole
from promptreg.verdicts import Comparison


class Fake:
    """Writes one word."""

    extensions: ClassVar[Sequence[str]] = (".xml", ".TXT")

    def write(self, comparison: Comparison, path: Path) -> None:
        path.write_text("whole", "utf-8")


class Failing(Fake):
    """Writes half a word and raises."""

    extensions: ClassVar[Sequence[str]] = (".bad",)
    error: Exception = RuntimeError("boom")

    def write(self, comparison: Comparison, path: Path) -> None:
        path.write_text("ha", "utf-8")
        raise self.error


class Lazy(Fake):
    """Writes nothing."""

    extensions: ClassVar[Sequence[str]] = (".lazy",)

    def write(self, comparison: Comparison, path: Path) -> None:
        return


def catalog(*factories: Any) -> Catalog[Reporter]:
    made: Catalog[Reporter] = Catalog("reporter")
    promptreg_plugins.promptreg_register_reporters(made)
    for i, factory in enumerate(factories):
        made.add(f"fake{i}", factory)
    return made


def test_the_built_in_endings() -> None:
    names = ["a.json", "a.md", "a.html", "a.csv", "a.parquet", "a.junit.xml"]
    planned = plan_reports(catalog(), names)
    assert [p.name for p in planned] == ["json", "markdown", "html", "csv", "parquet", "junit"]


def test_the_longest_ending_wins_whatever_the_case() -> None:
    planned = plan_reports(catalog(Fake), ["a.xml", "a.JUnit.XML", "b.txt"])
    assert [p.name for p in planned] == ["fake0", "junit", "fake0"]


@pytest.mark.parametrize("path", ["report", "report.pdf", "report.htmlx", ".json"])
def test_unknown_ending_names_what_there_is(path: str) -> None:
    with pytest.raises(UsageError) as caught:
        plan_reports(catalog(), [path])
    said = str(caught.value)
    assert path in said
    assert ".csv, .htm, .html, .json, .junit.xml, .md, .parquet" in said


def test_a_directory_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "x.json").mkdir()
    with pytest.raises(UsageError, match="is a directory"):
        plan_reports(catalog(), [tmp_path / "x.json"])


def test_two_reporters_of_one_ending() -> None:
    with pytest.raises(PluginError, match=r"fake0.*fake1"):
        plan_reports(catalog(Fake, Fake), ["a.xml"])


def test_a_factory_function_may_register_too(tmp_path: Path) -> None:
    def make() -> Fake:
        return Fake()

    planned = plan_reports(catalog(make), [tmp_path / "a.txt"])
    write_reports(make_comparison(), planned)
    assert (tmp_path / "a.txt").read_text() == "whole"


def test_writes_into_folders_that_do_not_exist_yet(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "r.md"
    assert write_reports(make_comparison(), plan_reports(catalog(), [path])) == [path]
    assert path.read_text("utf-8").startswith("## ")
    assert [p.name for p in path.parent.iterdir()] == ["r.md"]


def test_a_broken_reporter_leaves_the_old_file_and_the_others_are_written(tmp_path: Path) -> None:
    (tmp_path / "a.bad").write_text("old")
    planned = plan_reports(catalog(Fake, Failing), [tmp_path / "a.bad", tmp_path / "a.txt"])
    with pytest.raises(PluginError, match=r"reporter 'fake1'.*RuntimeError: boom"):
        write_reports(make_comparison(), planned)
    assert (tmp_path / "a.bad").read_text() == "old"
    assert (tmp_path / "a.txt").read_text() == "whole"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.bad", "a.txt"]


def test_a_reporter_that_writes_nothing_is_named(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=r"fake0.*wrote no file"):
        write_reports(make_comparison(), plan_reports(catalog(Lazy), [tmp_path / "a.lazy"]))


def test_full_disk_in_a_reporter_says_so(tmp_path: Path) -> None:
    class Full(Failing):
        error = OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(StoreError, match=r"a\.bad was not written: the disk is full") as caught:
        write_reports(make_comparison(), plan_reports(catalog(Full), [tmp_path / "a.bad"]))
    assert list(tmp_path.iterdir()) == []
    assert "the run itself is kept" in str(caught.value)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_real_full_device(tmp_path: Path) -> None:
    (tmp_path / "x.json").symlink_to("/dev/full")
    planned = plan_reports(catalog(), [tmp_path / "x.json"])
    with pytest.raises(StoreError, match="disk is full"):
        write_reports(make_comparison(), planned)
    assert Path("/dev/full").is_char_device()


def test_full_disk_while_writing_whole_keeps_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "x.json").write_text("old")
    planned = plan_reports(catalog(), [tmp_path / "x.json"])
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match=r"/x\.json was not written: the disk is full; [\d,]+ by"):
        write_reports(make_comparison(), planned)
    assert (tmp_path / "x.json").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="was not written"):
        write_whole(tmp_path / "file" / "x.json", b"{}")
    planned = plan_reports(catalog(), [tmp_path / "file" / "x.json"])
    with pytest.raises(PromptregError, match="was not written"):
        write_reports(make_comparison(), planned)


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "x.csv"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        one = make_comparison(templates=("basic",))
        few = type(one)(**{**vars(one), "differences": one.differences[:3]})
        write_reports(few, plan_reports(catalog(), [pipe]))
        assert os.read(reader, 64).startswith(b"suite,")
    finally:
        os.close(reader)
    assert pipe.is_fifo()


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real.md").write_text("old")
    (tmp_path / "link.md").symlink_to(tmp_path / "real.md")
    write_reports(make_comparison(), plan_reports(catalog(), [tmp_path / "link.md"]))
    assert (tmp_path / "link.md").is_symlink()
    assert (tmp_path / "real.md").read_text("utf-8").startswith("## ")


def test_the_file_mode_is_that_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("")
    write_reports(make_comparison(), plan_reports(catalog(), [tmp_path / "x.json"]))
    assert (tmp_path / "x.json").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_registering_imports_nothing_heavy() -> None:
    import subprocess
    import sys

    code = (
        "import sys\nfrom promptreg.registry import Catalog\nimport promptreg_plugins as p\n"
        "p.promptreg_register_reporters(Catalog('reporter'))\n"
        "heavy = {'jinja2', 'pyarrow', 'pandas', 'numpy', 'rich', 'pydantic'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
