"""Progress of a long command, which a view shows as a bar or in words."""

from __future__ import annotations

import time
from collections.abc import Callable

from aloop.formatting import progress_text

SHOWN_AFTER = 0.5
"""Seconds without a bar: most commands end in them."""


class Progress:
    """The amount of work that a command has done; its thread calls ``update``.

    ``title`` is the kind of work, such as "searching"; ``unit`` is a plural such as "sessions".
    """

    def __init__(self, title: str, unit: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._title = title
        self._unit = unit
        self._clock = clock
        self._since = clock()
        self._done = self._total = 0

    def update(self, done: int, total: int) -> None:
        self._done, self._total = done, total

    def bar(self, width: int) -> str:
        """Return a bar in ``width`` cells, empty in the first moment.

        As long as there is nothing to count, it is the title, which may be wider.
        """
        if self._clock() - self._since < SHOWN_AFTER:
            return ""
        if not self._total:
            return self._title
        return progress_text(self._title, self._done, self._total, self._unit, width)

    @property
    def sentence(self) -> str:
        """The progress in words, empty as long as there is nothing to count."""
        if not self._total:
            return ""
        share = f"{self._done / self._total:.0%}"
        return f"{self._title.capitalize()}: {self._done:,} of {self._total:,} {self._unit}, {share}."
