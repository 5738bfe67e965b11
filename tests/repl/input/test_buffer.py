"""Tests of moving by rows of the screen."""

from __future__ import annotations

import pytest
from prompt_toolkit.document import Document
from prompt_toolkit.history import InMemoryHistory

from repl.input.buffer import LineBuffer


def line_buffer(text: str, cursor: int) -> LineBuffer:
    buffer = LineBuffer(history=InMemoryHistory(), multiline=True)
    buffer.document = Document(text, cursor)
    return buffer


@pytest.mark.parametrize(
    ("text", "cursor", "above"),
    [
        ("a" * 25, 24, 14),
        ("a" * 25, 14, 4),
        ("a" * 15 + "\nb", 17, 11),
        ("abc\n\ndef", 6, 4),
        ("a" * 20 + "\n" + "b" * 9, 30, 19),
        ("界" * 12, 7, 2),
    ],
)
def test_up_moves_by_a_row_of_the_screen(text: str, cursor: int, above: int) -> None:
    buffer = line_buffer(text, cursor)
    buffer.move_up(10)
    assert buffer.cursor_position == above


@pytest.mark.parametrize(
    ("text", "cursor", "below"),
    [("a" * 25, 4, 14), ("a" * 25, 14, 24), ("a" * 25, 19, 25), ("ab\ncd", 2, 5), ("abcd\n\nef", 3, 5)],
)
def test_down_moves_by_a_row_of_the_screen(text: str, cursor: int, below: int) -> None:
    buffer = line_buffer(text, cursor)
    buffer.move_down(10)
    assert buffer.cursor_position == below


def test_up_and_down_return_to_the_same_column() -> None:
    buffer = line_buffer("one two three\n" * 3, 30)
    for _ in range(3):
        buffer.move_up(10)
    for _ in range(3):
        buffer.move_down(10)
    assert buffer.cursor_position == 30
