"""The live rows above the prompt: unfinished text, and the status of the turn."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from aloop.sanitize import safe_line, safe_text
from aloop.width import fit, last_rows, text_width, unjoined
from repl.output.styled import Line, line
from repl.output.theme import Style

Tail = Callable[[int, int], list[Line]]
"""Returns the last rows of unfinished text, for a width and at most a number of rows."""


class LiveRows(NamedTuple):
    """Rows of unfinished text, and the rows below them."""

    text: list[Line]
    below: list[Line]

    @property
    def all(self) -> list[Line]:
        return [*self.text, *self.below]


Keep = Callable[[Sequence[Line]], bool]
"""Takes the first rows of unfinished text as printed, so that they stay on the screen; returns False if it cannot."""

SPIN_SECONDS = 0.25
"""The time between two frames of the spinner."""

_SPINNER_WIDTH = 30  # cells of a window with room for the spinner
_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_STATUS_ROWS = 1
_PROMPT_ROWS = 3
_FEWEST_ROWS = 3
_LOW = 16  # rows of a screen with room for only one row of steps
_STEPS_SHARE = 4  # of a higher one, steps take at most a part of the rows
_MOST_STEPS = 8  # rows of steps
_FEWEST_CELLS = 3  # of the text of the status
_MINUTE = 60  # seconds
_ANY_WIDTH = 100
_LATER = 0.5  # seconds before a status that may be over by then

Status = str | Callable[[int], str]
"""The text of the status, or a function that returns it for a number of cells."""


def tail_of(texts: Sequence[str]) -> Tail:
    """Return the tail for lines that are neither safe nor wrapped."""
    safe = unjoined(safe_text("\n".join(texts))).split("\n") if texts else []
    return lambda width, count: [line(row) for row in last_rows(safe, width, count)]


class Live:
    """Unfinished text and a status, whose rows are requested at each drawing.

    The status names ``stop_key``, which stops the turn.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, stop_key: str = "Ctrl-C") -> None:
        self._clock = clock
        self._stops = f" · {stop_key} stops"
        self._tail: Tail | None = None
        self._keep: Keep | None = None
        self._steps: Tail | None = None
        self._status: Status = ""
        self._since = self._shown_from = 0.0
        self.tokens = ""
        """The number of tokens so far, with its unit; empty if unknown."""
        self._is_stopping = False
        self.leave_gap = False
        """Whether a blank row separates the unfinished answer from the text above it."""

    def begin(self, status: str) -> None:
        """Show ``status``, and count the seconds from now."""
        self._since, self._tail, self._steps, self.tokens = self._clock(), None, None, ""
        self._is_stopping = False
        self.set_status(status)

    def set_status(self, status: Status, *, is_late: bool = False) -> None:
        """Show ``status`` from now on, or after a moment if ``is_late``."""
        self._status = status
        self._shown_from = self._clock() + _LATER if is_late else 0.0

    def stop(self) -> None:
        """Show from now on that the turn is stopping, and no longer how to stop it."""
        self._is_stopping = True

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """Show no status in the block, and the one before it a moment after its end."""
        status = self._status
        self.set_status("")
        try:
            yield
        finally:
            self.set_status(status, is_late=True)

    def set_tail(self, tail: Tail | None, keep: Keep | None = None) -> None:
        """Show ``tail`` above the status; None for nothing.

        ``keep`` gets the rows of it that a smaller terminal may have moved into its scrollback.
        """
        self._tail, self._keep = tail, keep

    def keep(self, rows: Sequence[Line]) -> bool:
        """Return True if ``rows``, the first of the text, stay on the screen."""
        return self._keep is not None and self._keep(rows)

    def set_steps(self, steps: Tail | None) -> None:
        """Show the list of steps between the text and the status; None for nothing."""
        self._steps = steps

    @property
    def has_tail(self) -> bool:
        return self._tail is not None

    def end(self) -> None:
        """Show nothing."""
        self._tail = self._steps = None
        self._is_stopping = False
        self.set_status("")

    @property
    def status(self) -> str:
        """The status with its time and its tokens; empty if there is none."""
        status = self._text(_ANY_WIDTH)
        return status + self._ends()[0] if status else ""

    def _text(self, width: int) -> str:
        if self._is_stopping:
            return "stopping"
        if self._clock() < self._shown_from:
            return ""
        return self._status(width) if callable(self._status) else self._status

    def status_in(self, width: int) -> str:
        """Return the status in ``width`` cells.

        Without room for all of it, it has no tokens, then no time; then its text is cut.
        """
        ends = [end for end in self._ends() if _FEWEST_CELLS + len(end) <= width] or [""]
        texts = [(unjoined(safe_line(self._text(width - len(end)))), end) for end in ends]
        text, end = next(((text, end) for text, end in texts if text_width(text) + len(end) <= width), texts[-1])
        return fit(text, width - len(end)) + end if text else ""

    def _ends(self) -> list[str]:
        """Return what may follow the text, the longest first."""
        seconds = int(self._clock() - self._since)
        minutes = f"{seconds // _MINUTE}m " if seconds >= _MINUTE else ""
        spent = f" · {minutes}{seconds % _MINUTE}s" if seconds else ""
        if self._is_stopping:
            return [spent, ""]
        tokens = f" · {self.tokens}" if self.tokens else ""
        return [f"{spent}{tokens}{self._stops}", f"{spent}{self._stops}", self._stops]

    def tail_rows(self, height: int) -> int:
        """Return the number of rows for unfinished text on a screen of ``height`` rows."""
        steps = len(self._step_rows(_FEWEST_CELLS, height))
        return max(_FEWEST_ROWS, height - _STATUS_ROWS - _PROMPT_ROWS - steps)

    def _step_rows(self, width: int, height: int) -> list[Line]:
        most = 1 if height < _LOW else min(height // _STEPS_SHARE, _MOST_STEPS)
        return self._steps(width, most) if self._steps else []

    def rows(self, width: int, height: int, room: int) -> LiveRows:
        """Return the last rows of the text and the status, at most ``room`` rows."""
        status: list[Line] = []
        if self._text(width):
            frame = _FRAMES[int((self._clock() - self._since) / SPIN_SECONDS) % len(_FRAMES)]
            lead = f"{frame} " if width >= _SPINNER_WIDTH else ""
            status = [line((Style.ACCENT, f"{lead}{self.status_in(width - 1 - len(lead))}"))]
        steps = self._step_rows(width - 1, height)[: max(room - len(status), 0)]
        free = min(self.tail_rows(height), room - len(status) - len(steps))
        newest = self._tail(width - 1, free) if self._tail and free > 0 else []
        tail = [(), *newest] if newest and self.leave_gap else newest
        below = [*steps, *status]
        below = below[max(len(below) - room, 0) :]
        return LiveRows(tail[max(len(tail) + len(below) - room, 0) :], below)
