""""""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aloop.memory.search.query import BEFORE, LENGTH, Query, fold, snippet


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


def marked(text: str, query: str) -> tuple[str, list[str]]:
    line, marks = snippet(text, Query.parse(query))
    return line, [line[start:end] for start, end in marks]


def test_a_short_text_is_shown_whole_on_one_line() -> None:
    assert marked("Fix the\n   Parser, the parser", "parser fix") == (
        "Fix the Parser, the parser",
        ["Fix", "Parser", "parser"],
    )


def test_a_long_text_begins_with_a_word_a_little_before_the_match() -> None:
    line, found = marked("some words " * 100 + "needle" + " and more" * 100, "needle")
    assert line.startswith("… ")
    assert line.endswith(" …")
    assert line.index("needle") <= BEFORE + 2
    assert line[2:].startswith(("some", "words"))
    assert found == ["needle"]


def test_a_long_text_is_shown_where_most_terms_stand_together() -> None:
    line, found = marked("one " + "x " * LENGTH + "one two three " + "x " * LENGTH + "two", "one two three")
    assert found == ["one", "two", "three"]
    assert "one two three" in line


def test_marks_are_where_the_text_was_before_it_was_folded() -> None:
    assert marked("Große Straße am E\u0301tang", "strasse étang")[1] == ["Straße", "E\u0301tang"]
    assert marked("Straße", "tras")[1] == ["traß"]


def test_terms_that_overlap_have_one_mark() -> None:
    assert marked("foobar", "foob obar")[1] == ["foobar"]


def test_a_text_without_any_term_shows_its_beginning() -> None:
    assert marked("a " * 300, "b") == (("a " * 100) + " …", [])


@given(st.text("aAßé \n", max_size=300), st.text("asé ", min_size=1, max_size=4))
def test_every_mark_is_what_was_searched_for(text: str, query: str) -> None:
    terms = Query.parse(query).terms
    line, found = marked(text, query)
    assert len(line) <= LENGTH + 4
    assert all(any(term in fold(mark) for term in terms) for mark in found)
