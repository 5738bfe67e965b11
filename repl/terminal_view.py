"""The View on a terminal: everything goes into the scrollback, above the live prompt.

Imported with the engine, after the first prompt is drawn: rich comes with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from aloop.agent.events import AgentEvent
from aloop.errors import AloopError
from aloop.llm.message_types import LLMMessage
from aloop.memory import Session, SessionStats, SessionSummary
from aloop.memory.search.search import Hit
from aloop.memory.sessions_dir.trash import TrashedSession
from aloop.permissions import PermissionDecision, PermissionRequest
from aloop.sanitize import safe_line
from commands.context import Context, Verbosity
from commands.registry import Command
from commands.session_browser import Choice, SessionBrowser
from repl.input.editor import edit_file, hand_over
from repl.output.live import Live
from repl.output.markdown import render_markdown
from repl.output.pager import page
from repl.output.screen import Screen
from repl.output.styled import Line, Style, echo_lines, to_ansi
from repl.output.width import fit
from repl.pages.listing import help_lines, hit_lines, listing_lines, session_lines, stats_lines, trash_lines
from repl.pages.transcript import (
    REMINDER_LINES,
    TranscriptWriter,
    after_answer,
    message_lines,
    read_conversation,
    shortened,
    show_place,
)
from repl.turn.lines import call_lines
from repl.turn.permission import LEAD, WHOLE, choices, decide, decision_line, detail_lines, is_yes
from repl.turn.streams import CommandOutput
from repl.turn.turn_view import TurnDisplay

Read = Callable[[str, str], Awaitable[str]]
Pick = Callable[[SessionBrowser], Awaitable[Choice | None]]

_STATUS = 40
"""Cells of a command that runs; beside it stands for how long, and how to stop it."""

_PROMPT_ROWS = 3
"""Rows that the prompt and its toolbar take; a list that leaves these free needs no pager."""


class TerminalView:
    """Shows what commands and turns have to say.

    ``paging`` is told when a pager takes the screen and gives it back; ``read`` reads an answer at the prompt, and
    ``choose`` lets a session be picked in its place.
    """

    def __init__(
        self,
        screen: Screen,
        live: Live,
        paging: Callable[[bool], None],
        read: Read,
        choose: Pick | None = None,
        detail: Verbosity | None = None,
    ) -> None:
        self.verbosity = detail or Verbosity(thinking=True)
        self._screen = screen
        self._live = live
        self._paging = paging
        self._turn = TurnDisplay(screen, live, self.verbosity)
        self._read = read
        self._choose = choose

    def info(self, text: str) -> None:
        self._screen.say(Style.QUIET, text)

    def error(self, text: str) -> None:
        self._screen.say(Style.BAD, text)

    async def confirm(self, question: str) -> bool:
        self._screen.say(Style.STRONG, f"{question} [y/N]")
        answer = await self._read("> ", "y yes · n no")
        self._screen.show(echo_lines(answer))
        return is_yes(answer)

    async def edit(self, path: Path, line: int) -> bool:
        # The keys are the editor's now, Ctrl-C among them.
        self._paging(True)
        try:
            await edit_file(path, line)
        except AloopError as error:
            self.error(str(error))
            return False
        finally:
            self._paging(False)
        return True

    async def sessions(self, rows: Sequence[SessionSummary], *, paged: bool = True) -> None:
        text = self._ansi(session_lines(rows, self._screen.width, datetime.now(UTC)))
        if paged:
            await self._show_paged(text)
        else:
            self._screen.write(text)

    async def pick(self, shelf: SessionBrowser) -> Choice | None:
        return await self._choose(shelf) if self._choose else None

    async def listing(self, rows: AsyncIterator[SessionSummary]) -> None:
        await self._show_pieces(self._ansi(lines) async for lines in listing_lines(rows, self._screen.width))

    async def trash(self, rows: Sequence[TrashedSession]) -> None:
        await self._show_paged(self._ansi(trash_lines(rows, self._screen.width, datetime.now(UTC))))

    def exchanges(self, messages: Sequence[LLMMessage]) -> None:
        self._screen.write("".join(self._messages(messages, REMINDER_LINES)) + "\n")

    async def conversation(self, session: Session) -> None:
        await self._show_pieces(_one_by_one(read_conversation(session, self._paper(), datetime.now(UTC))))

    def hit(self, number: int, hit: Hit, *, begins: bool) -> None:
        self._screen.show(hit_lines(number, hit, self._screen.width, datetime.now(UTC), begins=begins))

    def place(self, session: Session, hit: Hit) -> None:
        self._screen.write("".join(show_place(session, hit, self._paper())) + "\n")

    def calls(self, messages: Sequence[LLMMessage]) -> None:
        self._screen.show(call_lines(messages))

    def stats(self, stats: SessionStats) -> None:
        self._screen.show(stats_lines(stats, self._screen.width))

    def help(self, commands: Sequence[Command[Context]]) -> None:
        self._screen.show(help_lines(commands, self._screen.width))

    async def announce(self, notice: str, question: str) -> bool:
        self._screen.say(Style.STRONG, notice)
        return not question or await self.confirm(question)

    def event(self, event: AgentEvent) -> None:
        self._turn.show(event)

    async def ask_permission(self, request: PermissionRequest) -> PermissionDecision:
        self._turn.show_question(request)
        decision = None
        while decision is None:
            answer = await self._read(LEAD, choices(request))
            decision = decide(answer)
            if answer.strip().lower() == WHOLE:
                await self._show_paged(self._ansi(detail_lines(request)))
            elif decision is None:
                self.info("Please answer y, a or n.")
        self._screen.show([decision_line(request, decision)])
        self._turn.answered()
        return decision

    @contextmanager
    def printing(self, command: str) -> Iterator[Callable[[str], None]]:
        output = CommandOutput(self._screen, self._live)
        self._live.set_status(f"! {fit(safe_line(command), _STATUS)}")
        self._live.leave_gap = False
        try:
            yield output.add
        finally:
            output.finish()

    async def hand_over(self, command: Sequence[str], folder: Path) -> int:
        self._paging(True)
        try:
            return await hand_over(command, folder)
        finally:
            self._paging(False)

    def _messages(self, messages: Sequence[LLMMessage], most: int | None) -> Iterable[str]:
        """Yield messages as they looked when they came, ``most`` lines of each, a blank line before a question."""
        for message in messages:
            yield "\n" if message.role in {"system", "user"} else ""
            if message.role == "assistant" and message.content:
                text = "\n".join(shortened(message.content.strip("\n"), most))
                yield render_markdown(text, self._screen.text_width, colour=self._screen.colour)
                yield self._ansi(after_answer(message))
            else:
                yield self._ansi(message_lines(message, most))

    async def _show_paged(self, safe: str) -> None:
        if self._fits(safe) or not await self._page(safe):
            self._screen.write(safe)

    async def _show_pieces(self, pieces: AsyncIterator[str]) -> None:
        """Print what fits on the screen; page what does not, from the moment that this is known."""
        shown = ""
        async for piece in pieces:
            shown += piece
            if not self._fits(shown):
                break
        else:
            self._screen.write(shown)
            return
        if not await self._page(_joined(shown, pieces)):
            self._screen.write(shown)
            async for piece in pieces:
                self._screen.write(piece)

    def _fits(self, safe: str) -> bool:
        return safe.count("\n") + _PROMPT_ROWS <= self._screen.height

    async def _page(self, text: str | AsyncIterator[str]) -> bool:
        self._paging(True)
        try:
            return await page(text)
        finally:
            self._paging(False)

    def _paper(self) -> TranscriptWriter:
        return TranscriptWriter(self._screen.width, self._ansi, self._markdown)

    def _markdown(self, text: str, width: int | None) -> str:
        return render_markdown(text, width or self._screen.width, colour=self._screen.colour)

    def _ansi(self, lines: Iterable[Line]) -> str:
        return to_ansi(lines, colour=self._screen.colour)


async def _one_by_one(pieces: Iterable[str]) -> AsyncIterator[str]:
    """Yield pieces that take a while to make, and let others act between them."""
    for piece in pieces:
        yield piece
        await asyncio.sleep(0)


async def _joined(first: str, pieces: AsyncIterator[str]) -> AsyncIterator[str]:
    yield first
    async for piece in pieces:
        yield piece
