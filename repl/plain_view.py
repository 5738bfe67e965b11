"""The View without a terminal: plain text, answers and lists to one stream, all else to another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TextIO

from aloop.agent.events import (
    AgentEvent,
    AnswerDelta,
    AnswerFinished,
    Notice,
    Retrying,
    ToolFinished,
    ToolOutput,
    ToolStarted,
    TurnEnded,
    Waiting,
)
from aloop.consent import Decision, Request
from aloop.llm.message_types import LLMMessage
from aloop.memory import Session, SessionStats, SessionSummary
from aloop.memory.trash import TrashedSession
from aloop.tools.approval import unattended
from commands.registry import Command
from repl.listing import help_lines, session_lines, stats_lines, trash_lines
from repl.sanitize import safe_text
from repl.spans import Line, line, to_text
from repl.steps import finished_line, retrying_text
from repl.transcript import conversation_lines, reminder_lines

_WIDTH = 100


class PlainView:
    """Writes to ``out`` what was asked for, and to ``err`` how it went."""

    def __init__(self, out: TextIO, err: TextIO) -> None:
        self._out = out
        self._err = err
        self._in_line = False

    def info(self, text: str) -> None:
        self._write(self._out, [line(text)])

    def error(self, text: str) -> None:
        self._write(self._err, [line(text)])

    async def confirm(self, question: str) -> bool:
        """Say no: the next line of standard input is the next thing to do, and was not written as an answer."""
        self._write(self._err, [line(f"{question} Nobody can answer here, so: no.")])
        return False

    async def sessions(self, rows: Sequence[SessionSummary]) -> None:
        self._write(self._out, session_lines(rows, _WIDTH, datetime.now(UTC)))

    async def trash(self, rows: Sequence[TrashedSession]) -> None:
        self._write(self._out, trash_lines(rows, _WIDTH, datetime.now(UTC)))

    def exchanges(self, messages: Sequence[LLMMessage]) -> None:
        self._write(self._out, reminder_lines(messages))

    async def conversation(self, session: Session) -> None:
        self._write(self._out, conversation_lines(session))

    def stats(self, stats: SessionStats) -> None:
        self._write(self._out, stats_lines(stats))

    def help(self, commands: Sequence[Command]) -> None:
        self._write(self._out, help_lines(commands, _WIDTH))

    def event(self, event: AgentEvent) -> None:
        match event:
            case AnswerDelta(text):
                self._in_line = not text.endswith("\n") if text else self._in_line
                self._out.write(safe_text(text))
                self._out.flush()
            case AnswerFinished() | ToolStarted() | TurnEnded():
                self._end_line()
            case ToolOutput(_, text):
                self._err.write(safe_text(text))
                self._err.flush()
            case ToolFinished():
                self._write(self._err, [finished_line(event)])
            case Retrying() if event.is_first:
                self._write(self._err, [line(retrying_text(event))])
            case Waiting(what) if what:
                self._write(self._err, [line(f"{what[:1].upper()}{what[1:]} …")])
            case Notice(text):
                self._write(self._err, [line(text)])

    async def consent(self, request: Request) -> Decision:
        raise unattended(request, request.kinds)

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
