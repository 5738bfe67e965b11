"""Text that arrives in pieces: finished parts are printed, the rest is shown live."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from aloop.sanitize import safe_text
from aloop.width import last_rows, unjoined
from repl.output.live import Live, tail_of
from repl.output.screen import Screen
from repl.output.styled import Line, line
from repl.output.theme import Style
from repl.turn.answer_text import AnswerText

MOST_LINES = 2_000
"""Lines of a command that are printed as they arrive; of the lines after that only the last are printed."""

MOST_CHARACTERS = 8_000
"""Characters of a line that is printed, and of the output that is shown live."""

_FRAME = 1 / 10  # seconds
_INDENT = "  "
_LAST_LINES = 20
_MOST_WAITING = 1 << 17  # characters, until the next frame


class LiveStream(ABC):
    """A stream of text whose changes are shown once per frame."""

    def __init__(self, screen: Screen, live: Live) -> None:
        self._screen = screen
        self._live = live
        self._text = ""
        self._timer: asyncio.TimerHandle | None = None

    def add(self, text: str) -> None:
        """Add a piece; it appears within a frame."""
        self._text += text
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_FRAME, self._flush)

    def _flush(self) -> None:
        self._timer = None
        self._update()

    @abstractmethod
    def _update(self) -> None:
        """Print the finished part of the text and show the rest live."""

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    @property
    def _tail_rows(self) -> int:
        return self._live.tail_rows(self._screen.height)


class AnswerStream(LiveStream):
    """An answer: ``show`` prints its finished lines, at least one per call.

    ``begin`` is called if its first lines are on the screen although they were not finished.
    """

    def __init__(
        self, screen: Screen, live: Live, show: Callable[[list[Line]], None], begin: Callable[[], None]
    ) -> None:
        super().__init__(screen, live)
        self._show = show
        self._begin = begin
        self._answer = AnswerText(lambda: screen.text_width, lambda: self._tail_rows)

    def finish(self) -> None:
        """Print the rest at once."""
        self._stop_timer()
        self._screen.adapt()
        lines = [*self._take(), *self._answer.finish()]
        self._live.set_tail(None)
        if lines:
            self._show(lines)

    def _update(self) -> None:
        # First, because rows of the text as it was may stay on a smaller screen.
        self._screen.adapt()
        lines = self._take()
        # The tail changes before lines are printed, because printing draws both: nothing appears twice.
        self._live.set_tail(self._answer.rest, self._keep)
        if lines:
            self._show(lines)
        else:
            self._screen.refresh()

    def _keep(self, rows: Sequence[Line]) -> bool:
        is_kept = self._answer.keep(rows)
        if is_kept:
            self._begin()
        return is_kept

    def _take(self) -> list[Line]:
        text, self._text = self._text, ""
        return self._answer.feed(text) if text else []


class ThinkingStream(LiveStream):
    """The thinking of a model, which is shown live and folds to the time that it took."""

    def __init__(self, screen: Screen, live: Live, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(screen, live)
        self._clock = clock
        self._began: float | None = None

    def add(self, text: str) -> None:
        if self._began is None:
            self._began = self._clock()
        super().add(text)

    def finish(self) -> tuple[str, float] | None:
        """Show nothing more; return the text and its seconds if there was any."""
        self._stop_timer()
        text, self._text = self._text.strip(), ""
        began, self._began = self._began, None
        if began is None:
            return None
        self._live.set_tail(None)
        return (text, self._clock() - began) if text else None

    def _update(self) -> None:
        rows = unjoined(safe_text(self._text.strip()[-MOST_CHARACTERS:])).split("\n")

        def tail(width: int, count: int) -> list[Line]:
            return [line((Style.QUIET, f"{_INDENT}{row}")) for row in last_rows(rows, width - len(_INDENT), count)]

        self._live.set_tail(tail if self._text.strip() else None)
        self._screen.refresh()


class CommandOutput(LiveStream):
    """The output of a command of the user: whole lines are printed as they arrive."""

    def __init__(self, screen: Screen, live: Live) -> None:
        super().__init__(screen, live)
        self._printed = 0
        self._held: list[str] = []
        self._left_out = 0

    def add(self, text: str) -> None:
        super().add(text)
        if len(self._text) > _MOST_WAITING:
            self._print_whole_lines()

    def finish(self) -> None:
        """Print the rest at once."""
        self._stop_timer()
        if self._text and not self._text.endswith("\n"):
            self._text += "\n"
        self._live.set_tail(None)
        self._print_whole_lines()
        if self._left_out:
            self._screen.write(f"… {self._left_out:,} lines are not shown …\n")
        self._print(self._held)

    def _update(self) -> None:
        self._live.set_tail(None)
        self._print_whole_lines()
        shown = [last_state(text) for text in [*self._held[-self._tail_rows :], self._text] if text]
        self._live.set_tail(tail_of(shown) if shown else None)
        self._screen.refresh()

    def _print_whole_lines(self) -> None:
        """Print finished lines up to MOST_LINES, and hold the last lines of any more."""
        *lines, self._text = self._text.split("\n", MOST_LINES - self._printed)
        self._printed += len(lines)
        self._print(lines)
        if count := self._text.count("\n"):
            # Only the last lines are split off: very much text may arrive at once.
            *lines, self._text = self._text.rsplit("\n", _LAST_LINES + 1)
            self._held += lines[-_LAST_LINES:]
            surplus = max(0, len(self._held) - _LAST_LINES)
            self._left_out += count - len(lines[-_LAST_LINES:]) + surplus
            del self._held[:surplus]
        if len(self._text) > MOST_CHARACTERS:
            self._text = last_state(self._text) + ("\r" if self._text.endswith("\r") else "")

    def _print(self, lines: list[str]) -> None:
        if lines:
            self._screen.write(safe_text("\n".join(map(last_state, lines))) + "\n")


def last_state(text: str) -> str:
    """Return a line as it looks after its carriage returns, as of progress bars."""
    state = text.rstrip("\r").rpartition("\r")[2]
    return state if len(state) <= MOST_CHARACTERS else f"{state[:MOST_CHARACTERS]}…"
