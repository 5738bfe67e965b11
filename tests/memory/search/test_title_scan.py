from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aloop.memory.search.title_scan import TitleScan, split_words

TITLES = ("Fix the parser", "Why does the build fail?", "Straße und Übergänge", "日本語の天気", "parse_args: a fix")


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("parser", [0]),
        ("par", [0, 4]),
        ("FIX par", [0, 4]),
        ("par fix", [0, 4]),
        ("arser", []),
        ("args", [4]),
        ("fix build", []),
        ("STRASSE", [2]),
        ("U\u0308berg", [2]),
        ("天気", [3]),
        ("日本", [3]),
        ("", []),
        ("?!", []),
    ],
)
def test_titles_are_found_by_the_starts_of_their_words(typed: str, found: list[int]) -> None:
    assert TitleScan(TITLES).find(typed, 10) == found


def test_find_returns_the_first_titles_up_to_the_limit() -> None:
    assert TitleScan(["one two"] * 5).find("tw on", 3) == [0, 1, 2]


WORDS = st.text("abc ", max_size=8)


@given(st.lists(WORDS, max_size=12), WORDS)
def test_find_agrees_with_a_comparison_word_by_word(titles: list[str], typed: str) -> None:
    wanted = split_words(typed)
    assert TitleScan(titles).find(typed, 99) == [
        number
        for number, title in enumerate(titles)
        if wanted and all(any(word.startswith(start) for word in split_words(title)) for start in wanted)
    ]
