"""Wording of counts, and long texts with their middle left out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aloop.text import HeadAndTail, quantity


@pytest.mark.parametrize(("count", "text"), [(0, "0 files"), (1, "1 file"), (2, "2 files"), (1_000, "1,000 files")])
def test_quantity_uses_the_plural_except_for_one(count: int, text: str) -> None:
    assert quantity(count, "file") == text


@given(st.lists(st.text("abc", max_size=9)), st.integers(1, 8))
def test_head_and_tail_keep_both_ends_of_the_joined_pieces(pieces: list[str], most: int) -> None:
    kept, whole = HeadAndTail(most), "".join(pieces)
    for piece in pieces:
        kept.add(piece)
    dropped = max(0, len(whole) - 2 * most)
    assert kept.dropped == dropped
    if dropped:
        assert kept.text == f"{whole[:most]}\n[… {dropped} characters left out …]\n{whole[-most:]}"
    else:
        assert kept.text == whole
