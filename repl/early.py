"""The first screen, painted before the program behind it is loaded: prompt_toolkit alone takes a quarter of a second.

What is painted is, cell by cell, what the prompt draws over it a moment later, so that nothing moves. Until then the
terminal echoes nothing and Ctrl-C is a key like any other: a key typed meanwhile is kept for the prompt, neither lost
nor shown twice, and letters appear on the painted prompt as they are typed.
"""

from __future__ import annotations

import os
import signal
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from select import select
from types import FrameType
from typing import Any, NoReturn

from repl.banner import greeting
from repl.early_keys import EarlyKeys
from repl.lead import PROMPT
from repl.options import ShellOptions
from repl.spans import to_ansi
from repl.toolbar import toolbar_text

_IFLAG, _LFLAG = 0, 3
_PASTES_MARKED, _PASTES_PLAIN = "\x1b[?2004h", "\x1b[?2004l"
_CLEAR_BELOW = "\r\x1b[J"
_CURSOR_UP = "\x1b[A"


class EarlyScreen:
    """What was painted on the terminal ``fd``; ``is_painted`` until somebody takes it over.

    ``typed`` is what was typed by then, and not read by anybody else.
    """

    def __init__(self, fd: int) -> None:
        self.typed = ""
        self._is_painted = False
        self._keys: EarlyKeys | None = None
        self._fd = fd
        self._before = termios.tcgetattr(fd)

    def paint(self, text: str) -> None:
        """Write ``text``, which may be empty, and keep what is typed from now on, shown only behind a text."""
        termios.tcsetattr(self._fd, termios.TCSANOW, _keys_kept(self._before, signals=not text))
        if text:
            self._is_painted = True
            # What was typed until now, the terminal has shown where the banner begins.
            _write(_CLEAR_BELOW + text if select([self._fd], [], [], 0)[0] else text)
            room = os.get_terminal_size(self._fd).columns - len(PROMPT) - 1
            self._keys = EarlyKeys(self._fd, sys.stdout.fileno(), room)

    @property
    def is_painted(self) -> bool:
        return self._is_painted

    def take_over(self) -> bool:
        """Whether the banner stands on the screen, and the cursor on the row of the prompt, which is now the caller's.

        The cursor is still to be put in the first column.
        """
        was_painted, self._is_painted = self._is_painted, False
        keys, self._keys = self._keys, None
        if keys is not None:
            self.typed = keys.stop()
        return was_painted

    def restore(self) -> None:
        """Give the terminal back; what is typed from now on is for the shell around us, and Ctrl-C is a signal."""
        with suppress(termios.error):  # the terminal has gone away
            termios.tcsetattr(self._fd, termios.TCSANOW, self._before)

    def end(self) -> None:
        """Clear the prompt away, if nobody has taken it over; the banner stays, as it would above any failure."""
        try:
            if self.take_over():
                _write(_CLEAR_BELOW + _PASTES_PLAIN)
        finally:
            self.restore()


@contextmanager
def early_screen(options: ShellOptions) -> Iterator[EarlyScreen]:
    """Paint what a new session begins with; in the end, leave the terminal as it was.

    Standard input and output must be a terminal that can do more than print.
    """
    text = first_screen(options, os.get_terminal_size(sys.stdout.fileno()).columns)
    handlers = {number: signal.signal(number, _end) for number in (signal.SIGTERM, signal.SIGHUP)}
    screen = EarlyScreen(sys.stdin.fileno())
    try:
        screen.paint(text)
        yield screen
    finally:
        screen.end()
        for number, handler in handlers.items():
            signal.signal(number, handler)


def first_screen(options: ShellOptions, columns: int) -> str:
    """Return the banner and an empty prompt with the cursor in it; nothing where the prompt would not look just so."""
    toolbar = toolbar_text(options, None)
    # The session that is resumed is loaded first, and may not be there. A narrow screen, or a character that may take
    # two cells, wants more than is loaded yet to be measured.
    if options.resume is not None or len(toolbar) >= columns or max(toolbar) > "\u02ff":
        return ""
    banner = to_ansi(greeting(options, columns), colour=not os.environ.get("NO_COLOR"))
    prompt = f"\x1b[0;1m{PROMPT.rstrip()}\x1b[0m\r\n\x1b[0;2m{toolbar}\x1b[0m\r{_CURSOR_UP}\x1b[{len(PROMPT)}C"
    return f"{banner}\n{_PASTES_MARKED}{_CLEAR_BELOW}{prompt}"


def _keys_kept(attributes: list[Any], *, signals: bool) -> list[Any]:
    """Return terminal ``attributes`` without echo and line editing, and with Enter as it is typed: as at the prompt.

    With ``signals`` Ctrl-C is no key, and ends the program: where no prompt is to be seen, that is what it must do.
    """
    kept = attributes.copy()
    kept[_IFLAG] &= ~(termios.IXON | termios.IXOFF | termios.ICRNL | termios.INLCR | termios.IGNCR)
    kept[_LFLAG] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN)
    if not signals:
        kept[_LFLAG] &= ~termios.ISIG
    return kept


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    """Leave by way of whoever puts the terminal right; the shell has handlers of its own once it runs."""
    raise SystemExit(128 + number)


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
