"""Edits that turn one text into another."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("lsprotocol", reason="pygls is not installed")

from lsprotocol.types import Position, Range, TextEdit

from aloop.lsp import edits
from aloop.lsp.edits import text_edits
from aloop.lsp.positions import TextIndex, Units, replace_range, split_lines

TEXTS = st.lists(st.sampled_from(["a\n", "b\n", "🎈\n", "c\r\n", "\n", "d"]), max_size=12).map("".join)


def applied(before: str, changes: list[TextEdit]) -> str:
    lines = split_lines(before)
    for each in reversed(changes):
        replace_range(lines, Units(), each.range, each.new_text)
    return "".join(lines)


@given(TEXTS, TEXTS)
def test_edits_give_the_new_text(before: str, after: str) -> None:
    changes = text_edits(TextIndex(before, Units()), after)
    assert applied(before, changes) == after
    assert bool(changes) == (before != after)


def test_edits_are_whole_lines_and_leave_the_others() -> None:
    before = "one\ntwo\nthree\nfour\nfive\n"
    after = "one\ntwo\n2.5\nthree\nfour\nfifth\n"
    assert text_edits(TextIndex(before, Units()), after) == [
        TextEdit(Range(Position(2, 0), Position(2, 0)), "2.5\n"),
        TextEdit(Range(Position(4, 0), Position(5, 0)), "fifth\n"),
    ]


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_lines_at_the_end_are_inserted_before_the_last_line_end(line_end: str) -> None:
    before = f"one{line_end}two{line_end}"
    place = Position(1, 3)
    expected = [TextEdit(Range(place, place), f"{line_end}three")]
    assert text_edits(TextIndex(before, Units()), f"{before}three{line_end}") == expected


def test_large_difference_is_one_edit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edits, "_MOST_COMPARED", 3)
    before, after = "a\nb\nc\nd\ne\n", "a\nB\nc\nD\ne\n"
    (edit,) = text_edits(TextIndex(before, Units()), after)
    assert (edit.range, edit.new_text) == (Range(Position(1, 0), Position(4, 0)), "B\nc\nD\n")
