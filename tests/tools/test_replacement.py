"""Replacing a text: exactly the one that is meant, and not a byte besides."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aloop.errors import ToolError
from aloop.tools.files.write import replace_text


def test_the_only_place_is_changed() -> None:
    assert replace_text("one\ntwo\nthree\n", "two", "2", "\n") == "one\n2\nthree\n"


def test_what_looks_like_a_pattern_is_plain_text() -> None:
    assert replace_text("a.b a+b", "a+b", r"\1\g<0>", "\n") == r"a.b \1\g<0>"


def test_a_text_that_is_there_twice_is_refused_with_its_lines() -> None:
    with pytest.raises(ToolError, match=r"2 times \(lines 1, 3\).*replace_all"):
        replace_text("x\ny\nx\n", "x", "z", "\n")
    assert replace_text("x\ny\nx\n", "x", "z", "\n", everywhere=True) == "z\ny\nz\n"


def test_places_that_overlap_are_in_doubt() -> None:
    with pytest.raises(ToolError, match="2 times"):
        replace_text("aaa", "aa", "b", "\n")


def test_a_text_that_is_not_there_is_refused_with_where_it_nearly_was() -> None:
    with pytest.raises(ToolError, match="first line is at line 2"):
        replace_text("if x:\n    go()\n", "go()\nstop()", "", "\n")
    with pytest.raises(ToolError, match=r"not in the file\. read_file"):
        replace_text("a\n", "b", "c", "\n")


@pytest.mark.parametrize(("old", "new"), [("", "x"), ("a", "a"), ("a\nb", "a\r\nb")])
def test_a_change_that_is_none_is_refused(old: str, new: str) -> None:
    with pytest.raises(ToolError):
        replace_text("a\nb\n", old, new, "\n")


def test_line_ends_match_either_kind_and_are_written_as_the_file_has_them() -> None:
    assert replace_text("a\r\nb\r\nc\r\n", "a\nb", "x\ny\nz", "\r\n") == "x\r\ny\r\nz\r\nc\r\n"
    assert replace_text("a\r\nb\nc\n", "b\nc", "d", "\n") == "a\r\nd\n"


@given(st.text("ab\r\n"), st.text("ab\r\n", min_size=1), st.text("xy"))
def test_what_is_around_the_place_stays_to_the_byte(before: str, old: str, new: str) -> None:
    old = f"<{old}>".replace("\r", "")
    text = f"{before}{old}{before}"
    assert replace_text(text, old, new, "\n") == f"{before}{new}{before}"
