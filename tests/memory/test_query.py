from __future__ import annotations

import pytest

from aloop.memory.search.query import Query, fold


@pytest.mark.parametrize(
    ("typed", "terms"),
    [
        ("parser Build", ("parser", "build")),
        ('"Line  Numbers" parser', ("line numbers", "parser")),
        ('say "an open quote', ("say", "an open quote")),
        ("“typeset quotes” too", ("typeset quotes", "too")),
        ("twice TWICE", ("twice",)),
        ("don't", ("don't",)),
        ('"" "  "', ()),
        ("", ()),
    ],
)
def test_words_and_phrases_are_told_apart(typed: str, terms: tuple[str, ...]) -> None:
    assert Query.parse(typed).terms == terms


@pytest.mark.parametrize(
    ("one", "other"),
    [("STRASSE", "straße"), ("E\u0301TE\u0301", "été"), ("ΣΊΣΥΦΟΣ", "σίσυφος"), ("a\n    b\u2028c", "a b c")],
)
def test_case_composition_and_white_space_make_no_difference(one: str, other: str) -> None:
    assert fold(one) == fold(other)
