"""An answer in a window that is resized, on a terminal that wraps its rows again."""

from __future__ import annotations

import shutil

import pytest

from tests.figures.resizes import measured


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is the terminal")
def test_resizing_neither_loses_nor_doubles_words_of_an_answer() -> None:
    shown = measured(resizes=20, seed=1, widths=(30, 120))
    assert {word: count for word, count in shown.items() if count != 1} == {}
