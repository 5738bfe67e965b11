from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aloop.memory.search.title_index import TitleWords, words_of

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
def test_titles_are_found_by_the_beginnings_of_their_words(typed: str, found: list[int]) -> None:
    assert TitleWords(TITLES).find(typed, 10) == found


def test_the_first_titles_come_first_and_no_more_than_asked_for() -> None:
    assert TitleWords(["one two"] * 5).find("tw on", 3) == [0, 1, 2]


WORDS = st.text("abc ", max_size=8)


@given(st.lists(WORDS, max_size=12), WORDS)
def test_what_is_found_is_what_a_look_at_every_title_would_find(titles: list[str], typed: str) -> None:
    wanted = words_of(typed)
    assert TitleWords(titles).find(typed, 99) == [
        place
        for place, title in enumerate(titles)
        if wanted and all(any(word.startswith(begun) for word in words_of(title)) for begun in wanted)
    ]
