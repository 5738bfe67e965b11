"""Modes of the terminal while lines are read without prompt_toolkit."""

from __future__ import annotations

import os
import re
import select
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from repl.output.terminal_reports import BROKEN_REPORT, LONGEST_START, REPORT, REPORT_START

_LFLAG, _CC = 3, 6
_Modes = list[Any]

_NOT_TEXT = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|O.|.)?|[\x00-\x08\x0b-\x1f\x7f]", re.DOTALL)
"""Escape sequences, as arrow keys send them, and control characters."""

_END = re.compile(r"(?:\A|\n)[\0\4]\Z")
"""Ctrl-D on an empty line, which is NUL if the terminal itself edited lines when it was pressed."""

_REPORT_SECONDS = 1.0
"""Wait for the rest of a report, which a slow connection may cut anywhere."""

_LONGEST_REPORT = 1 << 16


class Keyboard:
    """The modes of standard input, which must be a terminal."""

    def __init__(self) -> None:
        self._normal: _Modes | None = None

    @contextmanager
    def muted(self) -> Iterator[None]:
        """Turn the echo off in the body; typed text stays buffered, even after Ctrl-C."""
        normal = termios.tcgetattr(sys.stdin)
        muted = termios.tcgetattr(sys.stdin)
        muted[_LFLAG] = muted[_LFLAG] & ~termios.ECHO | termios.NOFLSH
        termios.tcsetattr(sys.stdin, termios.TCSANOW, muted)
        self._normal = normal
        try:
            yield
        finally:
            self._normal = None
            with suppress(termios.error):  # the terminal is closed
                termios.tcsetattr(sys.stdin, termios.TCSANOW, normal)

    @contextmanager
    def unmuted(self) -> Iterator[None]:
        """Restore the normal modes in the body, and the present ones after it."""
        before = termios.tcgetattr(sys.stdin)
        if self._normal:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._normal)
        try:
            yield
        finally:
            with suppress(termios.error):  # the terminal is closed
                termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)

    def is_gone(self) -> bool:
        """Return True if the terminal was closed."""
        try:
            termios.tcgetattr(sys.stdin)
        except termios.error:
            return True
        return False

    def is_ours(self) -> bool:
        """Return True if this process is in the foreground, so that it may read."""
        try:
            return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
        except OSError:  # the terminal was closed
            return False

    def read_line(self) -> tuple[str, bool]:
        """Return the next line that was entered, and True if the input ends instead."""
        data = os.read(sys.stdin.fileno(), 4096)
        return without_keys(data.decode(errors="replace").replace("\r", "\n")).rstrip("\n"), not data

    def typed_ahead(self) -> tuple[str, bool]:
        """Take the text that was typed and not read yet, without waiting for Enter.

        Also return True if the input ends after it, with Ctrl-D on an empty line.
        """
        unread = self.read_unread()
        text = without_keys(unread).strip("\n")
        # A space after the last word stays: another word may follow.
        return (text if text.strip() else ""), _END.search(unread) is not None

    def read_unread(self) -> str:
        """Take all that was typed and not read yet, keys included."""
        before = termios.tcgetattr(sys.stdin)
        unread = termios.tcgetattr(sys.stdin)
        unread[_LFLAG] &= ~termios.ICANON
        unread[_CC][termios.VMIN] = unread[_CC][termios.VTIME] = 0
        try:
            termios.tcsetattr(sys.stdin, termios.TCSANOW, unread)
            typed = ""
            while data := b"".join(iter(lambda: os.read(sys.stdin.fileno(), 4096), b"")):
                typed += data.decode(errors="replace")
                if not (_cut_report(typed) < len(typed) and select.select([sys.stdin], [], [], _REPORT_SECONDS)[0]):
                    break
        finally:
            termios.tcsetattr(sys.stdin, termios.TCSANOW, before)
        return typed.replace("\r", "\n")


def discard_report() -> None:
    """Read the rest of a report of the terminal, of which the start was read."""
    last = b""
    for _ in range(_LONGEST_REPORT):
        if not select.select([sys.stdin], [], [], _REPORT_SECONDS)[0]:
            return
        byte = os.read(sys.stdin.fileno(), 1)
        # Any other control character is a key that was pressed after a report that does not end.
        if last + byte == b"\x1b\\" or (byte < b" " and byte != b"\x1b"):
            return
        last = byte


def _cut_report(text: str) -> int:
    """Return where a report starts that ``text`` cuts, or the length of ``text``."""
    start = re.search(REPORT_START, text)
    return start.start() if start and len(start[0]) > LONGEST_START else len(text)


def without_keys(text: str) -> str:
    """Return ``text`` without escape sequences, reports and control characters."""
    text = re.sub(BROKEN_REPORT, "", re.sub(REPORT, "", text))
    return _NOT_TEXT.sub("", text[: _cut_report(text)])
