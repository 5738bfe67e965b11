"""Long results, cut in the middle."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from aloop.agent.tool_calls import MOST_BYTES, shorten

NOTE = re.compile(r"\n\[… ([\d,]+) of ([\d,]+) bytes left out here; kept in a file …\]\n")


def parts(text: str) -> tuple[str, int, str]:
    """Return what is before the note, the bytes that it says are left out, and what is after it."""
    shortened = shorten(text, "kept in a file")
    found = NOTE.search(shortened)
    assert found
    return shortened[: found.start()], int(found[1].replace(",", "")), shortened[found.end() :]


def test_the_cuts_are_at_line_ends() -> None:
    first, _, last = parts("one line of some length\n" * 5_000)
    assert set(first.split("\n")) | set(last.removesuffix("\n").split("\n")) == {"one line of some length"}


def test_a_text_without_lines_is_cut_where_it_has_to_be() -> None:
    first, cut, last = parts("x" * 100_000)
    assert (len(first), cut, len(last)) == (MOST_BYTES // 2, 100_000 - MOST_BYTES, MOST_BYTES // 2)


@given(st.text("aü漢😀\n", min_size=1, max_size=9))
def test_what_is_shown_is_of_the_text_and_whole_characters(piece: str) -> None:
    text = piece * (2 * MOST_BYTES // len(piece.encode()) + 1)
    first, cut, last = parts(text)
    assert text.startswith(first)
    assert text.endswith(last)
    assert 0 < cut < len(text.encode())
    assert len((first + last).encode()) <= MOST_BYTES
