"""Lines, and positions in the units of the protocol."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("lsprotocol", reason="pygls is not installed")

from lsprotocol.types import Position, PositionEncodingKind, Range

from aloop.lsp.positions import TextIndex, Units, replace_range, split_lines

UTF_8, UTF_16, UTF_32 = map(Units, (PositionEncodingKind.Utf8, PositionEncodingKind.Utf16, PositionEncodingKind.Utf32))
LINE = "é漢🎈x"
TEXTS = st.text(st.sampled_from("ab é漢🎈\n\r\x85\u2028\x0c"), max_size=30)


@pytest.mark.parametrize(
    ("units", "columns"), [(UTF_8, [0, 2, 5, 9, 10]), (UTF_16, [0, 1, 2, 4, 5]), (UTF_32, [0, 1, 2, 3, 4])]
)
def test_columns_count_the_units_of_the_encoding(units: Units, columns: list[int]) -> None:
    assert [units.length(LINE[:index]) for index in range(5)] == columns
    assert [units.index(LINE, column) for column in columns] == [0, 1, 2, 3, 4]


def test_column_within_a_character_is_its_start() -> None:
    assert UTF_16.index(LINE, 3) == 2
    assert [UTF_8.index(LINE, column) for column in (1, 3, 4, 6, 7, 8)] == [0, 1, 1, 2, 2, 2]


def test_column_after_the_line_is_its_end() -> None:
    assert [units.index(LINE, 99) for units in (UTF_8, UTF_16, UTF_32)] == [4, 4, 4]
    assert UTF_16.index("abc", 99) == 3


def test_lone_surrogate_is_one_unit() -> None:
    assert UTF_16.length("\ud83d") == 1
    assert UTF_16.index("é\ud83dx", 2) == 2


def test_lines_end_with_cr_lf_and_crlf_only() -> None:
    text = "a\x0cb\x85c\u2028d\x1ce\rf\r\ng\nh"
    assert split_lines(text) == ["a\x0cb\x85c\u2028d\x1ce\r", "f\r\n", "g\n", "h"]
    assert TextIndex(text, UTF_16).position(text.index("h")) == Position(3, 0)


@given(TEXTS)
def test_lines_are_the_whole_text(text: str) -> None:
    lines = split_lines(text)
    assert "".join(lines) == text
    assert len(lines) == len(re.findall(r"\r\n|\r|\n", text)) + 1


@given(TEXTS, st.data())
def test_position_and_offset_are_inverse(text: str, data: st.DataObject) -> None:
    index = TextIndex(text, UTF_16)
    offset = data.draw(st.integers(0, len(text)))
    if text[offset - 1 : offset + 1] != "\r\n":
        assert index.offset(index.position(offset)) == offset


@given(TEXTS, TEXTS, st.data())
def test_change_of_lines_is_the_change_of_the_text(text: str, new: str, data: st.DataObject) -> None:
    index = TextIndex(text, UTF_16)
    start = index.offset(index.position(data.draw(st.integers(0, len(text)))))
    end = index.offset(index.position(data.draw(st.integers(start, len(text)))))
    lines = split_lines(text)
    replace_range(lines, UTF_16, Range(index.position(start), index.position(end)), new)
    assert lines == split_lines(text[:start] + new + text[end:])


def test_range_after_the_text_is_at_its_end() -> None:
    lines = split_lines("a\nb")
    replace_range(lines, UTF_16, Range(Position(7, 3), Position(9, 0)), "c\n")
    assert lines == ["a\n", "bc\n", ""]


def test_rest_of_line_excludes_the_line_end() -> None:
    index = TextIndex("x\r\n🎈 yz\r\n", UTF_16)
    assert index.rest_of_line(index.text.index("🎈")) == Range(Position(1, 0), Position(1, 5))
    assert index.rest_of_line(len(index.text)) == Range(Position(2, 0), Position(2, 0))
