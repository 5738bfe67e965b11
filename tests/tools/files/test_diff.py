"""Unified diffs: exact, short, and in the standard format."""

from __future__ import annotations

import difflib

from hypothesis import given
from hypothesis import strategies as st

from aloop.tools.files.diff import Diff, make_diff

LINES = st.lists(st.sampled_from(["a", "b", "c", "", "+", "- x", "\x0c", "\u2028"]), max_size=12)


def patched(before: str, diff: str) -> str:
    """Apply a diff as patch(1) does."""
    old, new, place = before.split("\n"), [], 0
    body = diff.split("\n")[2:]
    for number, line in enumerate(body):
        if line.startswith("@@"):
            start = int(line.split()[1].lstrip("-").split(",")[0])
            is_empty = line.split()[1].endswith(",0")
            first = start if is_empty else start - 1
            new += old[place:first]
            place = first
        elif line.startswith("\\"):
            continue
        elif line.startswith("+"):
            new.append(line[1:])
        else:
            assert old[place] == line[1:], f"line {number} of the diff does not match the text"
            place += 1
            new += [] if line.startswith("-") else [line[1:]]
    return "\n".join([*new, *old[place:]])


@given(LINES, LINES)
def test_diff_applied_to_the_old_text_gives_the_new_text(before: list[str], after: list[str]) -> None:
    old, new = "".join(f"{line}\n" for line in before), "".join(f"{line}\n" for line in after)
    diff = make_diff(old, new, "f")
    assert (patched(old, diff.text) if diff.text else old) == new


def test_diff_shows_three_lines_around_a_change() -> None:
    before = "".join(f"{number}\n" for number in range(100))
    diff = make_diff(before, before.replace("50\n", "fifty\n"), "numbers.txt")
    expected = "".join(
        difflib.unified_diff(
            before.splitlines(keepends=True),
            before.replace("50\n", "fifty\n").splitlines(keepends=True),
            "numbers.txt",
            "numbers.txt",
        )
    )
    assert diff == Diff(expected.rstrip("\n"), added=1, removed=1)


def test_diff_of_a_new_file_starts_at_dev_null() -> None:
    assert make_diff(None, "x\n", "f") == Diff("--- /dev/null\n+++ f\n@@ -0,0 +1 @@\n+x", 1, 0)


def test_diff_shows_a_missing_final_newline() -> None:
    text = make_diff("a", "a\n", "f").text
    assert text.splitlines()[2:] == ["@@ -1 +1 @@", "-a", "\\ No newline at end of file", "+a"]


def test_diff_without_a_change_is_empty() -> None:
    assert make_diff("a\n", "a\n", "f") == Diff("", 0, 0)


def test_diff_of_a_repetitive_file_stays_minimal() -> None:
    """difflib alone ignores lines that occur often."""
    before = "x\ny\n" * 20_000
    after = "x\ny\n" * 10_000 + "z\n" + "x\ny\n" * 10_000
    assert make_diff(before, after, "f").added == 1
