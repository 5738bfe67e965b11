"""Facts about the terminal, pipe or file that aloop writes to."""

from __future__ import annotations

import os
import sys

DUMB_TERMINALS = {"", "dumb", "unknown"}
"""Values of TERM for a terminal that can only print."""


class OutputFailed(OSError):
    """Standard output cannot be written, for example because the disk is full.

    A reader that has gone away is a BrokenPipeError instead.
    """


def is_terminal() -> bool:
    """Return True if both standard input and output are a terminal."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def is_dumb() -> bool:
    """Return True if the terminal can only print."""
    return os.environ.get("TERM", "") in DUMB_TERMINALS


def settle_output() -> None:
    """Flush standard output or drop it, so that the interpreter does not fail at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
