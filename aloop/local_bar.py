"""A bar on standard error that shows how far a long job is; where nobody watches, a line when it begins."""

from __future__ import annotations

import shutil
import sys
from types import TracebackType

from aloop.local.installer import Progress

_WIDTH = 30


class Bar:
    """One job; a context manager that leaves no half line behind."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._is_watched = sys.stderr.isatty()
        self._shown = 0

    def __enter__(self) -> Bar:
        if not self._is_watched:
            sys.stderr.write(f"{self._title} …\n")
            sys.stderr.flush()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._draw("")
        if self._is_watched:
            sys.stderr.write("\r")
            sys.stderr.flush()

    def show(self, progress: Progress) -> None:
        """Draw how far it is."""
        share = progress.done / progress.total
        filled = round(share * _WIDTH)
        self._draw(f"{self._title} {'█' * filled}{'░' * (_WIDTH - filled)} {share:4.0%}")

    def _draw(self, text: str) -> None:
        if self._is_watched:
            shown = text[: shutil.get_terminal_size().columns - 1]
            sys.stderr.write("\r" + shown + " " * (self._shown - len(shown)))
            sys.stderr.flush()
            self._shown = len(shown)
