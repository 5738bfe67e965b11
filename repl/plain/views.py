"""Views that only print: to two streams, or to a terminal with a screen reader."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
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
from aloop.width import flow, rows
from commands.context import Verbosity
from commands.model_browser import ModelBrowser
from commands.pages import KeyHelp, Page, Question, Questions
from commands.progress import Progress
from commands.session_browser import Choice, SessionBrowser
from repl.input.editor import edit_file, hand_over
from repl.output.notices import error_text, notice_text
from repl.output.styled import Line, line, to_text
from repl.pages.render import render
from repl.pages.transcript import Paper, keep_words
from repl.plain.line_source import InteractiveSource
from repl.plain.signals import Interrupted
from repl.turn.lines import ThinkingBuffer, finished_lines, retrying_text, waiting_text
from repl.turn.output_text import OutputText
from repl.turn.permission import (
    PERMISSION_PROMPT,
    SHOW_ALL,
    choices,
    decide,
    decision_lines,
    detail_lines,
    is_cut,
    is_yes,
    permission_title,
    question_lines,
)

_WIDTH = 100
_FIRST_REPORT, _LATER_REPORTS = 2.0, 10.0  # seconds between reports of progress, few enough to be read aloud
_KEYS = (
    ("Enter", "send; during a turn, queue the line"),
    ("Up", "earlier lines"),
    ("Ctrl-C", "stop the turn; otherwise discard the line"),
    ("Alt-Enter", "new line"),
    ("Tab", "complete"),
    ("Ctrl-R", "search earlier lines"),
    ("Ctrl-Z", "suspend"),
    ("Ctrl-D", "leave"),
    ("/", "command"),
    ("@", "file"),
    ("!", "run a command"),
)
"""The keys of readline and of a terminal, the most useful first."""


def _as_written(text: str, _width: int | None) -> str:
    return safe_text(text) + "\n"


class PlainView:
    """Writes answers and lists to ``out``, and progress and problems to ``err``."""

    def __init__(self, out: TextIO, err: TextIO, verbosity: Verbosity | None = None) -> None:
        self.verbosity = verbosity or Verbosity()
        self._thoughts = ThinkingBuffer()
        self._output = OutputText()
        self._out = out
        self._err = err
        self._in_line = False

    @property
    def _width(self) -> int:
        """The most columns for a row of a list."""
        return _WIDTH

    def info(self, text: str) -> None:
        self._write(self._out, [line(notice_text(text))])

    def error(self, text: str) -> None:
        self._write(self._err, [line(error_text(text))])

    async def confirm(self, question: str) -> bool:
        """Answer no: the next line of standard input was not written as an answer."""
        self._write(self._err, [line(f"{question} Cannot ask without a terminal, so the answer is no.")])
        return False

    async def edit(self, path: Path, line: int) -> bool:  # noqa: ARG002 - the View's signature
        self.error("Cannot open an editor without a terminal.")
        return False

    async def show(self, page: Page) -> None:
        async for text in render(page, Paper(self._width, None, to_text, _as_written)):
            self._end_line()
            self._out.write(text)
            self._out.flush()

    async def pick(self, browser: SessionBrowser) -> Choice | None:  # noqa: ARG002 - the View's
        return None

    async def pick_model(self, browser: ModelBrowser) -> str | None:
        await browser.load()
        return None

    async def pick_message(self, page: Questions) -> tuple[Question, bool] | None:
        await self.show(page)
        self.info("/rewind N goes back to message N.")
        return None

    def send_to_clipboard(self, text: str) -> str:  # noqa: ARG002 - no escape codes are printed
        return "a plain shell sends nothing to the terminal's clipboard"

    async def announce(self, notice: str, question: str) -> bool:  # noqa: ARG002 - there is no one to answer
        self._write(self._err, [line(row) for row in notice.split("\n")])
        return True

    def event(self, event: AgentEvent) -> None:
        if (thought := self._thoughts.take(event)) and self.verbosity.thinking:
            self._write(self._err, thought)
        match event:
            case AnswerDelta(text):
                self._print(text)
            case AnswerFinished() | ToolStarted():
                self._end_line()
            case TurnEnded():
                self._end_line()
                self._err.write(self._output.finish_all())
                self._err.flush()
            case ToolOutput():
                self._err.write(self._output.add(event, is_whole=self.verbosity.verbose))
                self._err.flush()
            case ToolFinished():
                self._err.write(self._output.finish(event.call))
                self._write(self._err, finished_lines(event, verbose=self.verbosity.verbose))
            case Retrying() if event.is_first:
                self._write(self._err, [line(retrying_text(event))])
            case Waiting(activity) if activity:
                self._write(self._err, [line(waiting_text(activity))])
            case Notice(text):
                self._write(self._err, [line(notice_text(text))])

    async def ask_permission(self, request: PermissionRequest) -> PermissionDecision:
        raise unattended(request, request.kinds)

    @contextmanager
    def printing(self, command: str) -> Iterator[Callable[[str], None]]:  # noqa: ARG002 - the input shows it already
        try:
            yield self._print
        finally:
            self._end_line()

    def working(self, progress: Progress) -> AbstractContextManager[None]:  # noqa: ARG002 - no one waits
        return nullcontext()

    async def hand_over(self, command: Sequence[str], folder: Path) -> int:  # noqa: ARG002 - nothing is run
        raise UsageError("Cannot run the command, because it needs a terminal.")

    def _print(self, text: str) -> None:
        self._in_line = not text.endswith("\n") if text else self._in_line
        self._out.write(safe_text(text))
        self._out.flush()

    def _write(self, stream: TextIO, lines: Iterable[Line]) -> None:
        self._end_line()
        stream.write(to_text(lines))
        stream.flush()

    def _end_line(self) -> None:
        """Write a line feed if the answer so far does not end in one."""
        if self._in_line:
            self._in_line = False
            self._out.write("\n")
            self._out.flush()


class InteractiveView(PlainView):
    """Asks questions, and writes answers in whole lines, for a screen reader."""

    def __init__(self, lines: InteractiveSource, verbosity: Verbosity | None = None) -> None:
        super().__init__(sys.stdout, sys.stderr, verbosity)
        self._thoughts = ThinkingBuffer(lambda: self._width)
        self._lines = lines
        self._unfinished = ""
        self._in_code = False

    @property
    def _width(self) -> int:
        return shutil.get_terminal_size().columns - 1

    def event(self, event: AgentEvent) -> None:
        match event:
            case AnswerDelta(text):
                whole, end, self._unfinished = (self._unfinished + text).rpartition("\n")
                super().event(AnswerDelta(self._wrapped(whole) + end))
            case ThoughtDelta() if not self.verbosity.thinking:
                pass
            case TurnStarted():
                self._in_code = False
            case _:
                unfinished, self._unfinished = self._unfinished, ""
                super().event(AnswerDelta(self._wrapped(unfinished)))
                super().event(event)

    async def show(self, page: Page) -> None:
        await super().show(KeyHelp(_KEYS) if isinstance(page, KeyHelp) else page)

    def _write(self, stream: TextIO, lines: Iterable[Line]) -> None:
        rows = (row for text in to_text(lines).split("\n")[:-1] for row in keep_words(text, self._width))
        super()._write(stream, map(line, rows))

    async def edit(self, path: Path, line: int) -> bool:
        try:
            with self._lines.lend_terminal():
                await edit_file(path, line)
        except AloopError as error:
            self.error(str(error))
            return False
        return True

    async def hand_over(self, command: Sequence[str], folder: Path) -> int:
        with self._lines.lend_terminal():
            return await hand_over(command, folder)

    async def confirm(self, question: str) -> bool:
        self._lines.hold_typed_ahead()
        self.info(f"{question} [y/N]")
        return is_yes(await self._read("> "))

    @contextmanager
    def working(self, progress: Progress) -> Iterator[None]:
        reports = asyncio.ensure_future(self._report(progress))
        try:
            yield
        finally:
            reports.cancel()

    async def _report(self, progress: Progress) -> None:
        """Say the progress now and then, until it is cancelled."""
        await asyncio.sleep(_FIRST_REPORT)
        while True:
            if progress.sentence:
                self.info(f"{progress.sentence} Ctrl-C stops.")
            await asyncio.sleep(_LATER_REPORTS)

    async def ask_permission(self, request: PermissionRequest) -> PermissionDecision:
        self._lines.hold_typed_ahead()
        self._write(self._out, question_lines(request, self._width, ""))
        decision = None
        while decision is None:
            self.info(permission_title(request))
            self.info("\n".join(flow(choices(request), self._width)))
            answer = await self._read(PERMISSION_PROMPT)
            decision = decide(answer, request)
            if answer.strip().lower() == SHOW_ALL and is_cut(request):
                self._write(self._out, detail_lines(request, self._width))
        self._write(self._out, decision_lines(request, decision))
        return decision

    def _wrapped(self, text: str) -> str:
        """Return lines of an answer, wrapped between words except for code."""
        written: list[str] = []
        for row in safe_text(text).split("\n"):
            is_fence = row.lstrip().startswith(("```", "~~~"))
            self._in_code ^= is_fence
            written += [row] if is_fence or self._in_code else rows(row, self._width)
        return "\n".join(written)

    async def _read(self, prompt: str) -> str:
        try:
            answer = await self._lines.read_answer(prompt)
        except Interrupted:
            self.info("")
            # Ctrl-C has cancelled the turn as well, which ends this wait.
            await asyncio.Event().wait()
            raise
        return "n" if answer is None else answer
