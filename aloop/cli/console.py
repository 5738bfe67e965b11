"""Output of the subcommands: results on stdout; notes, questions, bars on stderr."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from aloop.formatting import progress_text
from aloop.sanitize import visible
from aloop.terminal import is_dumb
from aloop.width import wrap


def output_width() -> int | None:
    """Return the columns of the terminal, None if standard output is not one."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def print_line(line: str) -> None:
    """Print a line of the result."""
    print(visible(line))


def print_marked(line: str, marks: Iterable[tuple[int, int]]) -> None:
    """Print a line with the ranges of ``marks`` in bold."""
    pieces, end = [], 0
    for start, stop in marks:
        pieces += [visible(line[end:start]), f"\x1b[1m{visible(line[start:stop])}\x1b[0m" if line[start:stop] else ""]
        end = stop
    print("".join([*pieces, visible(line[end:])]))


def json_line(record: Mapping[str, Any]) -> str:
    """Return ``record`` as one line of JSON, with times and paths as text.

    Raises TypeError for a value that JSON does not have, rather than print its Python text. The line is ASCII, which
    any locale and terminal can show; times are ISO 8601 with a zone.
    """
    # Imported here: the prompt starts without it.
    import json

    return json.dumps(record, default=_as_json).replace("\x7f", "\\u007f")  # json escapes all controls but DEL


def _as_json(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"JSON has no {type(value).__name__}")


def print_note(sentence: str) -> None:
    """Print a note to standard error, so that it does not mix with the result."""
    print(visible(sentence), file=sys.stderr)


def print_paragraph(text: str, hang: int = 0) -> None:
    """Print a note as wide as the terminal, broken between words.

    The first row keeps its indentation, the others have one of ``hang`` cells.
    """
    columns = shutil.get_terminal_size().columns - 1 if sys.stderr.isatty() else _WIDEST
    words = text.lstrip(" ")
    first, *more = wrap(visible(words), max(min(columns, _WIDEST) - hang, 1))
    for row in (f"{' ' * (len(text) - len(words))}{first}", *(f"{' ' * hang}{row}" for row in more)):
        print(row, file=sys.stderr)


_WIDEST = 79  # cells
_DELAY = 0.5  # seconds before a bar is drawn: most work is done by then
_INTERVAL = 0.1
_CTRL_C = "^C"
"""The echo of Ctrl-C by the terminal, which is erased with the bar."""
_ERASE = "\x1b[J"
"""Erases from the cursor on: all rows of a bar that a narrower window has wrapped."""


def _bar_width() -> int:
    """Return the columns of the terminal of standard error, even after it was resized."""
    with suppress(OSError):  # it is not a terminal, as in a test
        if columns := os.get_terminal_size(sys.stderr.fileno()).columns:
            return columns
    return shutil.get_terminal_size().columns


class ProgressBar:
    """Shows how much is done, on the last line of a terminal, until the block ends.

    ``unit`` is that of ``progress_text``. ``if_stopped`` is printed after Ctrl-C. Nothing is shown in the first half
    second, unless ``is_slow``, nor if standard error is not a terminal. Threads may call all methods.
    """

    def __init__(
        self, title: str, unit: str = "", *, is_wanted: bool = True, is_slow: bool = False, if_stopped: str = ""
    ) -> None:
        self._title = title
        self._unit = unit
        self._if_stopped = if_stopped
        self._is_shown = is_wanted and sys.stderr.isatty()
        self._next = time.monotonic() + (0 if is_slow else _DELAY)
        self._width = 0
        self._lock = threading.Lock()

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        # A thread may still be at work after Ctrl-C.
        self._is_shown = False
        if self._if_stopped and kind is not None and issubclass(kind, KeyboardInterrupt):
            self.stop(self._if_stopped)
        else:
            self.clear()

    def show(self, done: int, total: int) -> None:
        """Draw the bar for ``done`` of ``total``, but not more often than is visible."""
        if not self._is_shown or time.monotonic() < self._next:
            return
        with self._lock:
            if self._is_shown:
                self._next = time.monotonic() + _INTERVAL
                # Not the last column, where some terminals would wrap.
                self._draw(progress_text(self._title, done, total, self._unit, _bar_width() - 1))

    def clear(self) -> None:
        """Remove the bar, so that a line can be printed."""
        with self._lock:
            if self._width:
                self._draw("")

    def stop(self, sentence: str) -> None:
        """Remove the bar and the echo of Ctrl-C, and print ``sentence``."""
        with self._lock:
            if sys.stderr.isatty():
                self._width = max(self._width, len(_CTRL_C))
                self._draw("")
        print_note(sentence)

    def _draw(self, text: str) -> None:
        # The cursor stays at the start. So a terminal that wraps the row in a narrower window keeps it in the first
        # row, and the echo of Ctrl-C is in the row, too.
        rest = " " * (self._width - len(text)) if is_dumb() else _ERASE
        sys.stderr.write(f"\r{text}{rest}\r")
        sys.stderr.flush()
        self._width = len(text)


def confirm(question: str, doing: str, done: str) -> bool:
    """Ask the user to confirm, and print that nothing was ``done`` if they do not.

    ``doing`` completes "Add --yes …", as in "to delete".
    """
    if not sys.stdin.isatty():
        print_note(f"Nothing was {done}: standard input is not a terminal. Add --yes {doing} without confirmation.")
        return False
    if not agree(question):
        print_note(f"Nothing was {done}.")
        return False
    return True


def agree(question: str, *, is_default: bool = False) -> bool:
    """Ask, and return True only for "y" or "yes"; with ``is_default``, for Enter too."""
    sys.stderr.write(visible(f"{question} {'[Y/n]' if is_default else '[y/N]'} "))
    sys.stderr.flush()
    with line_ended():
        answer = sys.stdin.readline()
    return answer.strip().lower() in ("y", "yes") or (is_default and answer == "\n")


@contextmanager
def line_ended() -> Iterator[None]:
    """End the line of a question that is interrupted by Ctrl-C."""
    try:
        yield
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        raise
