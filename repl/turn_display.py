"""A turn as it happens on a terminal: one method a kind of event."""

from __future__ import annotations

from typing import Literal

from aloop.agent.events import (
    AgentEvent,
    AnswerDelta,
    AnswerFinished,
    Notice,
    Retrying,
    ThoughtDelta,
    ToolFinished,
    ToolStarted,
    TurnEnded,
    TurnStarted,
)
from repl.cells import fit_line
from repl.live import Live
from repl.markdown import render_markdown
from repl.screen import Screen
from repl.spans import Line, Tone, line
from repl.steps import finished_line, retrying_text, started_text
from repl.stream import AnswerStream

_WAITING = "waiting for the answer"


class TurnDisplay:
    """Prints what is finished, keeps the rest live; a blank line parts blocks of text from all else."""

    def __init__(self, screen: Screen, live: Live) -> None:
        self._screen = screen
        self._live = live
        self._stream = AnswerStream(screen, live, self._print_blocks)
        self._last: Literal["", "block", "step"] = ""
        self._running = ""

    def show(self, event: AgentEvent) -> None:
        """Show a step of the turn."""
        match event:
            case TurnStarted():
                self._last = ""
                self._live.leave_gap = False
                self._set_status(_WAITING)
            case AnswerDelta(text):
                self._live.set_status("answering")
                self._stream.add(text)
            case ThoughtDelta():
                self._set_status("thinking")
            case AnswerFinished():
                self._stream.finish()
                self._set_status(_WAITING)
            case ToolStarted():
                self._stream.finish()
                self._running = started_text(event)
                self._set_status(f"● {self._running}")
            case ToolFinished():
                self._running = ""
                self._print_step(finished_line(event))
                self._set_status(_WAITING)
            case Retrying():
                self._stream.finish()
                self._set_status(retrying_text(event) or _WAITING)
            case Notice(text):
                self._stream.finish()
                self._screen.say(Tone.QUIET, text)
                self._last = "step"
            case TurnEnded():
                self._end()

    def _end(self) -> None:
        self._stream.finish()
        if self._running:
            self._print_step(line((Tone.BAD, "● "), self._running, (Tone.QUIET, " … stopped")))
            self._running = ""

    def _set_status(self, status: str) -> None:
        self._live.set_status(status)
        self._screen.refresh()

    def _print_blocks(self, blocks: list[str]) -> None:
        gap = "\n" if self._last else ""
        self._last = "block"
        self._live.leave_gap = True
        screen = self._screen
        screen.write(gap + "\n".join(render_markdown(block, screen.width, colour=screen.colour) for block in blocks))

    def _print_step(self, step: Line) -> None:
        gap = [line("")] if self._last == "block" else []
        self._last = "step"
        self._live.leave_gap = True
        self._screen.show([*gap, fit_line(step, self._screen.width - 1)])
