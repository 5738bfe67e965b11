"""A turn as it happens on a terminal: one method a kind of event.

How many tokens the answers of a turn have taken so far: estimated as they stream, counted once they are whole.
"""

from __future__ import annotations

from typing import Literal

from aloop.agent.events import (
    AgentEvent,
    AnswerDelta,
    AnswerFinished,
    Compacting,
    Notice,
    ReadingQuestion,
    Retrying,
    ThoughtDelta,
    ToolFinished,
    ToolOutput,
    ToolStarted,
    TurnEnded,
    TurnStarted,
    Waiting,
)
from aloop.llm.message_types import Usage
from aloop.permissions import PermissionRequest
from aloop.sanitize import safe_line
from commands.context import Verbosity
from repl.output.live import Live
from repl.output.markdown import render_markdown
from repl.output.screen import Screen
from repl.output.styled import Line, Style, fit_line, line
from repl.startup.banner import thousands
from repl.turn.lines import argument_lines, finished_line, result_lines, retrying_text, started_text, whole_result_lines
from repl.turn.permission import question_lines
from repl.turn.streams import AnswerStream, OutputTail, ThinkingStream

_CHARACTERS_PER_TOKEN = 4


class TokenCount:
    """Is told of each piece of an answer, and of what the API counted in the end."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Count from nothing."""
        self._counted = self._heard = 0

    def hear(self, text: str) -> None:
        """Take a piece of an answer or a thought."""
        self._heard += len(text)

    def count(self, usage: Usage | None) -> None:
        """Take what the API counted for the answer that was heard; without it the estimate stays."""
        if usage is not None and usage.output_tokens:
            self._counted += usage.output_tokens
            self._heard = 0

    @property
    def text(self) -> str:
        """The count in words, empty as long as there is none."""
        estimated = self._heard // _CHARACTERS_PER_TOKEN
        total = self._counted + estimated
        return f"{'~' if estimated else ''}{thousands(total)} tokens" if total else ""


_WAITING = "waiting for the answer"
_PRINTED = 10
"""Lines that remain of what a tool had printed when it was stopped."""


class TurnDisplay:
    """Prints what is finished, keeps the rest live; a blank line parts blocks of text from all else."""

    def __init__(self, screen: Screen, live: Live, detail: Verbosity | None = None) -> None:
        self._detail = detail or Verbosity()
        self._tokens = TokenCount()
        self._thoughts = ThinkingStream(screen, live, self._print_thoughts)
        self._screen = screen
        self._live = live
        self._stream = AnswerStream(screen, live, self._print_blocks)
        self._last: Literal["", "block", "step", "thought"] = ""
        self._output = OutputTail(screen, live)
        self._running: dict[str, str] = {}
        self._has_shown_detail = False
        self._waiting = _WAITING

    def show(self, event: AgentEvent) -> None:
        """Show a step of the turn."""
        self._count(event)
        if not isinstance(event, ThoughtDelta):
            self._thoughts.finish()
        match event:
            case TurnStarted():
                self._last = ""
                self._live.leave_gap = False
                self._waiting = _WAITING
                self._set_status(_WAITING)
            case AnswerDelta(text):
                self._live.set_status("answering")
                self._stream.add(text)
            case ThoughtDelta(text):
                self._set_status("thinking")
                if self._detail.thinking:
                    self._stream.finish()
                    self._live.leave_gap = self._last not in {"", "thought"}
                    self._thoughts.add(text)
            case AnswerFinished():
                self._stream.finish()
                self._set_status(_WAITING)
            case ToolStarted():
                self._stream.finish()
                self._running[event.call.id] = started_text(event)
                self._show_running()
            case ToolOutput(_, text):
                self._output.add(text)
            case ToolFinished():
                self._finish_tool(event)
            case Retrying():
                self._stream.finish()
                self._set_status(retrying_text(event) or self._waiting)
            case Waiting(what):
                self._set_status(what or self._waiting)
            case ReadingQuestion(share):
                self._set_status(f"reading the conversation, {share:.0%}" if share < 1 else self._waiting)
            case Compacting(messages):
                self._stream.finish()
                self._waiting = f"summarising {messages} older messages"
                self._set_status(self._waiting)
            case Notice(text):
                self._stream.finish()
                self._waiting = _WAITING
                self._screen.say(Style.QUIET, text)
                self._last = "step"
            case TurnEnded():
                self._end()

    def show_question(self, request: PermissionRequest) -> None:
        """Show what a tool wants to do, and that an answer is waited for."""
        self._stream.finish()
        gap = [line("")] if self._last else []
        self._last = "step"
        self._screen.show([*gap, *question_lines(request)])
        self._has_shown_detail = True
        self._set_status("waiting for you")

    def answered(self) -> None:
        """Go on from the question."""
        self._show_running()

    def _count(self, event: AgentEvent) -> None:
        match event:
            case TurnStarted():
                self._tokens.begin()
            case AnswerDelta(text) | ThoughtDelta(text):
                self._tokens.hear(text)
            case AnswerFinished(message):
                self._tokens.count(message.usage)
        self._live.tokens = self._tokens.text

    def _show_running(self) -> None:
        first, *others = self._running.values() or [""]
        more = f" and {len(others)} more" if others else ""
        self._set_status(f"● {first}{more}" if first else _WAITING)

    def _finish_tool(self, event: ToolFinished) -> None:
        self._running.pop(event.call.id, None)
        self._output.clear()
        self._print_step(finished_line(event))
        if self._detail.verbose:
            self._screen.show(argument_lines(event.call))
        # A change that was asked for stands above already.
        if not (self._has_shown_detail and event.result.form == "diff"):
            result, verbose = event.result, self._detail.verbose
            self._screen.show(whole_result_lines(result.text, result.form) if verbose else result_lines(result))
        self._has_shown_detail = False
        self._show_running()

    def _end(self) -> None:
        self._stream.finish()
        printed = self._output.lines(_PRINTED)
        self._output.clear()
        for running in self._running.values():
            self._print_step(line((Style.BAD, "● "), running, (Style.QUIET, " … stopped")))
        # It stood on the screen, and whoever stopped it may have done so for that.
        self._screen.show(line((Style.QUIET, f"  {safe_line(row)}")) for row in printed)
        self._running.clear()
        self._has_shown_detail = False

    def _set_status(self, status: str) -> None:
        self._live.set_status(status)
        self._screen.refresh()

    def _print_blocks(self, blocks: list[str]) -> None:
        gap = "\n" if self._last else ""
        self._last = "block"
        self._live.leave_gap = True
        screen = self._screen
        screen.write(
            gap + "\n".join(render_markdown(block, screen.text_width, colour=screen.colour) for block in blocks)
        )

    def _print_thoughts(self, lines: list[Line]) -> None:
        gap = [line("")] if self._last not in {"", "thought"} else []
        self._last = "thought"
        self._live.leave_gap = False
        self._screen.show([*gap, *lines])

    def _print_step(self, step: Line) -> None:
        gap = [line("")] if self._last == "block" else []
        self._last = "step"
        self._live.leave_gap = True
        self._screen.show([*gap, fit_line(step, self._screen.text_width)])
