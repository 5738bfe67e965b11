"""Text from elsewhere cannot control the terminal, whichever way it is shown."""

from __future__ import annotations

import json
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aloop.sanitize import one_line, safe_line, safe_text, visible, without_escape_codes
from repl.output.markdown import render_markdown
from repl.output.styled import line, to_ansi, to_text
from repl.output.theme import Style, Theme
from tests.hostile import PAYLOADS, obeyed


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;owned\x07", "^[]0;owned^G"),
        ("\x1b[2J", "^[[2J"),
        ("a\rb", "a^Mb"),
        ("\x00\x08\x7f", "^@^H^?"),
        ("\x9b31m", "<U+009B>31m"),
        ("abc\u202edef", "abc<U+202E>def"),
        ("one\u2028two", "one<U+2028>two"),
        ("half \ud83d", "half \N{REPLACEMENT CHARACTER}"),
    ],
)
def test_visible_replaces_control_characters(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize("text", ["", "two\nlines\tand a tab", "Grüße, 世界", "👩\u200d💻 is one emoji", "שלום"])
def test_visible_keeps_ordinary_text(text: str) -> None:
    assert visible(text) == text


@given(st.text(st.characters()))
def test_visible_leaves_no_control_character(text: str) -> None:
    left = {unicodedata.category(character) for character in visible(text) if character not in "\n\t"}
    assert not left & {"Cc", "Cs", "Zl", "Zp"}


@given(st.text(st.characters()))
def test_visible_is_idempotent(text: str) -> None:
    assert visible(visible(text)) == visible(text)


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
def test_payload_in_a_name_becomes_json_escapes(payload: str) -> None:
    assert obeyed(one_line(payload)) == []
    assert "\n" not in one_line(f"a\n{payload}")
    assert json.loads(f'"{one_line(payload.replace(chr(92), ""))}"') == payload.replace(chr(92), "")


@pytest.mark.parametrize("name", ["notes.txt", "a b", "Grüße, 世界", "👩\u200d💻", "שלום", "back\\slash"])
def test_ordinary_name_stays_as_it_is(name: str) -> None:
    assert one_line(name) == name


@given(st.text(st.characters(), max_size=60))
def test_any_text_is_disarmed_in_a_name(text: str) -> None:
    assert obeyed(one_line(text)) == []
    assert visible(one_line(text)) == one_line(text)


OURS = re.compile(r"\x1b\[[0-9;]*m")


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
def test_safe_text_and_line_disarm_each_payload(payload: str) -> None:
    assert obeyed(safe_text(payload)) == []
    assert obeyed(safe_line(payload)) == []


@given(st.text(st.characters(), max_size=60))
def test_safe_text_and_line_disarm_any_text(text: str) -> None:
    assert obeyed(safe_text(text)) == []
    assert "\n" not in safe_line(text)


@given(st.text(st.characters(), max_size=60))
def test_styled_lines_contain_only_our_own_codes(text: str) -> None:
    assert obeyed(OURS.sub("", to_ansi([line((Style.BAD, text), text)], Theme()))) == []
    assert obeyed(to_text([line((Style.BAD, text), text)])) == []


PIECES = [*"*_`#>-|[]()!<&;\\~ \n\t1.ab", *PAYLOADS.values(), "&#13;", "&#8238;", "&#x9b;", "```"]
MARKUP = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)


@given(MARKUP)
def test_rendered_markdown_contains_only_our_own_codes(text: str) -> None:
    assert obeyed(OURS.sub("", render_markdown(text, 40, Theme()))) == []


def test_safe_text_keeps_replaced_codes_readable() -> None:
    assert safe_text("\x1b[31mred\x07") == "^[[31mred^G"


def test_safe_text_keeps_line_feeds_and_expands_tabs() -> None:
    assert safe_text("a\tb\r\nc") == "a   b\nc"


def test_safe_line_folds_white_space() -> None:
    assert safe_line("  a\n\tb  ") == "a b"


def test_safe_text_keeps_emoji_and_other_scripts() -> None:
    assert safe_text("日本語 👩‍💻 é العربية") == "日本語 👩‍💻 é العربية"


@pytest.mark.parametrize(
    ("output", "text"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07a\x1b]8;;https://x\x1b\\b\x1b]8;;\x1b\\", "ab"),
        ("\x1b(Ba\x1b[?25lb\x1bM", "ab"),
        ("a\x1b", "a\x1b"),
        ("[31m", "[31m"),
    ],
)
def test_escape_codes_are_removed(output: str, text: str) -> None:
    assert without_escape_codes(output) == text
