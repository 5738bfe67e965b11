from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repl.turn.streams import BlockSplitter


def split(text: str) -> list[str]:
    splitter = BlockSplitter()
    return splitter.feed(text) + splitter.finish()


def test_a_blank_line_ends_a_paragraph() -> None:
    assert split("one\ntwo\n\n\nthree") == ["one\ntwo", "three"]


def test_a_block_comes_out_as_soon_as_it_is_whole_and_not_before() -> None:
    splitter = BlockSplitter()
    assert splitter.feed("one") == []
    assert splitter.feed("\n") == []
    assert splitter.feed("\ntwo") == ["one"]
    assert splitter.tail(5) == ["two"]


def test_a_fence_is_one_block_with_its_blank_lines_and_ends_at_its_closing_fence() -> None:
    splitter = BlockSplitter()
    assert splitter.feed("text\n```python\na\n\nb\n```\n") == ["text", "```python\na\n\nb\n```"]


def test_a_longer_fence_holds_a_shorter_one() -> None:
    text = "````\n```\ninside\n```\n````"
    assert split(text) == [text]


def test_a_fence_that_is_never_closed_is_still_shown() -> None:
    assert split("```\ncode\n\nmore") == ["```\ncode\n\nmore"]


def test_backticks_within_a_line_open_no_fence() -> None:
    assert split("```code``` here\n\nnext") == ["```code``` here", "next"]


def test_a_heading_is_a_block_of_its_own() -> None:
    assert split("# One\ntext\n## Two\nmore") == ["# One", "text", "## Two", "more"]


@pytest.mark.parametrize(
    "text",
    [
        "- one\n\n- two",
        "1. one\n\n2. two\n\n   more of two",
        "Steps:\n1. one\n\n2. two",
        "- a\n  ```\n  code\n\n  ```\n- b",
    ],
)
def test_a_list_with_blank_lines_in_it_stays_whole(text: str) -> None:
    assert split(text) == [text]


def test_a_list_ends_where_something_else_begins() -> None:
    assert split("- one\n- two\n\nafter") == ["- one\n- two", "after"]
    assert split("- one\n\n```\ncode\n```") == ["- one", "```\ncode\n```"]
    assert split("- one\n# Heading") == ["- one", "# Heading"]


def test_a_table_is_one_block() -> None:
    table = "| a | b |\n|---|---|\n| 1 | 2 |"
    assert split(table + "\n\nafter") == [table, "after"]


def test_line_ends_of_windows_are_line_ends() -> None:
    assert split("one\r\n\r\ntwo") == ["one", "two"]


def test_the_tail_is_the_end_of_the_open_block() -> None:
    splitter = BlockSplitter()
    splitter.feed("```\n1\n2\n3\nun")
    splitter.feed("fin")
    assert splitter.tail(3) == ["2", "3", "unfin"]


LINES = st.sampled_from(
    ["text", "- item", "1. item", "  more", "```", "~~~", "# head", "", "| a |", "> quote", "````py"]
)


@given(st.lists(LINES, max_size=14), st.integers(1, 9))
def test_the_size_of_the_pieces_makes_no_difference(lines: list[str], size: int) -> None:
    text = "\n".join(lines)
    splitter = BlockSplitter()
    blocks = [block for start in range(0, len(text), size) for block in splitter.feed(text[start : start + size])]
    assert blocks + splitter.finish() == split(text)


@given(st.lists(LINES, max_size=14))
def test_no_line_is_lost_or_told_twice(lines: list[str]) -> None:
    told = [line for block in split("\n".join(lines)) for line in block.split("\n") if line.strip()]
    assert told == [line for line in lines if line.strip()]
