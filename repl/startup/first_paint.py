"""The first screen, painted before the program behind it is loaded: prompt_toolkit alone takes a quarter of a second.

What is painted is, cell by cell, what the prompt draws over it a moment later, so that nothing moves. Until then the
terminal echoes nothing and Ctrl-C is a key like any other: a key typed meanwhile is kept for the prompt, neither lost
nor shown twice, and letters appear on the painted prompt as they are typed.

Keys that are typed before the prompt can read them: shown at once where that is simple, and kept for it.

What is imported meanwhile takes a quarter of a second, and a thread beside it a few milliseconds to answer a key.
"""

from __future__ import annotations

import _thread
import codecs
import os
import signal
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from select import select
from types import FrameType
from typing import Any, NoReturn

from repl.options import ShellOptions
from repl.output.styled import PROMPT, to_ansi
from repl.startup.banner import greeting, toolbar_text

# not poll, which knows no terminals on macOS

_REST_SECONDS = 0.05
"""For the rest of a character, which comes with its beginning; longer only where the terminal's encoding is another."""

_DELETE = 0x7F


class EarlyKeys:
    """Reads keys from the terminal ``fd`` on a thread, until ``stop``, and shows on ``out`` what only writes a letter.

    From the first key on that does more than that, nothing is shown any more, and no more than ``room`` letters.
    """

    def __init__(self, fd: int, out: int, room: int) -> None:
        self._fd = fd
        self._out = out
        self._room = room
        self._shown = 0
        self._is_showing = True
        self._typed = bytearray()
        self._wake_read, self._wake_write = os.pipe()
        self._ended = _thread.allocate_lock()
        self._ended.acquire()
        _thread.start_new_thread(self._run, ())

    def stop(self) -> str:
        """Read no further, and return what was typed."""
        os.close(self._wake_write)
        with self._ended:
            os.close(self._wake_read)
        decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        text = decoder.decode(self._typed)
        while decoder.getstate()[0] and select([self._fd], [], [], _REST_SECONDS)[0]:
            text += decoder.decode(self._read(1))
        return text + decoder.decode(b"", final=True)

    def _run(self) -> None:
        try:
            while self._wake_read not in select([self._wake_read, self._fd], [], [])[0]:
                data = self._read(1024)
                if not data:
                    break  # the terminal has gone away, which the prompt will notice
                self._typed += data
                self._show(data)
        finally:
            self._ended.release()

    def _read(self, most: int) -> bytes:
        with suppress(OSError):
            return os.read(self._fd, most)
        return b""

    def _show(self, data: bytes) -> None:
        echo = bytearray()
        for byte in data:
            if not self._is_showing:
                break
            if byte == _DELETE and self._shown:
                self._shown -= 1
                echo += b"\b \b"
            elif 0x20 <= byte < _DELETE and self._shown < self._room:
                self._shown += 1
                echo.append(byte)
            else:
                self._is_showing = False
        with suppress(OSError):
            os.write(self._out, echo)


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
