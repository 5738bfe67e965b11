"""The running tool calls: a live row for each, with the end of its output below.

A row becomes a printed line when its call ends.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from aloop.agent.events import ToolStarted
from aloop.llm.message_types import ToolCall
from aloop.sanitize import safe_text
from aloop.width import fit, unjoined
from repl.output.live import Live
from repl.output.notices import MARK
from repl.output.screen import Screen
from repl.output.styled import Line, fit_line, line
from repl.output.theme import Style
from repl.turn.lines import started_line
from repl.turn.outcomes import OUTPUT_LINES, STOPPED
from repl.turn.streams import MOST_CHARACTERS, LiveStream, last_state

_INDENT = "  "
_STOPPED = f"  {STOPPED}"
_STOPPED_LINES = 10
"""Lines of output that stay on the screen if a tool is stopped."""


@dataclass(slots=True)
class _Running:
    event: ToolStarted
    began: float
    output: str = ""

    def lines(self, most: int) -> list[str]:
        """Return the last lines of the output, which are not made safe."""
        lines = self.output.rstrip("\n").split("\n")[-most:] if self.output.strip() and most > 0 else []
        return [last_state(text) for text in lines]


class RunningTools(LiveStream):
    """The calls that run, shown while there are any.

    Of each output, the last lines are shown; after ``expand`` as many as fit.
    """

    def __init__(self, screen: Screen, live: Live, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(screen, live)
        self._clock = clock
        self.calls: dict[str, _Running] = {}
        """The calls that run, by ID."""
        self._is_expanded = False

    def start(self, event: ToolStarted) -> None:
        """Add a row for a call."""
        self.calls[event.call.id] = _Running(event, self._clock())
        self._update()

    def restart_clocks(self) -> None:
        """Count the seconds from now: the user has taken time to decide."""
        for running in self.calls.values():
            running.began = self._clock()
        self._update()

    def print(self, call: ToolCall, text: str) -> None:
        """Add a piece of the output of a call; it appears within a frame."""
        if running := self.calls.get(call.id):
            running.output = (running.output + text)[-MOST_CHARACTERS:]
            self.add("")

    def end(self, call: ToolCall) -> None:
        """Remove the row of a call, whose line is printed next."""
        self._stop_timer()
        self.calls.pop(call.id, None)
        self._show()
        if not self.calls:
            self._is_expanded = False

    def stop(self) -> list[Line]:
        """Remove all rows; return lines about the calls, with the end of their outputs."""
        lines: list[Line] = []
        for running in self.calls.values():
            named = fit_line(
                line((Style.BAD, MARK), *started_line(running.event)), self._screen.text_width - len(_STOPPED)
            )
            lines.append((*named, (Style.QUIET, _STOPPED)))
            # The output was on the screen, and may be why the user stopped the tool.
            lines += [line((Style.QUIET, f"{_INDENT}{safe_text(row)}")) for row in running.lines(_STOPPED_LINES)]
        self.calls.clear()
        self._stop_timer()
        if lines:
            self._live.set_tail(None)
        return lines

    def expand(self) -> None:
        """Show more of the output, or less again."""
        self._is_expanded = not self._is_expanded
        self._update()

    def _update(self) -> None:
        self._show()
        self._screen.refresh()

    def _show(self) -> None:
        self._live.set_tail(self._rows if self.calls else None)

    def _rows(self, width: int, count: int) -> list[Line]:
        """Return a row for each call, and the end of each output as far as there is room."""
        calls = list(self.calls.values())[-count:] if count > 0 else []
        room = max(0, count - len(calls)) // max(1, sum(bool(running.output.strip()) for running in calls))
        most = room if self._is_expanded else min(room, OUTPUT_LINES)
        rows: list[Line] = []
        for running in calls:
            seconds = int(self._clock() - running.began)
            time_spent = f"  {seconds}s" if seconds else ""
            head = fit_line(line((Style.ACCENT, "● "), *started_line(running.event)), width - len(time_spent))
            rows.append((*head, (Style.QUIET, time_spent)))
            rows += [
                line((Style.QUIET, f"{_INDENT}{fit(unjoined(safe_text(text)), width - len(_INDENT))}"))
                for text in running.lines(most)
            ]
        return rows
