"""The plain View with a person before it: a terminal without redraws, as for a screen reader."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from aloop.agent.events import AgentEvent, AnswerDelta, ThoughtDelta, TurnStarted
from aloop.consent import Decision, Request
from aloop.errors import AloopError
from commands.detail import Detail
from repl.answers import is_yes
from repl.cells import flow, rows, wrap
from repl.consent import LEAD, WHOLE, choices, decide, decision_line, detail_lines, question_lines
from repl.file_editor import edit_file
from repl.handover import hand_over
from repl.line_source import Person
from repl.plain_view import PlainView
from repl.sanitize import safe_text
from repl.told_thoughts import ToldThoughts


class AskingView(PlainView):
    """Asks what a PlainView must answer with no; and writes an answer by whole lines, which are read out whole."""

    def __init__(self, lines: Person, detail: Detail | None = None) -> None:
        super().__init__(sys.stdout, sys.stderr, detail)
        self._thoughts = ToldThoughts(lambda: self._width)
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
            case ThoughtDelta() if not self.detail.thinking:
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

    async def consent(self, request: Request) -> Decision:
        self._lines.set_aside()
        self._write(self._out, question_lines(request))
        decision = None
        while decision is None:
            self.info("\n".join(flow(choices(request), self._width)))
            answer = await self._read(LEAD)
            decision = decide(answer)
            if answer.strip().lower() == WHOLE:
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
