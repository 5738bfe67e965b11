"""A running turn on a terminal, shown event by event."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
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
from aloop.formatting import thousands
from aloop.llm.message_types import Usage
from aloop.permissions import PermissionRequest
from aloop.sanitize import safe_text
from aloop.tools.todo import NAME as TODO
from aloop.tools.todo import Step, read_steps
from aloop.width import wrap
from commands.context import Verbosity
from repl.output.live import Live
from repl.output.notices import notice_lines
from repl.output.rich_lines import indented_rows
from repl.output.screen import Screen
from repl.output.styled import Line, fit_line, line
from repl.output.theme import Style
from repl.turn.lines import (
    argument_lines,
    finished_line,
    has_more,
    result_lines,
    retrying_text,
    seconds_text,
    whole_result_lines,
)
from repl.turn.permission import question_lines
from repl.turn.running_tools import RunningTools
from repl.turn.step_list import folded_steps, open_step_lines, step_lines
from repl.turn.streams import AnswerStream, ThinkingStream

_CHARACTERS_PER_TOKEN = 4
_LEAST_SECONDS = 1.0  # of which a rate is calculated
_WAITING = "waiting for the answer"


class TokenCount:
    """The output tokens of a turn, estimated until the API counts them."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.begin()

    def begin(self) -> None:
        """Start again at zero."""
        self._counted = self._streamed = 0
        self._began: float | None = None

    def add(self, text: str) -> None:
        """Add a piece of an answer or of thinking to the estimate."""
        if self._began is None:
            self._began = self._clock()
        self._streamed += len(text)

    def count(self, usage: Usage | None) -> None:
        """Replace the estimate with the count of the API, if there is one."""
        if usage is not None and usage.output_tokens:
            self._counted += usage.output_tokens
            self._streamed = 0
        self._began = None

    @property
    def text(self) -> str:
        """The count with its unit; empty at zero."""
        estimated = self._streamed // _CHARACTERS_PER_TOKEN
        total = self._counted + estimated
        return f"{'~' if estimated else ''}{thousands(total)} tokens{self._rate(estimated)}" if total else ""

    def _rate(self, estimated: int) -> str:
        """Return the tokens per second of the answer that streams, after a moment."""
        seconds = 0.0 if self._began is None else self._clock() - self._began
        return f", {estimated / seconds:.0f}/s" if seconds >= _LEAST_SECONDS and estimated else ""


class TurnDisplay:
    """Prints finished parts of a turn, and shows the rest live.

    Blank lines separate text from everything else. ``expand_key`` shows all of a result; empty for none.
    """

    def __init__(
        self, screen: Screen, live: Live, verbosity: Verbosity | None = None, expand_key: str = "Ctrl-O"
    ) -> None:
        self._verbosity = verbosity or Verbosity()
        self._tokens = TokenCount()
        self._thinking = ThinkingStream(screen, live)
        self._screen = screen
        self._live = live
        self._answer = AnswerStream(screen, live, self._print_answer, self._begin_answer)
        self._last: Literal["", "turn", "answer", "block", "step"] = ""
        self._tools = RunningTools(screen, live)
        self._block: ToolFinished | None = None
        self._has_shown_diff = False
        self._unnamed_key = expand_key
        self._waiting = _WAITING
        self._steps: tuple[Step, ...] = ()
        self._has_new_steps = False

    def show(self, event: AgentEvent) -> None:
        """Show an event of the turn."""
        self._count(event)
        if not isinstance(event, ThoughtDelta):
            self._fold_thinking()
        match event:
            case TurnStarted(_, left):
                self._steps, self._has_new_steps = (left.steps if left else ()), False
                # Those of an earlier turn, until this one has its own.
                self._live.set_steps(partial(open_step_lines, left) if left else None)
                self._last = "turn"
                self._live.leave_gap = True
                self._waiting = _WAITING
                self._set_status(_WAITING)
            case AnswerDelta(text):
                self._live.set_status("answering")
                self._live.leave_gap = self._last != "answer"
                self._answer.add(text)
            case ThoughtDelta(text):
                self._set_status("thinking")
                if self._verbosity.thinking:
                    self._end_answer()
                    self._live.leave_gap = self._last != ""
                    self._thinking.add(text)
            case AnswerFinished(_, continues):
                self._end_answer()
                # A large session takes a while.
                self._set_status(_WAITING if continues else "saving")
            case ToolStarted():
                self._end_answer()
                self._block = None
                self._live.leave_gap = self._last != "step"
                self._tools.start(event)
                self._show_running()
            case ToolOutput(call, text):
                self._tools.print(call, text)
            case ToolFinished():
                self._finish_tool(event)
            case Retrying():
                self._end_answer()
                self._set_status(retrying_text(event, is_short=True, width=self._screen.text_width) or self._waiting)
            case Waiting(what):
                self._set_status(what or self._waiting)
            case ReadingQuestion(share):
                self._set_status(f"reading the conversation, {share:.0%}" if share < 1 else self._waiting)
            case Compacting(messages):
                self._end_answer()
                self._waiting = f"summarizing {messages:,} older messages"
                self._set_status(self._waiting)
            case Notice(text):
                self._end_answer()
                self._waiting = _WAITING
                self._screen.show([()] if self._last in {"turn", "block"} else [])
                self._screen.show(notice_lines(text, self._screen.text_width))
                self._last = "step"
            case TurnEnded(ending):
                self._end()
                if ending != "completed" and self._last == "block":
                    self._screen.show([()])  # the reason follows

    def show_question(self, request: PermissionRequest) -> None:
        """Show the request of a tool, and no status until ``end_question``."""
        self._end_answer()
        gap: list[Line] = [()] if self._last else []
        self._last = "step"
        self._screen.show([*gap, *question_lines(request, self._screen.text_width)])
        self._has_shown_diff = True
        # The question itself shows that aloop waits, and how to stop.
        self._set_status("")

    def end_question(self) -> None:
        """Show the running tools again."""
        self._live.leave_gap = False
        self._tools.restart_clocks()
        self._show_running()

    @property
    def has_running_tools(self) -> bool:
        """True while a tool runs."""
        return bool(self._tools.calls)

    def expand(self) -> None:
        """Show more of what the running tools print, or less again."""
        self._tools.expand()

    @property
    def block(self) -> ToolFinished | None:
        """The last call, if a part of its result was left out and none came after it."""
        return self._block

    def _count(self, event: AgentEvent) -> None:
        match event:
            case TurnStarted() | TurnEnded():
                self._tokens.begin()
            case AnswerDelta(text) | ThoughtDelta(text):
                self._tokens.add(text)
            case AnswerFinished(message):
                self._tokens.count(message.usage)
        self._live.tokens = self._tokens.text

    def _show_running(self) -> None:
        self._set_status("working" if self._tools.calls else _WAITING)

    def _finish_tool(self, event: ToolFinished) -> None:
        self._tools.end(event.call)
        is_shown = self._has_shown_diff and event.result.form == "diff"
        self._block = event if has_more(event) and not is_shown and not self._verbosity.verbose else None
        # Once is enough: the key is that of the last call, and each row would repeat it.
        key = self._unnamed_key if self._block is not None else ""
        self._unnamed_key = "" if key else self._unnamed_key
        self._print_step(finished_line(event, self._screen.text_width, key))
        self._live.leave_gap = not self._tools.calls
        if self._verbosity.verbose:
            self._screen.show(indented_rows(argument_lines(event.call), self._screen.text_width))
        # The question whether to change the file has shown the diff already.
        if not is_shown:
            result, width = event.result, self._screen.text_width
            is_whole = self._verbosity.verbose
            shown = whole_result_lines(result.text, result.form, width) if is_whole else result_lines(result, width)
            self._screen.show(indented_rows(shown, width))
        self._has_shown_diff = False
        if event.call.name == TODO and not event.result.is_error:
            self._show_steps(read_steps(event.call.arguments))
        self._show_running()

    def _show_steps(self, steps: tuple[Step, ...]) -> None:
        """Show a list of steps above the status until all of it is done."""
        self._steps, self._has_new_steps = steps, True
        is_open = not all(step.is_done for step in steps)
        self._live.set_steps(partial(step_lines, steps) if is_open else None)

    def _end(self) -> None:
        self._end_answer()
        if self._tools.calls:
            for row in self._tools.stop():
                self._print_step(row)
            self._last = "block"  # the reason that follows is not a part of the output
        self._has_shown_diff = False
        self._live.set_steps(None)
        if self._has_new_steps and not all(step.is_done for step in self._steps):
            # The user should still see that steps are left.
            self._screen.show([(), *folded_steps(self._steps, self._screen.text_width)])

    def _set_status(self, status: str) -> None:
        self._live.set_status(status)
        self._screen.refresh()

    def _print_answer(self, lines: list[Line]) -> None:
        gap: list[Line] = [()] if self._last not in {"", "answer"} else []
        self._begin_answer()
        self._screen.show([*gap, *lines])

    def _begin_answer(self) -> None:
        self._last = "answer"
        self._live.leave_gap = False

    def _end_answer(self) -> None:
        self._answer.finish()
        if self._last == "answer":
            self._last = "block"
            self._live.leave_gap = True

    def _fold_thinking(self) -> None:
        """Leave a line of the thinking that ends, or all of it in verbose mode."""
        thought = self._thinking.finish()
        if thought is None:
            return
        text, seconds = thought
        self._print_step(line((Style.QUIET, f"Thought for {seconds_text(seconds)}")))
        if self._verbosity.verbose:
            rows = wrap(safe_text(text), self._screen.text_width - 2)
            self._screen.show([line((Style.QUIET, f"  {row}".rstrip())) for row in rows])

    def _print_step(self, step: Line) -> None:
        gap: list[Line] = [()] if self._last in {"turn", "answer", "block"} else []
        self._last = "step"
        self._live.leave_gap = True
        self._screen.show([*gap, fit_line(step, self._screen.text_width)])
