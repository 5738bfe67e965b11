"""The View without a terminal: plain text, answers and lists to one stream, all else to another.

The plain View with a person before it: a terminal without redraws, as for a screen reader.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from aloop.agent.events import (
    AgentEvent,
    AnswerDelta,
    AnswerFinished,
    Notice,
    Retrying,
    ThoughtDelta,
    ToolFinished,
    ToolOutput,
    ToolStarted,
    TurnEnded,
    TurnStarted,
    Waiting,
)
from aloop.errors import AloopError, UsageError
from aloop.permissions import PermissionDecision, PermissionRequest
from aloop.sanitize import safe_text
from aloop.tools.approval import unattended
from aloop.width import flow, rows, wrap
from commands.context import Verbosity
from commands.pages import Page
from commands.session_browser import Choice, SessionBrowser
from repl.input.editor import edit_file, hand_over
from repl.output.styled import Line, line, to_text
from repl.pages.render import render
from repl.pages.transcript import Paper
from repl.plain.line_source import InteractiveSource
from repl.turn.lines import ThinkingBuffer, finished_lines, retrying_text, waiting_text
from repl.turn.permission import (
    PERMISSION_PROMPT,
    SHOW_ALL,
    choices,
    decide,
    decision_line,
    detail_lines,
    is_yes,
    question_lines,
)

_WIDTH = 100


def _as_written(text: str, _width: int | None) -> str:
    return safe_text(text) + "\n"


class PlainView:
    """Writes to ``out`` what was asked for, and to ``err`` how it went."""

    def __init__(self, out: TextIO, err: TextIO, detail: Verbosity | None = None) -> None:
        self.verbosity = detail or Verbosity()
        self._thoughts = ThinkingBuffer()
        self._out = out
        self._err = err
        self._in_line = False

    @property
    def _width(self) -> int:
        """The columns that a row of a list may take."""
        return _WIDTH

    def info(self, text: str) -> None:
        self._write(self._out, [line(text)])

    def error(self, text: str) -> None:
        self._write(self._err, [line(text)])

    async def confirm(self, question: str) -> bool:
        """Say no: the next line of standard input is the next thing to do, and was not written as an answer."""
        self._write(self._err, [line(f"{question} Nobody can answer here, so: no.")])
        return False

    async def edit(self, path: Path, line: int) -> bool:  # noqa: ARG002 - the View's signature
        self.error("An editor needs a terminal, and there is none here.")
        return False

    async def show(self, page: Page) -> None:
        async for text in render(page, Paper(self._width, None, to_text, _as_written)):
            self._end_line()
            self._out.write(text)
            self._out.flush()

    async def pick(self, shelf: SessionBrowser) -> Choice | None:  # noqa: ARG002 - the View's
        return None

    async def announce(self, notice: str, question: str) -> bool:  # noqa: ARG002 - nobody can answer
        self._write(self._err, [line(row) for row in notice.split("\n")])
        return True

    def event(self, event: AgentEvent) -> None:
        if (thought := self._thoughts.take(event)) and self.verbosity.thinking:
            self._write(self._err, thought)
        match event:
            case AnswerDelta(text):
                self._print(text)
            case AnswerFinished() | ToolStarted() | TurnEnded():
                self._end_line()
            case ToolOutput(_, text):
                self._err.write(safe_text(text))
                self._err.flush()
            case ToolFinished():
                self._write(self._err, finished_lines(event, verbose=self.verbosity.verbose))
            case Retrying() if event.is_first:
                self._write(self._err, [line(retrying_text(event))])
            case Waiting(what) if what:
                self._write(self._err, [line(waiting_text(what))])
            case Notice(text):
                self._write(self._err, [line(text)])

    async def ask_permission(self, request: PermissionRequest) -> PermissionDecision:
        raise unattended(request, request.kinds)

    @contextmanager
    def printing(self, command: str) -> Iterator[Callable[[str], None]]:  # noqa: ARG002 - it stands above already
        try:
            yield self._print
        finally:
            self._end_line()

    async def hand_over(self, command: Sequence[str], folder: Path) -> int:  # noqa: ARG002 - nothing is started
        raise UsageError("There is no terminal here to hand over.")

    def _print(self, text: str) -> None:
        self._in_line = not text.endswith("\n") if text else self._in_line
        self._out.write(safe_text(text))
        self._out.flush()

    def _write(self, stream: TextIO, lines: Iterable[Line]) -> None:
        self._end_line()
        stream.write(to_text(lines))
        stream.flush()

    def _end_line(self) -> None:
        """End the line of an answer that did not end it itself."""
        if self._in_line:
            self._in_line = False
            self._out.write("\n")
            self._out.flush()


class AskingView(PlainView):
    """Asks what a PlainView must answer with no; and writes an answer by whole lines, which are read out whole."""

    def __init__(self, lines: InteractiveSource, detail: Verbosity | None = None) -> None:
        super().__init__(sys.stdout, sys.stderr, detail)
        self._thoughts = ThinkingBuffer(lambda: self._width)
        self._lines = lines
        self._begun = ""
        self._in_code = False

    @property
    def _width(self) -> int:
        return shutil.get_terminal_size().columns - 1

    def event(self, event: AgentEvent) -> None:
        match event:
            case AnswerDelta(text):
                whole, end, self._begun = (self._begun + text).rpartition("\n")
                super().event(AnswerDelta(self._wrapped(whole) + end))
            case ThoughtDelta() if not self.verbosity.thinking:
                pass
            case TurnStarted():
                self._in_code = False
            case _:
                begun, self._begun = self._begun, ""
                super().event(AnswerDelta(self._wrapped(begun)))
                super().event(event)

    def info(self, text: str) -> None:
        super().info("\n".join(wrap(safe_text(text), self._width)))

    def error(self, text: str) -> None:
        super().error("\n".join(wrap(safe_text(text), self._width)))

    async def edit(self, path: Path, line: int) -> bool:
        try:
            with self._lines.lent():
                await edit_file(path, line)
        except AloopError as error:
            self.error(str(error))
            return False
        return True

    async def hand_over(self, command: Sequence[str], folder: Path) -> int:
        with self._lines.lent():
            return await hand_over(command, folder)

    async def confirm(self, question: str) -> bool:
        self._lines.set_aside()
        self.info(f"{question} [y/N]")
        return is_yes(await self._read("> "))

    async def ask_permission(self, request: PermissionRequest) -> PermissionDecision:
        self._lines.set_aside()
        self._write(self._out, question_lines(request))
        decision = None
        while decision is None:
            self.info("\n".join(flow(choices(request), self._width)))
            answer = await self._read(PERMISSION_PROMPT)
            decision = decide(answer)
            if answer.strip().lower() == SHOW_ALL:
                self._write(self._out, detail_lines(request))
        self._write(self._out, [decision_line(request, decision)])
        return decision

    def _wrapped(self, text: str) -> str:
        """Return whole lines of an answer broken between words, but code as it is, so that it can be copied."""
        written: list[str] = []
        for row in safe_text(text).split("\n"):
            is_fence = row.lstrip().startswith(("```", "~~~"))
            self._in_code ^= is_fence
            written += [row] if is_fence or self._in_code else rows(row, self._width)
        return "\n".join(written)

    async def _read(self, lead: str) -> str:
        try:
            answer = await self._lines.answer(lead)
        except KeyboardInterrupt:
            self.info("")
            # It has cancelled the turn as well, which ends this wait.
            await asyncio.Event().wait()
            raise
        return "n" if answer is None else answer  # no more lines, no consent
