"""What the terminal does with keys that nobody reads just now: it shows them, or keeps them to itself."""

from __future__ import annotations

import os
import re
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

_LFLAG, _CC = 3, 6
_Modes = list[Any]

_NO_TEXT = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|O.|.)?|[\x00-\x08\x0b-\x1f\x7f]", re.DOTALL)
"""Arrows and the like, and control characters."""


class Keyboard:
    """Standard input, a terminal."""

    def __init__(self) -> None:
        self._resting: _Modes | None = None

    @contextmanager
    def muted(self) -> Iterator[None]:
        """Show nothing of what is typed while the body runs, and lose none of it, also by Ctrl-C."""
        resting = termios.tcgetattr(sys.stdin)
        muted = termios.tcgetattr(sys.stdin)
        muted[_LFLAG] = muted[_LFLAG] & ~termios.ECHO | termios.NOFLSH
        termios.tcsetattr(sys.stdin, termios.TCSANOW, muted)
        self._resting = resting
        try:
            yield
        finally:
            self._resting = None
            with suppress(termios.error):  # the terminal has gone away
                termios.tcsetattr(sys.stdin, termios.TCSANOW, resting)

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Have the terminal as it is at rest while the body runs; in the end it is as it was."""
        before = termios.tcgetattr(sys.stdin)
        if self._resting:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._resting)
        try:
            yield
        finally:
            with suppress(termios.error):  # as above
                termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)

    def typed_ahead(self) -> str:
        """Take the text that was typed and not read yet; nothing is waited for, not even for an Enter."""
        before = termios.tcgetattr(sys.stdin)
        unread = termios.tcgetattr(sys.stdin)
        unread[_LFLAG] &= ~termios.ICANON
        unread[_CC][termios.VMIN] = unread[_CC][termios.VTIME] = 0
        try:
            termios.tcsetattr(sys.stdin, termios.TCSANOW, unread)
            typed = b"".join(iter(lambda: os.read(sys.stdin.fileno(), 4096), b""))
        finally:
            termios.tcsetattr(sys.stdin, termios.TCSANOW, before)
        text = _NO_TEXT.sub("", typed.decode(errors="replace").replace("\r", "\n")).strip("\n")
        return text if text.strip() else ""  # with the space behind a word: another one may follow
