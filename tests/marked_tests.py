"""Test files with the mark `promptreg`, for sessions of pytest in tests."""

from __future__ import annotations

import pytest

__all__ = ["marked", "text_of"]

MARKED = """
    import pytest

    @pytest.mark.promptreg(suite="promptreg.yaml", baseline="v1", candidate="v2"{more})
    def test_prompts({arguments}):
        {body}
"""


def marked(pytester: pytest.Pytester, more: str = "", arguments: str = "", body: str = "") -> None:
    more = f", {more}" if more else ""
    pytester.makepyfile(MARKED.format(more=more, arguments=arguments, body=body or "pass"))


def text_of(result: pytest.RunResult) -> str:
    return "\n".join(result.outlines)
