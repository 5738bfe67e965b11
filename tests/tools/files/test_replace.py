"""Replacing a text: hostile sizes, line endings, and explanations."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aloop.errors import ToolError
from aloop.tools.files.diff import make_diff, with_kept_line_ends
from aloop.tools.files.replace import replace_text

SECONDS = 2.0  # far more than needed, far less than the quadratic time


def replaced_quickly(text: str, old: str, *, everywhere: bool = False) -> str:
    began = time.process_time()
    try:
        return replace_text(text, old, "new", "\n", everywhere=everywhere)
    except ToolError as error:
        return str(error)
    finally:
        assert time.process_time() - began < SECONDS


@pytest.mark.parametrize("everywhere", [False, True])
@pytest.mark.parametrize(
    ("text", "old"),
    [
        ("a" * 100_000, "a" * 50_000 + "b"),
        ("a" * 1_000_000, "a" * 500_000),
        ("a" * 1_000_000, "a" * 90 + "b"),
        ("\n" * 100_000, "\n" * 100_001),
        ("\n" * 100_000, "\n" * 50_000),
        ("\r\n" * 100_000, "\n" * 50_000 + "x"),
        (" \n" * 100_000, "\t\n" * 50_000),
        ("x " * 250_000, "y " * 250_000),
        ("\u201c" * 250_000, '"' * 250_001),
    ],
    ids=range(9),
)
def test_replace_is_fast_for_repetitive_texts(text: str, old: str, everywhere: bool) -> None:
    assert replaced_quickly(text, old, everywhere=everywhere)


BLANKS, LETTERS = "\n" * 100_000, "".join(f"{number % 89}\n" for number in range(100_000))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (BLANKS, BLANKS[:-2] + "x\n\n"),
        ("a\n" + BLANKS + "b\n", "b\n" + BLANKS[7:] + "a\n"),
        (LETTERS, LETTERS[::-1]),
        (
            "".join(f"{number}\n" for number in range(50_000)),
            "".join(f"{number}\n" for number in range(50_000, 0, -1)),
        ),
        ("a\nb\n" * 50_000, "b\nb\na\n" * 30_000),
        ("\n".join("ab" * 50_000), "\n".join("ba" * 50_000)),
    ],
    ids=range(6),
)
@pytest.mark.parametrize("work", [make_diff, with_kept_line_ends])
def test_diff_is_fast_for_repetitive_texts(work: Callable[[str, str, str], object], before: str, after: str) -> None:
    began = time.process_time()
    work(before.replace("\n", "\r\n", 1), after, "\n")
    assert time.process_time() - began < 2 * SECONDS


LINES = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["\n", "\r\n"])), max_size=8)


@given(LINES, st.integers(0, 8), st.sampled_from(["\n", "\r\n"]))
def test_edit_keeps_the_line_ends_of_untouched_lines(lines: list[tuple[str, str]], place: int, line_end: str) -> None:
    before = [*lines[:place], ("old", "\r\n"), *lines[place:]]
    old = "".join(f"{text}\n" for text, _ in before)
    new = old.replace("old\n", "new\n")
    after = replace_text("".join(map("".join, before)), old, new, line_end)
    assert after == "".join(map("".join, [*lines[:place], ("new", line_end), *lines[place:]]))


@given(LINES, LINES)
def test_kept_line_ends_change_nothing_else(before: list[tuple[str, str]], after: list[tuple[str, str]]) -> None:
    new = "".join(f"{text}\n" for text, _ in after)
    kept = with_kept_line_ends("".join(map("".join, before)), new, "\n")
    assert kept.replace("\r\n", "\n") == new
    same = "".join(f"{text}\n" for text, _ in before)
    assert with_kept_line_ends("".join(map("".join, before)), same, "\n") == "".join(map("".join, before))


@pytest.mark.parametrize(
    ("text", "old", "message"),
    [
        ("one\nsay(\u201chi\u201d)\n", 'say("hi")', r"line 2 and differs in look-alike .* has 'say\(\\u201chi"),
        (
            "caf\u00e9\n",
            "cafe\u0301",
            r"line 1 and differs in look-alike .* has 'caf\\xe9', but old_text has 'cafe\\u0301'",
        ),
        ("a\nx =\u00a01\n", "x = 1", r"line 2 and differs in look-alike .* has 'x =\\xa01', but old_text has 'x = 1'"),
        ("a\nHello World\n", "hello world", r"line 2 and differs in upper and lower case: .* has 'Hello World'"),
        ("a\n\tgo()\n", "    go()\n", r"line 2 and differs in spaces or tabs: .* has '\\tgo\(\)'"),
        ("if x:\n    go()\n    end\n", "go()\n  end", r"line 3 and differs in spaces or tabs: the file has '    end'"),
        (
            "a\nhello my dear world\n",
            "hello my good world",
            "most similar line is line 2: .* has 'hello my dear world'",
        ),
        (
            "a\n\ngo()\nstop()\n",
            "go()\nhalt()",
            r"first line is at line 3.*line 4 .* has 'stop\(\)', .* has 'halt\(\)'",
        ),
    ],
)
def test_missing_text_is_refused_with_its_difference(text: str, old: str, message: str) -> None:
    with pytest.raises(ToolError, match=message):
        replace_text(text, old, "new", "\n")


def test_long_text_in_many_places_is_refused_before_it_is_built() -> None:
    tracemalloc.start()
    try:
        with pytest.raises(ToolError, match="too large"):
            replace_text("\n" * 400_000, "\n", "x" * 10_000, "\n", everywhere=True)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()
