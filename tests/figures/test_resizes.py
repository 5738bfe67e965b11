"""An answer in a window that is resized, on a terminal that wraps its rows again."""

from __future__ import annotations

import shutil

import pytest

from tests.figures.resizes import measured, shown


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is the terminal")
def test_resizing_neither_loses_nor_doubles_words_of_an_answer() -> None:
    words = measured(resizes=20, seed=1, widths=(30, 120))
    assert {word: count for word, count in words.items() if count != 1} == {}


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is the terminal")
def test_paragraph_taller_than_a_smaller_window_is_neither_lost_nor_doubled() -> None:
    """Most of its rows move into the scrollback, where they cannot be erased."""
    words = shown([(120, 30), (40, 10), (120, 30)], [0, 3, 1], tokens=500, has_paragraphs=True)
    assert {word: count for word, count in words.items() if count != 1} == {}
