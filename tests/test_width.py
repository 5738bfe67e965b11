from __future__ import annotations

from importlib import import_module

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit.utils import get_cwidth

from aloop.sanitize import visible
from aloop.width import clusters, fit, fit_ends, fit_parts, flow, last_rows, pad, rows, text_width, unjoined, wrap
from repl.output.styled import fit_line, line
from repl.output.theme import Style

TEXT = st.text(st.sampled_from("ab é日本🎉"), max_size=40)


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("short", 10, "short"),
        ("exactly ten", 11, "exactly ten"),
        ("a little too long", 12, "a little to…"),
        ("cut at a space", 8, "cut at…"),
        ("世界世界", 5, "世界…"),
        ("世界世界", 8, "世界世界"),
        ("e\u0301te\u0301", 3, "e\u0301te\u0301"),
        ("a\x1bb", 3, "a^…"),
    ],
)
def test_fit_cuts_text_to_a_width_in_cells(text: str, width: int, shown: str) -> None:
    assert fit(visible(text), width) == shown


def test_fit_parts_leaves_out_parts_rather_than_cutting_them() -> None:
    assert [fit_parts("/ commands · ? keys · quit", width) for width in (26, 25, 18, 9)] == [
        "/ commands · ? keys · quit",
        "/ commands · ? keys",
        "/ commands",
        "/ comman…",
    ]


def test_fit_keeps_text_that_fits() -> None:
    assert fit("日本", 4) == "日本"


def test_fit_ends_cut_text_with_an_ellipsis() -> None:
    assert fit("日本語", 4) == "日…"
    assert fit("hello", 1) == "…"
    assert fit("hello", 0) == ""


def test_narrow_characters_are_measured_as_by_prompt_toolkit() -> None:
    for code in range(0x20, 0x3000):
        character = chr(code)
        if character == visible(character):
            assert text_width(character) == get_cwidth(character), hex(code)


@given(TEXT, st.integers(0, 20))
def test_fit_never_exceeds_and_pad_equals_the_width(text: str, width: int) -> None:
    assert get_cwidth(fit(text, width)) <= width
    assert get_cwidth(pad(text, width)) == width


def test_fit_line_cuts_across_spans() -> None:
    assert fit_line(line((Style.BAD, "● "), "calculator", " more"), 8) == ((Style.BAD, "● "), (Style.PLAIN, "calcu…"))


def test_fit_never_cuts_inside_a_cluster() -> None:
    assert list(clusters("e\u0301a👩\u200d💻👍🏽")) == ["e\u0301", "a", "👩\u200d💻", "👍🏽"]
    assert fit("ab👩\u200d💻cd", 5) == "ab…"


def test_unjoined_splits_emoji_and_drops_modifiers() -> None:
    assert unjoined("👩\u200d💻 👍🏽 ❤\ufe0f") == "👩💻 👍 ❤"


def test_rows_break_between_words_and_inside_long_words() -> None:
    assert list(rows("one two three", 8)) == ["one two", "three"]
    assert list(rows("    indented text", 12)) == ["    indented", "text"]
    assert list(rows("a /very/long/path b", 6)) == ["a", "/very/", "long/p", "ath b"]
    assert list(rows("日本語日本語", 4)) == ["日本", "語日", "本語"]
    assert list(rows("", 4)) == [""]


def test_rows_keep_their_breaks_while_text_grows() -> None:
    text = "some words and more of them " * 20
    whole = list(rows(text, 30))
    for end in range(1, len(text), 7):
        *above, _ = rows(text[:end], 30)
        assert above == whole[: len(above)]


def test_wrap_keeps_long_words_whole() -> None:
    assert wrap("one two three", 8) == ["one two", "three"]
    assert wrap("a /very/long/path b", 6) == ["a", "/very/long/path", "b"]


def test_wrap_keeps_line_feeds_and_empty_lines() -> None:
    assert wrap("one\n\ntwo", 8) == ["one", "", "two"]


def test_last_rows_returns_the_end_of_the_text() -> None:
    assert last_rows(["one", "twotwo", "three"], 3, 3) == ["two", "thr", "ee"]
    assert last_rows(["one", ""], 10, 5) == ["one", ""]
    assert last_rows([], 10, 5) == []


@given(st.lists(TEXT, max_size=8), st.integers(2, 20), st.integers(1, 6))
def test_last_rows_never_exceeds_width_or_count(lines: list[str], width: int, count: int) -> None:
    rows = last_rows(lines, width, count)
    assert len(rows) <= count
    assert all(get_cwidth(row) <= width for row in rows)


def test_flow_breaks_between_parts_and_inside_long_parts() -> None:
    choices = "y yes · a yes to all of it · n no"
    assert flow(choices, 40) == [choices]
    assert flow(choices, 26) == ["y yes · a yes to all of it", "n no"]
    assert flow(choices, 12) == ["y yes", "a yes to all", "of it", "n no"]


def test_flag_takes_two_cells_also_in_the_prompt() -> None:
    assert text_width("🇩🇪🇫🇷") == 4
    import_module("repl.input.layout")  # corrects prompt_toolkit
    assert get_cwidth("🇩🇪🇫🇷") == 4


@pytest.mark.parametrize(
    ("width", "shown"),
    [(40, "Enter use · type to filter · Esc"), (20, "Enter use · Esc"), (9, "Enter us…")],
)
def test_fit_ends_drops_middle_parts_and_keeps_the_last(width: int, shown: str) -> None:
    assert fit_ends("Enter use · type to filter · Esc", width) == shown


def test_wrap_breaks_chinese_and_japanese_between_characters_and_paths_never() -> None:
    assert wrap("日本語の質問です。次の文", 8) == ["日本語の", "質問で", "す。次の", "文"]
    assert wrap("看 /a/long/path/that/is/copied 文件", 8) == ["看", "/a/long/path/that/is/copied", "文件"]
    assert wrap("  two  blanks", 80) == ["two  blanks"]
