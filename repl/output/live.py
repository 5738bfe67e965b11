"""The live rows above the prompt: unfinished text, and the status of the turn."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from aloop.sanitize import safe_line, safe_text
from aloop.width import fit, last_rows, text_width, unjoined
from repl.output.styled import Line, line
from repl.output.theme import Style

Tail = Callable[[int, int], list[Line]]
"""Returns the last rows of unfinished text, for a width and at most a number of rows."""

SPIN_SECONDS = 0.25
"""The time between two frames of the spinner."""

_SPINNER_WIDTH = 30  # cells of a window with room for the spinner
_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_STATUS_ROWS = 1
_PROMPT_ROWS = 3
_FEWEST_ROWS = 3
_LOW = 16  # rows of a screen with room for only one row of steps
_STEPS_SHARE = 4  # of a higher one, steps take at most a part of the rows
_FEWEST_CELLS = 3  # of the text of the status
_MINUTE = 60  # seconds


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
        self._steps: Tail | None = None
        self._describe: Callable[[], str] = lambda: ""
        self._since = 0.0
        self.tokens = ""
        """The number of tokens so far, with its unit; empty if unknown."""
        self.leave_gap = False
        """Whether a blank row separates the unfinished answer from the text above it."""

    def begin(self, status: str) -> None:
        """Show ``status``, and count the seconds from now."""
        self._since, self._tail, self._steps, self.tokens = self._clock(), None, None, ""
        self.set_status(status)

    def set_status(self, status: str | Callable[[], str]) -> None:
        """Show ``status`` from now on, or what it returns at each drawing."""
        self._describe = status if callable(status) else lambda: status

    def set_tail(self, tail: Tail | None) -> None:
        """Show ``tail`` above the status; None for nothing."""
        self._tail = tail

    def set_steps(self, steps: Tail | None) -> None:
        """Show the list of steps between the text and the status; None for nothing."""
        self._steps = steps

    @property
    def has_tail(self) -> bool:
        return self._tail is not None

    def end(self) -> None:
        """Show nothing."""
        self._tail = self._steps = None
        self.set_status("")

    @property
    def status(self) -> str:
        """The status with its time and its tokens; empty if there is none."""
        status = self._describe()
        return status + self._ends()[0] if status else ""

    def status_in(self, width: int) -> str:
        """Return the status in ``width`` cells.

        Without room for all of it, it has no tokens, then no time; then its text is cut.
        """
        text = unjoined(safe_line(self._describe()))
        end = next((end for end in self._ends() if text_width(text) + len(end) <= width), self._ends()[-1])
        end = end if _FEWEST_CELLS + len(end) <= width else ""
        return fit(text, width - len(end)) + end if text else ""

    def _ends(self) -> list[str]:
        """Return what may follow the text, the longest first."""
        seconds = int(self._clock() - self._since)
        minutes = f"{seconds // _MINUTE}m " if seconds >= _MINUTE else ""
        spent = f" · {minutes}{seconds % _MINUTE}s" if seconds else ""
        tokens = f" · {self.tokens}" if self.tokens else ""
        return [f"{spent}{tokens}{self._stops}", f"{spent}{self._stops}", self._stops]

    def tail_rows(self, height: int) -> int:
        """Return the number of rows for unfinished text on a screen of ``height`` rows."""
        steps = len(self._step_rows(_FEWEST_CELLS, height))
        return max(_FEWEST_ROWS, height - _STATUS_ROWS - _PROMPT_ROWS - steps)

    def _step_rows(self, width: int, height: int) -> list[Line]:
        most = 1 if height < _LOW else height // _STEPS_SHARE
        return self._steps(width, most) if self._steps else []

    def rows(self, width: int, height: int, room: int) -> list[Line]:
        """Return the last rows of the text and the status, at most ``room`` rows."""
        status: list[Line] = []
        if self._describe():
            frame = _FRAMES[int((self._clock() - self._since) / SPIN_SECONDS) % len(_FRAMES)]
            lead = f"{frame} " if width >= _SPINNER_WIDTH else ""
            status = [line((Style.ACCENT, f"{lead}{self.status_in(width - 1 - len(lead))}"))]
        steps = self._step_rows(width - 1, height)[: max(room - len(status), 0)]
        free = min(self.tail_rows(height), room - len(status) - len(steps))
        newest = self._tail(width - 1, free) if self._tail and free > 0 else []
        tail = [(), *newest] if newest and self.leave_gap else newest
        rows = [*tail, *steps, *status]
        return rows[max(len(rows) - room, 0) :]
