"""The first screen, painted before prompt_toolkit is imported.

That import takes a quarter of a second. The screen is, cell by cell, what the prompt draws over it a moment later, so
that nothing moves. Until then the terminal does not echo, and Ctrl-C is an ordinary key. A thread reads the keys, keeps
them for the prompt, and shows simple letters as they are typed.
"""

from __future__ import annotations

import _thread
import codecs
import os
import re
import signal
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from select import select  # not poll, which does not support terminals on macOS
from types import FrameType
from typing import Any, NoReturn

from aloop.interrupts import is_importing
from aloop.project import find_branch
from repl.input.toolbar import toolbar_line, toolbar_parts
from repl.options import ShellOptions
from repl.output.styled import PROMPT, placeholder, to_ansi
from repl.output.terminal_reports import early_question
from repl.output.theme import Style, Theme
from repl.startup.banner import greeting

_REST_SECONDS = 0.05
"""Wait for the rest of a character, which arrives at once unless the terminal does not use UTF-8."""

_DELETE = 0x7F
_LINES = re.compile(rb"[\r\n][^\x00-\x1f\x7f]")
_REPORTS = rb"\x1b\[(?:[IO]|\?[\d;]+\$y)"
"""Reports of the terminal about what the first screen turns on and asks."""


class EarlyKeys:
    """Reads keys from the terminal ``fd`` in a thread, until ``stop``.

    Letters are shown on ``out`` up to the first key that is not a letter or Backspace, and at most ``room`` of them.
    """

    def __init__(self, fd: int, out: int, room: int) -> None:
        self._fd = fd
        self._out = out
        self._room = room
        self._shown = 0
        self._is_showing = True
        self._typed = bytearray()
        self.is_pasted = False
        """True if several lines were read at once, which no user can type."""
        self._wake_read, self._wake_write = os.pipe()
        self._ended = _thread.allocate_lock()
        self._ended.acquire()
        _thread.start_new_thread(self._run, ())

    def stop(self) -> str:
        """Stop reading, and return the typed text."""
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
                    break  # the terminal is closed: the prompt will notice
                self._typed += data
                self.is_pasted = self.is_pasted or bool(_LINES.search(data))
                self._show(data)
        finally:
            self._ended.release()

    def _read(self, most: int) -> bytes:
        with suppress(OSError):
            return os.read(self._fd, most)
        return b""

    def _show(self, data: bytes) -> None:
        echo = bytearray()
        for byte in re.sub(_REPORTS, b"", data) if b"\x1b" in data else data:
            if not self._is_showing:
                break
            if byte == _DELETE and self._shown:
                self._shown -= 1
                echo += b"\b \b"
            elif 0x20 <= byte < _DELETE and self._shown < self._room:
                self._shown += 1
                if self._shown == 1:
                    echo += _CLEAR_RIGHT  # the placeholder
                echo.append(byte)
            else:
                self._is_showing = False
        with suppress(OSError):
            os.write(self._out, echo)


_IFLAG, _LFLAG = 0, 3
_PASTES_MARKED, _PASTES_PLAIN = "\x1b[?2004h", "\x1b[?2004l"
_REPORT_FOCUS, _IGNORE_FOCUS = "\x1b[?1004h", "\x1b[?1004l"
_CLEAR_BELOW = "\r\x1b[J"
_CLEAR_RIGHT = b"\x1b[K"
_NARROWEST = 20  # columns for which the toolbar is predictable
_CURSOR_UP = "\x1b[A"


class EarlyScreen:
    """The first screen on the terminal ``fd``, until the prompt takes it over.

    ``typed`` is the text that was typed and read until then, ``is_pasted`` is True if it contains lines of a paste.
    """

    def __init__(self, fd: int) -> None:
        self.typed = ""
        self.is_pasted = False
        self._is_painted = False
        self._marks_pastes = False
        self._keys: EarlyKeys | None = None
        self._fd = fd
        self._before = termios.tcgetattr(fd)

    def paint(self, text: str) -> None:
        """Stop the echo; if there is ``text``, write it and start reading keys.

        Without it, the prompt reads the keys later. A paste among them must be marked, since nothing else shows it.
        """
        termios.tcsetattr(self._fd, termios.TCSANOW, _keys_kept(self._before, signals=not text))
        if text:
            self._is_painted = True
            # The terminal has echoed keys typed before now where the banner starts.
            _write(_CLEAR_BELOW + text if select([self._fd], [], [], 0)[0] else text)
            room = os.get_terminal_size(self._fd).columns - len(PROMPT) - 1
            self._keys = EarlyKeys(self._fd, sys.stdout.fileno(), room)
        else:
            self._marks_pastes = True
            _write(_PASTES_MARKED)

    @property
    def is_painted(self) -> bool:
        return self._is_painted

    def take_over(self) -> bool:
        """Stop reading keys; return True if the screen is painted, and now the caller's.

        The cursor is then on the row of the prompt, after it.
        """
        was_painted, self._is_painted = self._is_painted, False
        keys, self._keys = self._keys, None
        if keys is not None:
            self.typed = keys.stop()
            self.is_pasted = keys.is_pasted
        return was_painted

    def restore(self) -> None:
        """Restore the modes of the terminal."""
        with suppress(termios.error):  # the terminal is closed
            termios.tcsetattr(self._fd, termios.TCSANOW, self._before)

    def end(self) -> None:
        """Clear the prompt, unless it was taken over, and restore the terminal."""
        try:
            if self.take_over():
                _write(_CLEAR_BELOW + _PASTES_PLAIN + _IGNORE_FOCUS)
            elif self._marks_pastes:
                _write(_PASTES_PLAIN)
        finally:
            self.restore()


@contextmanager
def early_screen(options: ShellOptions) -> Iterator[EarlyScreen]:
    """Paint the first screen, and restore the terminal after the body.

    Standard input and output must be a terminal that is not dumb.
    """
    text = first_screen(options, os.get_terminal_size(sys.stdout.fileno()).columns)
    screen = EarlyScreen(sys.stdin.fileno())

    def end(number: int, frame: FrameType | None) -> NoReturn:
        """Exit, and so restore the terminal; the shell later sets handlers of signals."""
        if is_importing(frame):
            try:
                screen.end()
            finally:
                os._exit(128 + number)
        raise SystemExit(128 + number)

    handlers = {
        number: signal.signal(number, end)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        screen.paint(text)
        yield screen
    finally:
        screen.end()
        for number, handler in handlers.items():
            signal.signal(number, handler)


def first_screen(options: ShellOptions, columns: int) -> str:
    """Return banner and prompt, or an empty text if the prompt may look different."""
    toolbar = "".join(text for _, text in toolbar_line(toolbar_parts(options, None, branch=find_branch()), columns - 1))
    # A session to resume must be loaded first, and may not exist. A narrow screen, and characters that may take two
    # cells, cannot be measured without more imports.
    if options.resume is not None or columns < _NARROWEST or max(toolbar, default="") > "\u02ff":
        return ""
    theme = Theme.from_env(os.environ, options.settings.background)
    banner = to_ansi(greeting(options, columns), theme)
    quiet = f"\x1b[0;{theme.codes(Style.QUIET)}m"
    shown = f"{quiet}{placeholder(columns - len(PROMPT) - 1)}\x1b[0m"
    below = f"\r\n{quiet}{toolbar}\x1b[0m\r{_CURSOR_UP}\x1b[{len(PROMPT)}C"
    prompt = f"\x1b[0;1m{PROMPT}\x1b[0m{shown}{below}"
    focus = _REPORT_FOCUS if options.settings.notify != "off" else ""
    # The prompt is painted over what a terminal prints of a question that it does not know.
    return f"{banner}\n{_PASTES_MARKED}{focus}{early_question(os.environ)}{_CLEAR_BELOW}{prompt}"


def _keys_kept(attributes: list[Any], *, signals: bool) -> list[Any]:
    """Return terminal ``attributes`` as at the prompt.

    There is neither echo nor line editing, and Enter is a carriage return. With ``signals``, Ctrl-C ends the program,
    as it must while there is nothing to type at.
    """
    kept = attributes.copy()
    kept[_IFLAG] &= ~(termios.IXON | termios.IXOFF | termios.ICRNL | termios.INLCR | termios.IGNCR)
    kept[_LFLAG] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN)
    if not signals:
        kept[_LFLAG] &= ~termios.ISIG
    return kept


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
