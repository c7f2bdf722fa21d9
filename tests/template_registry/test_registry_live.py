"""Promotions through a server: what the gate has asked is not asked again."""

from __future__ import annotations

from pathlib import Path

import pytest

from fake_model import ModelServer, running
from registry_suite import Say
from suite_factory import write_suite


def test_cached_trials_cost_nothing(
    tmp_path: Path, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(ModelServer()) as server:
        folder = write_suite(tmp_path / "s", server.url, n=80, gate={"draws": 999})
        monkeypatch.chdir(folder)
        assert say("templates", "promote", "basic@v1", "--initial").code == 0
        assert server.calls == []
        stopped = say("templates", "promote", "basic@v2", "--budget", "30")
        assert stopped.code == 5
        assert "stopped" in stopped.err
        assert "v1" in say("templates", "show", "production").out
        assert say("gate", "v1", "v2", "-q").code == 0
        assert len(server.calls) == 160
        (folder / "v1.txt").unlink()  # the journal has it, word for word: the same calls
        done = say("templates", "promote", "basic@v2")
        assert done.code == 0, done.out
        assert "(160 cached, 0 called)" in done.out.replace("\n", " ")
        assert len(server.calls) == 160
        # In-place edits: prompts are asked, not labels, so an alias may be compared with them.
        (folder / "v2.txt").write_text("[{id} v2] Well? {detections}. Answer with JSON.")
        assert say("gate", "production", "basic@v2", "-q").code == 0
        assert len(server.calls) == 240
