"""What a slip on the command line is answered with: usage, and exit code 2."""

from __future__ import annotations

import pytest

from promptreg.cli.app import run


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["compare", "--nope"], "No such option: --nope"),
        (["compare", "v1"], "candidate"),
        (["compear", "v1", "v2"], "No such command 'compear'"),
        (["compare", "v1", "v2", "--repeats", "many"], "Invalid value for '--repeats'"),
        (["compare", "v1", "v2", "-n", "0"], "Invalid value for '-n'"),
        (["plugins", "lst"], "No such command 'lst'"),
    ],
)
def test_wrong_usage_is_said_so(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == 2
    printed = capsys.readouterr()
    assert said.lower() in printed.err.lower()
    assert "Usage: promptreg" in printed.err
    assert "internal error" not in printed.err
    assert printed.out == ""


def test_nothing_said_is_answered_with_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 2
    printed = capsys.readouterr()
    assert "promptreg init demo" in printed.out + printed.err
    assert "internal error" not in printed.err
