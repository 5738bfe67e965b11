"""Tests of the keys and reports of terminals."""

from __future__ import annotations

import os
import tty

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit.input.typeahead import get_typeahead
from prompt_toolkit.input.vt100 import Vt100Input
from prompt_toolkit.input.vt100_parser import Vt100Parser
from prompt_toolkit.key_binding.key_processor import KeyPress
from prompt_toolkit.keys import Keys

from repl.input import key_parser
from repl.input.key_parser import CTRL_ENTER, KeyParser, feed_typed_ahead
from tests.e2e.shell import unread


def parse(*pieces: str) -> list[str]:
    pressed: list[KeyPress] = []
    parser = KeyParser(pressed.append, lambda _: None)
    for piece in pieces:
        parser.feed(piece)
    parser.flush()
    return [str(press.key.value if isinstance(press.key, Keys) else press.key) for press in pressed]


def parse_plainly(text: str) -> list[str]:
    pressed: list[KeyPress] = []
    Vt100Parser(pressed.append).feed_and_flush(text)
    return [str(press.key.value if isinstance(press.key, Keys) else press.key) for press in pressed]


NEW_LINE = ["escape", "c-m"]


@pytest.mark.parametrize(
    ("sequence", "keys"),
    [
        ("\x1b[13;2u", NEW_LINE),
        ("\x1b[13;130u", NEW_LINE),  # with Num Lock
        ("\x1b[27;2;13~", NEW_LINE),
        ("\x1b[27;5;13~", [CTRL_ENTER.value]),
        ("\x1b[13;5u", [CTRL_ENTER.value]),
        ("\x1b[57414u", ["c-m"]),
        ("\x1bOM", ["c-m"]),
        ("\x1bOk\x1bOr", ["+", "2"]),
        ("\x1b[57400u", ["1"]),
        ("\x1b[57419;1u", ["up"]),
        ("\x1b[13u", ["c-m"]),
        ("\x1b[27u", ["escape"]),
        ("\x1b[99;5u", ["c-c"]),
        ("\x1b[99;69u", ["c-c"]),  # with Caps Lock
        ("\x1b[97;3u", ["escape", "a"]),
        ("\x1b[97:65;2u", ["A"]),
        ("\x1b[97;1:3u", []),
        ("\x1b[97;9u", []),
        ("\x1b[228;2u", ["Ä"]),
        ("\x1b[32;5u", ["c-@"]),
        ("\x1b[127;5u", ["c-w"]),
        ("\x1b[9;2u", ["s-tab"]),
        ("\x1b[57441;2u", []),  # the Shift key itself
        ("\x1b[1;129A", ["up"]),
        ("\x1b[1;2A", ["s-up"]),
        ("\x1b[1;1:3A", []),
        ("\x1b[3;130~", ["s-delete"]),
        ("\x1b[[A", ["f1"]),
        ("\x1b[5~", ["pageup"]),
        ("\x1b[1;5C", ["c-right"]),
    ],
)
def test_key_sequences_are_keys(sequence: str, keys: list[str]) -> None:
    assert parse(f"a{sequence}b") == ["a", *keys, "b"]
    assert parse("a", *sequence, "b") == ["a", *keys, "b"]


@pytest.mark.parametrize(
    "report",
    [
        "\x1b[I",
        "\x1b[O",
        "\x1b[?62;22c",
        "\x1b[>0;276;0c",
        "\x1b[?2026;2$y",
        "\x1b[?0u",
        "\x1b[8;24;80t",
        "\x1b]11;rgb:ffff/ffff/dddd\x1b\\",
        "\x1b]52;c;aGVsbG8=\x07",
        "\x1bP1+r544e=787465726d\x1b\\",
        "\x1bP>|XTerm(390)\x1b\\",
        "\x1b_Gi=31;OK\x1b\\",
        "\x1b[999;999;999z",
        "\x1b[1;99Z",
    ],
)
def test_reports_are_not_typed_as_text(report: str) -> None:
    assert parse(f"a{report}b") == ["a", "b"]
    assert parse("a", *report, "b") == ["a", "b"]


def test_unfinished_report_is_dropped() -> None:
    assert parse("a\x1b]11;rgb:ffff") == ["a"]
    assert parse("a\x1b]11;rgb:ffff\rb") == ["a", "c-m", "b"]
    assert parse("a\x1b]11;rgb:ffff\x1b[Ab") == ["a", "up", "b"]


@pytest.mark.parametrize(("gap", "keys"), [(0.9, ["a", "b"]), (1.1, ["a", *"ff/ffff", "escape", *"\\b"])])
def test_rest_of_a_report_belongs_to_it_unless_it_is_late(gap: float, keys: list[str]) -> None:
    pressed: list[KeyPress] = []
    now = 100.0
    parser = KeyParser(pressed.append, lambda _: None, lambda: now)
    parser.feed("a\x1b]11;rgb:ff")
    parser.flush()
    now += gap
    parser.feed("ff/ffff\x1b\\b")
    parser.flush()
    assert [str(press.key.value if isinstance(press.key, Keys) else press.key) for press in pressed] == keys


@pytest.mark.parametrize(
    "keys", ["\x1b]", "\x1b]x", "\x1bP", "\x1bO", "\x1b[", "\x1b", "\x1b\x1b", "\x1b_b", "\x1b\x1b[A"]
)
def test_alt_keys_stay_keys(keys: str) -> None:
    assert parse(keys) == parse_plainly(keys)


def test_bracketed_paste_is_not_parsed() -> None:
    assert parse("\x1b[200~a\x1b[13;2u\nb\x1b[201~\x1b[13;2u") == ["<bracketed-paste>", *NEW_LINE]


def test_reports_are_passed_on_and_not_typed() -> None:
    reports: list[str] = []
    pressed: list[KeyPress] = []
    parser = KeyParser(pressed.append, reports.append)
    sent = ["\x1b[?1u", "\x1b[?2026;2$y", "\x1b]11;rgb:ffff/ffff/ffff\x1b\\", "\x1b[?62;4c"]
    for character in "a" + "".join(sent) + "b":
        parser.feed(character)
    assert (reports, [press.key for press in pressed]) == (sent, ["a", "b"])


def test_early_line_feed_is_enter() -> None:
    pressed: list[KeyPress] = []
    parser = KeyParser(pressed.append, lambda _: None)
    parser.is_early = True
    parser.feed("a\n")
    parser.is_early = False
    parser.feed("\n")
    assert [press.key for press in pressed] == ["a", Keys.ControlM, Keys.ControlJ]


@given(st.text(st.sampled_from("\x1b[]PO_GM?<;:~u019aA\\\x07\x18é"), max_size=30), st.integers(0, 30))
def test_input_in_pieces_gives_the_same_keys(text: str, cut: int) -> None:
    assert parse(text[:cut], text[cut:]) == parse(text)


@pytest.mark.parametrize(
    ("before", "rest", "keys"),
    [
        ("one", "two", ["o", "n", "e", "t", "w", "o"]),
        ("a\x1b[", "Db", ["a", "left", "b"]),
        ("\x1b", "[200~x\r\x1b[201~\r", ["<bracketed-paste>", "c-m"]),
        ("\x1b[200~x", "y\x1b[201~", ["<bracketed-paste>"]),
        ("a\x1b", "", ["a", "escape"]),
    ],
)
def test_key_read_in_two_parts_is_one_key(
    before: str, rest: str, keys: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if rest:
        monkeypatch.setattr(key_parser, "_REST_SECONDS", 60)
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    with os.fdopen(ours, "wb", 0) as keyboard, os.fdopen(theirs, encoding="utf-8") as terminal:
        keyboard.write(rest.encode())
        while unread(theirs) < len(rest):
            pass  # a terminal delivers written bytes with a delay
        source = Vt100Input(terminal)
        feed_typed_ahead(source, before)
        assert [press.key for press in get_typeahead(source)] == keys


@pytest.mark.parametrize("key", ["\x03", "\x1b[99;5u"])
def test_ctrl_c_after_a_silence_ends_a_paste_whose_end_was_lost(key: str) -> None:
    pressed: list[KeyPress] = []
    now = [0.0]
    parser = KeyParser(pressed.append, lambda _: None, clock=lambda: now[0])
    parser.feed("\x1b[200~one")
    parser.feed("\x03")
    assert not pressed  # it belongs to the text
    now[0] = 2.0
    parser.feed(key)
    parser.feed("a")
    assert [press.key for press in pressed] == [Keys.BracketedPaste, Keys.ControlC, "a"]
    assert pressed[0].data == "one\x03"
