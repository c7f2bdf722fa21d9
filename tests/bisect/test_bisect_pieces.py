"""How an edit is cut into pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptreg.errors import UsageError
from promptreg.stages.bisect import LEVELS, Edit, split_edit

TEXTS = st.text(alphabet="ab .\n", max_size=60)


def shown(edit: Edit) -> list[tuple[str, str]]:
    return [(p.old, p.new) for p in edit.pieces]


@given(TEXTS, TEXTS, st.sampled_from(LEVELS))
def test_no_piece_is_the_old_text_and_all_are_the_new_one(old: str, new: str, level: str) -> None:
    if old == new:
        return
    edit = split_edit(old, new, level)
    numbers = [p.number for p in edit.pieces]
    assert numbers == list(range(1, len(numbers) + 1))
    assert edit.apply(()) == old
    assert edit.apply(numbers) == new


@given(st.lists(st.sampled_from(["a", "b b", "c", ""]), max_size=12), st.data())
def test_a_subset_has_lines_of_either_text(lines: list[str], data: st.DataObject) -> None:
    other = [*data.draw(st.permutations(lines)), "z"]
    edit = split_edit("\n".join(lines), "\n".join(other))
    if edit.level not in ("hunk", "paragraph", "line"):
        return
    chosen = {p.number for p in edit.pieces if data.draw(st.booleans())}
    assert set(edit.apply(chosen).split("\n")) <= {*lines, *other, ""}


def test_the_coarsest_level_that_tells_something_apart() -> None:
    assert split_edit("a\nb\nc\n", "A\nb\nC\n").level == "hunk"
    assert split_edit("a\n\nb\n", "A\n\nB\n").level == "hunk"
    added = split_edit("a\nz\n", "a\nb\nc\n\nd\nz\n")
    assert added.level == "paragraph"
    assert shown(added) == [("", "b\nc\n\n"), ("", "d\n")]
    lines = split_edit("a\nz\n", "a\nb\nc\nz\n")
    assert lines.level == "line"
    assert shown(lines) == [("", "b\n"), ("", "c\n")]
    line = split_edit("Be kind. Be brief. End.", "Be harsh. Be quick. End.")
    assert line.level == "sentence"
    assert shown(line) == [("Be kind. ", "Be harsh. "), ("Be brief. ", "Be quick. ")]
    words = split_edit("be kind and brief now", "be harsh and quick now")
    assert words.level == "word"
    assert shown(words) == [("kind ", "harsh "), ("brief ", "quick ")]
    assert [p.number for p in split_edit("a", "b").pieces] == [1]


def test_a_rewritten_line_is_paired_with_the_line_it_was() -> None:
    edit = split_edit("a b c d\n", "x\na b c e\ny y\n", "line")
    assert shown(edit) == [("", "x\n"), ("a b c d\n", "a b c e\n"), ("", "y y\n")]
    assert edit.pieces[1].new_line == 2


def test_the_last_line_feed() -> None:
    edit = split_edit("a\nb", "a\nb\nc")
    assert edit.apply({1}) == "a\nb\nc"
    only = split_edit("a\n", "a")
    assert (only.apply(()), only.apply({1})) == ("a\n", "a")
    # Adding a line does not glue it to one that had no line feed.
    two = split_edit("x\na\nb", "y\na\nb\nc")
    assert two.apply({2}) == "x\na\nb\nc"


def test_what_cannot_be_cut() -> None:
    with pytest.raises(UsageError, match="same text"):
        split_edit("a", "a")
    with pytest.raises(UsageError, match="did you mean 'word'"):
        split_edit("a", "b", "words")
    many = "".join(f"{i}\n" for i in range(15_000))
    with pytest.raises(UsageError, match="coarser"):
        split_edit(many, many.replace("\n", "x\n"), "line")
