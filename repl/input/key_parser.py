"""Parsing of the keys and reports that a terminal sends.

A terminal sends keys and reports as escape sequences. prompt_toolkit types a sequence that it does not know as text.
This parser runs before its parser: it translates the sequences of the kitty protocol and of xterm's modified keys, and
drops unknown sequences and reports.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from select import select

from prompt_toolkit.application.current import get_app
from prompt_toolkit.filters import Condition
from prompt_toolkit.input import Input
from prompt_toolkit.input.ansi_escape_sequences import ANSI_SEQUENCES
from prompt_toolkit.input.typeahead import store_typeahead
from prompt_toolkit.input.vt100 import Vt100Input
from prompt_toolkit.input.vt100_parser import Vt100Parser
from prompt_toolkit.key_binding.key_processor import KeyPress
from prompt_toolkit.keys import Keys

from repl.output.terminal_reports import BROKEN_REPORT, LONGEST_START, REPORT, REPORT_START

CTRL_ENTER = Keys.ControlF24
"""The key used for Ctrl-Enter, which prompt_toolkit does not name."""

escape_alone = Condition(lambda: all(press.key == Keys.Escape for press in get_app().key_processor.input_queue))
"""True if the Escape being handled is not the start of a key with Alt, which arrives in one piece."""

_NEW_LINE = "\x1b\r"  # Alt-Enter, which all terminals can send

_FOCUS = ("\x1b[I", "\x1b[O")  # the terminal got or lost the focus
_PASTE_START, _PASTE_END = "\x1b[200~", "\x1b[201~"
_CTRL_C = ("\x03", "\x1b[99;5u")
_LOST_END_SECONDS = 1.0
"""The silence in a paste after which Ctrl-C ends it: the mark of its end was lost."""

_CSI = r"(?s)\x1b\[(?:\[.|([0-?]*)[ -/]*([@-~]))"
_CSI_START = r"\x1b\[(?:\[|[0-?]*[ -/]*)\Z"
_LONGEST_REPORT = 1 << 16
_REPORT_SECONDS = 1.0
"""The longest gap in a report."""

_KEYPAD = r"\x1bO[MXj-y]"
_KEYPAD_START = "\x1bO"
_POSITION_OR_MOUSE = r"\x1b\[(?:\d+;\d+R|<?[\d;]+[mM]|M)\Z"

_INCOMPLETE_KEY = r"\x1b(?:O|\[[0-9;?]*)?\Z"
_REST_SECONDS = 0.05  # for the rest of a key, which arrives together with its start

_SHIFT, _ALT, _CTRL, _LOCKS = 1, 2, 4, 64 + 128
_ENTER, _TAB, _ESCAPE, _SPACE, _BACKSPACE = 13, 9, 27, 32, 127
_RELEASED = "3"

# Functional keys of the kitty protocol, from https://sw.kovidgoyal.net/kitty/keyboard-protocol/#functional-key-definitions
_KEYPAD_TEXT = {57399 + number: character for number, character in enumerate("0123456789./*-+\r=,")}
_KEYPAD_MOVES = {
    57417 + number: final for number, final in enumerate(["D", "C", "A", "B", "5~", "6~", "H", "F", "2~", "3~"])
}
_PRIVATE = range(57344, 63744)

# Control characters of keys that are not letters.
_CONTROLS = {
    "[": 27,
    "3": 27,
    "\\": 28,
    "4": 28,
    "]": 29,
    "5": 29,
    "^": 30,
    "6": 30,
    "~": 30,
    "_": 31,
    "7": 31,
    "/": 31,
}
_CONTROLS |= {"-": 31, "?": 127, "8": 127, " ": 0, "@": 0, "2": 0}


class KeyParser(Vt100Parser):
    """Parses the input of a terminal.

    While ``is_early`` is set, a line feed is Enter: the terminal converts carriage returns until it is in raw mode.
    ``on_report`` is called with each report of the terminal, which is not a key, and with the mark before a paste.
    """

    def __init__(
        self,
        feed_key: Callable[[KeyPress], None],
        on_report: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(feed_key)
        self._on_report = on_report
        self._clock = clock
        self._partial = ""
        self._cut_at: float | None = None
        self._fed_at = clock()
        self.is_early = False

    def feed(self, data: str) -> None:
        if self._cut_at is not None and self._clock() - self._cut_at > _REPORT_SECONDS:
            self._partial = ""  # the rest of the report was lost
        self._cut_at = None
        silence, self._fed_at = self._clock() - self._fed_at, self._clock()
        if self._in_bracketed_paste and data in _CTRL_C and silence > _LOST_END_SECONDS:
            super().feed(_PASTE_END)
        data, self._partial = self._partial + data, ""
        while data:
            if self._in_bracketed_paste:
                super().feed(data)  # calls this method with the text after the paste
                return
            before, escape, rest = data.partition("\x1b")
            self._feed_text(before)
            if not escape:
                return
            data = self._feed_sequence(escape + rest)

    def flush(self) -> None:
        if len(self._partial) > LONGEST_START and re.match(REPORT_START, self._partial):
            self._cut_at = self._clock()  # a slow connection may cut a report, but not a key
        else:
            partial, self._partial = self._partial, ""
            self._feed_text(partial)
        super().flush()

    def _feed_text(self, text: str) -> None:
        super().feed(text.replace("\n", "\r") if self.is_early else text)

    def _feed_sequence(self, data: str) -> str:
        """Handle the escape sequence at the start of ``data``, and return the rest."""
        if data == "\x1b" or data == _KEYPAD_START or re.match(_CSI_START, data) or re.match(REPORT_START, data):
            self._partial = data if len(data) < _LONGEST_REPORT else ""
            return ""
        if data.startswith(_PASTE_START):
            self._on_report(_PASTE_START)
            super().feed(data)
            return ""
        if found := re.match(_CSI, data):
            self._feed_csi(found[0], found[1] or "", found[2] or "")
        elif found := re.match(_KEYPAD, data):
            self._feed_text(
                "\r" if found[0][-1] == "M" else "=" if found[0][-1] == "X" else chr(ord(found[0][-1]) - 0x40)
            )
        elif broken := re.match(BROKEN_REPORT, data):
            return data[broken.end() :]
        elif not (found := re.match(REPORT, data)):
            super().feed("\x1b")
            return data[1:]
        else:
            self._on_report(found[0])
        return data[found.end() :]

    def _feed_csi(self, sequence: str, parameters: str, final: str) -> None:
        fields = parameters.split(";")
        if final == "u" and parameters[:1].isdigit():
            self._feed_key(fields[0], fields[1] if len(fields) > 1 else "1")
        elif final == "~" and fields[0] == "27" and len(fields) == 3:
            self._feed_key(fields[2], fields[1])
        elif parameters.startswith("?") or sequence in _FOCUS:
            self._on_report(sequence)
        elif len(fields) == 2 and parameters[:1].isdigit() and final in "ABCDEFHPQRS~" and not _is_known(sequence):
            modifiers, _, event = fields[1].partition(":")
            if modifiers.isdigit() and event != _RELEASED:
                self._feed_move(fields[0], final, int(modifiers) - 1)
        elif _is_known(sequence):
            super().feed(sequence)

    def _feed_move(self, number: str, final: str, modifiers: int) -> None:
        """Handle a modified key such as an arrow; locks do not count."""
        modifiers &= ~_LOCKS
        # The forms without modifiers are ESC [ A and ESC [ 5 ~.
        plain = f"\x1b[{number}~" if final == "~" else f"\x1bO{final}" if final in "PQRS" else f"\x1b[{final}"
        sequence = f"\x1b[{number};{modifiers + 1}{final}" if modifiers else plain
        if _is_known(sequence):
            super().feed(sequence)

    def _feed_key(self, codes: str, modifiers_text: str) -> None:
        """Handle a key given by its code point and its modifiers."""
        code_text = codes.partition(":")[0]
        modifiers_text, _, event = modifiers_text.partition(":")
        if not code_text.isdigit() or len(code_text) > 7 or event == _RELEASED:
            return
        code = int(code_text)
        modifiers = (int(modifiers_text) - 1 if modifiers_text.isdigit() else 0) & ~_LOCKS
        if code in _KEYPAD_MOVES:
            move = _KEYPAD_MOVES[code]
            self._feed_move(move[:-1] or "1", move[-1], modifiers)
        elif code in _KEYPAD_TEXT:
            self._feed_character(_KEYPAD_TEXT[code], modifiers)
        elif code not in _PRIVATE and code < 0x110000 and not 0xD800 <= code < 0xE000:
            self._feed_character(chr(code), modifiers)

    def _feed_character(self, character: str, modifiers: int) -> None:
        code = ord(character)
        if modifiers & ~(_SHIFT | _ALT | _CTRL):
            return  # shortcuts with Super belong to the desktop
        if code == _ESCAPE:
            self.feed_key_callback(KeyPress(Keys.Escape, "\x1b"))
        elif code == _ENTER and modifiers == _CTRL:
            self.feed_key_callback(KeyPress(CTRL_ENTER, "\r"))
        elif code == _ENTER:
            super().feed(_NEW_LINE if modifiers else "\r")
        elif code == _TAB:
            super().feed("\x1b[Z" if modifiers & _SHIFT else "\t")
        elif code == _BACKSPACE:
            super().feed("\x1b\x7f" if modifiers & _ALT else "\x17" if modifiers & _CTRL else "\x7f")
        else:
            if modifiers & _CTRL:
                character = _control(character)
            elif modifiers & _SHIFT:
                character = character.upper()
            super().feed(("\x1b" if modifiers & _ALT else "") + character)


def feed_typed_ahead(source: Input, before: str) -> int:
    """Let the first paint show the keys typed so far; return their number.

    ``before`` is what was read from ``source`` before the prompt was ready.
    """
    parser = source.vt100_parser if isinstance(source, Vt100Input) else None
    if isinstance(parser, KeyParser):
        parser.is_early = True
    if isinstance(source, Vt100Input):
        # Through the parser of the source: a key may start in here and end in unread input.
        source.vt100_parser.feed(before)
        if "\x1b" in before and re.search(_INCOMPLETE_KEY, before):
            select([source.fileno()], [], [], _REST_SECONDS)
    keys = []
    while read := source.read_keys():
        keys += read
    # A single Escape is complete: the keys of a terminal arrive in one piece.
    keys += source.flush_keys()
    if isinstance(parser, KeyParser):
        parser.is_early = False
    store_typeahead(source, keys)
    return len(keys)


def _control(character: str) -> str:
    lower = character.lower()
    if "a" <= lower <= "z":
        return chr(ord(lower) & 0x1F)
    return chr(_CONTROLS[character]) if character in _CONTROLS else character


def _is_known(sequence: str) -> bool:
    """Return True if prompt_toolkit knows a key for ``sequence``."""
    known = ANSI_SEQUENCES.get(sequence)
    return (known is not None and known != Keys.Ignore) or re.match(_POSITION_OR_MOUSE, sequence) is not None
