"""What kind of terminal there is, if there is one."""

from __future__ import annotations

import os
import sys


def is_terminal() -> bool:
    """Whether a person is at both ends."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def is_dumb() -> bool:
    """Whether the terminal can do no more than print."""
    return os.environ.get("TERM", "") in {"", "dumb", "unknown"}
