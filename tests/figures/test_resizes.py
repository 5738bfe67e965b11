"""An answer in a window that is resized, on a terminal that wraps its rows again."""

from __future__ import annotations

import shutil

import pytest

from tests.figures.resizes import measured, shown

_WORDS_IN_A_ROW = 120 // len("word0000 ")


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is the terminal")
def test_resizing_neither_loses_nor_doubles_words_of_an_answer() -> None:
    words = measured(resizes=20, seed=1, widths=(30, 120))
    assert {word: count for word, count in words.items() if count != 1} == {}


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is the terminal")
def test_paragraph_taller_than_a_smaller_window_is_not_lost_and_at_most_one_row_doubled() -> None:
    """Most of its rows move into the scrollback, where they cannot be erased.

    A row that is being drawn at the moment of the resize may be there before it can be counted.
    """
    words = shown([(120, 30), (40, 10), (120, 30)], [0, 3, 1], tokens=500, has_paragraphs=True)
    assert min(words.values()) == 1
    assert sum(words.values()) - len(words) <= _WORDS_IN_A_ROW
