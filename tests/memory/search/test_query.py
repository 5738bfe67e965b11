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
def test_query_is_split_into_words_and_phrases(typed: str, terms: tuple[str, ...]) -> None:
    assert Query.parse(typed).terms == terms


@pytest.mark.parametrize(
    ("one", "other"),
    [("STRASSE", "straße"), ("E\u0301TE\u0301", "été"), ("ΣΊΣΥΦΟΣ", "σίσυφος"), ("a\n    b\u2028c", "a b c")],
)
def test_fold_ignores_case_composition_and_white_space(one: str, other: str) -> None:
    assert fold(one) == fold(other)


def marked(text: str, query: str) -> tuple[str, list[str]]:
    line, marks = snippet(text, Query.parse(query))
    return line, [line[start:end] for start, end in marks]


def test_snippet_of_a_short_text_is_all_of_it_on_one_line() -> None:
    assert marked("Fix the\n   Parser, the parser", "parser fix") == (
        "Fix the Parser, the parser",
        ["Fix", "Parser", "parser"],
    )


def test_snippet_of_a_long_text_starts_with_a_whole_word_before_the_match() -> None:
    line, found = marked("some words " * 100 + "needle" + " and more" * 100, "needle")
    assert line.startswith("… ")
    assert line.endswith(" …")
    assert line.index("needle") <= BEFORE + 2
    assert line[2:].startswith(("some", "words"))
    assert found == ["needle"]


def test_snippet_of_a_long_text_is_where_most_terms_are_close_together() -> None:
    line, found = marked("one " + "x " * LENGTH + "one two three " + "x " * LENGTH + "two", "one two three")
    assert found == ["one", "two", "three"]
    assert "one two three" in line


def test_marks_are_positions_in_the_unfolded_text() -> None:
    assert marked("Große Straße am E\u0301tang", "strasse étang")[1] == ["Straße", "E\u0301tang"]
    assert marked("Straße", "tras")[1] == ["traß"]


def test_overlapping_terms_get_one_mark() -> None:
    assert marked("foobar", "foob obar")[1] == ["foobar"]


def test_snippet_without_any_term_is_the_start_of_the_text() -> None:
    assert marked("a " * 300, "b") == (("a " * 100) + " …", [])


@given(st.text("aAßé \n", max_size=300), st.text("asé ", min_size=1, max_size=4))
def test_every_mark_contains_a_term(text: str, query: str) -> None:
    terms = Query.parse(query).terms
    line, found = marked(text, query)
    assert len(line) <= LENGTH + 4
    assert all(any(term in fold(mark) for term in terms) for mark in found)
