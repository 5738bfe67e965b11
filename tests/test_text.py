"""Normal forms, and long texts with their middle left out."""

from __future__ import annotations

import unicodedata
from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from aloop.text import HeadAndTail, normalized
from tests.saved_sessions import ROOT


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


@given(
    st.text(st.sampled_from("aé e\u0301\u0300\u0316\u1100\u1161ﬁ①日か\u3099"), max_size=40),
    st.sampled_from(["NFC", "NFKC"]),
)
def test_normal_form_of_short_runs_is_that_of_unicode(text: str, form: Literal["NFC", "NFKC"]) -> None:
    assert normalized(form, text) == unicodedata.normalize(form, text)


def test_normal_form_of_a_long_run_of_marks_is_the_run_itself() -> None:
    """Sorting the marks would take hours, in which Ctrl-C has no effect."""
    run = "\u0300\u0316" * 1_000_000
    assert normalized("NFC", f"e\u0301 a{run}e\u0301") == f"é a{run}é"


def test_all_other_modules_normalize_with_this_one() -> None:
    sources = [path for folder in ("aloop", "commands", "repl") for path in (ROOT / folder).rglob("*.py")]
    users = [path for path in sources if "unicodedata.normalize" in path.read_text()]
    assert users == [ROOT / "aloop/text.py"]
