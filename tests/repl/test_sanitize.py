"""Text from elsewhere is shown and never obeyed, whichever way it comes to the screen."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aloop.sanitize import safe_line, safe_text
from repl.output.markdown import render_markdown
from repl.output.styled import Tone, line, to_ansi, to_text
from tests.hostile import PAYLOADS, obeyed

OURS = re.compile(r"\x1b\[[0-9;]*m")


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
def test_no_payload_survives(payload: str) -> None:
    assert obeyed(safe_text(payload)) == []
    assert obeyed(safe_line(payload)) == []


@given(st.text(st.characters(), max_size=60))
def test_no_text_at_all_survives(text: str) -> None:
    assert obeyed(safe_text(text)) == []
    assert "\n" not in safe_line(text)


@given(st.text(st.characters(), max_size=60))
def test_lines_of_spans_hold_no_codes_but_our_own(text: str) -> None:
    assert obeyed(OURS.sub("", to_ansi([line((Tone.BAD, text), text)], colour=True))) == []
    assert obeyed(to_text([line((Tone.BAD, text), text)])) == []


PIECES = [*"*_`#>-|[]()!<&;\\~ \n\t1.ab", *PAYLOADS.values(), "&#13;", "&#8238;", "&#x9b;", "```"]
MARKUP = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)


@given(MARKUP)
def test_rendered_markdown_holds_no_codes_but_our_own(text: str) -> None:
    assert obeyed(OURS.sub("", render_markdown(text, 40, colour=True))) == []


def test_what_was_there_can_still_be_read() -> None:
    assert safe_text("\x1b[31mred\x07") == "^[[31mred^G"


def test_line_feeds_stay_and_tabs_become_spaces() -> None:
    assert safe_text("a\tb\r\nc") == "a   b\nc"


def test_a_single_line_folds_its_white_space() -> None:
    assert safe_line("  a\n\tb  ") == "a b"


def test_emoji_and_other_scripts_are_left_alone() -> None:
    assert safe_text("日本語 👩‍💻 é العربية") == "日本語 👩‍💻 é العربية"
