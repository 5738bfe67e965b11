"""The View on a terminal: everything goes into the scrollback, above the live prompt.

Imported with the engine, after the first prompt is drawn: rich comes with it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime

from aloop.agent.events import AgentEvent
from aloop.consent import Decision, Request
from aloop.llm.message_types import LLMMessage
from aloop.memory import Session, SessionStats, SessionSummary
from aloop.memory.trash import TrashedSession
from commands.registry import Command
from commands.shelf import Choice, Shelf
from repl.answers import is_yes
from repl.consent import LEAD, WHOLE, choices, decide, decision_line, detail_lines
from repl.echo import echo_lines
from repl.listing import help_lines, session_lines, stats_lines, trash_lines
from repl.live import Live
from repl.markdown import render_markdown
from repl.pager import page
from repl.screen import Screen
from repl.spans import Line, Tone, to_ansi
from repl.transcript import REMINDER_LINES, after_answer, conversation_head, message_lines, shortened
from repl.turn_display import TurnDisplay

Read = Callable[[str, str], Awaitable[str]]
Pick = Callable[[Shelf], Awaitable[Choice | None]]

_PROMPT_ROWS = 3
"""Rows that the prompt and its toolbar take; a list that leaves these free needs no pager."""


class TerminalView:
    """Shows what commands and turns have to say.

    ``paging`` is told when a pager takes the screen and gives it back; ``read`` reads an answer at the prompt, and
    ``choose`` lets a session be picked in its place.
    """

    def __init__(
        self, screen: Screen, live: Live, paging: Callable[[bool], None], read: Read, choose: Pick | None = None
    ) -> None:
        self._screen = screen
        self._paging = paging
        self._turn = TurnDisplay(screen, live)
        self._read = read
        self._choose = choose

    def info(self, text: str) -> None:
        self._screen.say(Tone.QUIET, text)

    def error(self, text: str) -> None:
        self._screen.say(Tone.BAD, text)

    async def confirm(self, question: str) -> bool:
        self._screen.say(Tone.STRONG, f"{question} [y/N]")
        answer = await self._read("> ", "y yes · n no")
        self._screen.show(echo_lines(answer))
        return is_yes(answer)

    async def sessions(self, rows: Sequence[SessionSummary], *, paged: bool = True) -> None:
        text = self._ansi(session_lines(rows, self._screen.width, datetime.now(UTC)))
        if paged:
            await self._show_paged(text)
        else:
            self._screen.write(text)

    async def pick(self, shelf: Shelf) -> Choice | None:
        return await self._choose(shelf) if self._choose else None

    async def trash(self, rows: Sequence[TrashedSession]) -> None:
        await self._show_paged(self._ansi(trash_lines(rows, self._screen.width, datetime.now(UTC))))

    def exchanges(self, messages: Sequence[LLMMessage]) -> None:
        self._screen.write("".join(self._messages(messages, REMINDER_LINES)) + "\n")

    async def conversation(self, session: Session) -> None:
        whole = self._messages((*session.system_messages, *session.messages), None)
        await self._show_paged(self._ansi(conversation_head(session)) + "".join(whole))

    def stats(self, stats: SessionStats) -> None:
        self._screen.show(stats_lines(stats))

    def help(self, commands: Sequence[Command]) -> None:
        self._screen.show(help_lines(commands, self._screen.width))

    async def announce(self, notice: str, question: str) -> bool:
        self._screen.say(Tone.STRONG, notice)
        return not question or await self.confirm(question)

    def event(self, event: AgentEvent) -> None:
        self._turn.show(event)

    async def consent(self, request: Request) -> Decision:
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

    def _messages(self, messages: Sequence[LLMMessage], most: int | None) -> Iterable[str]:
        """Yield messages as they looked when they came, ``most`` lines of each, a blank line before a question."""
        for message in messages:
            yield "\n" if message.role in {"system", "user"} else ""
            if message.role == "assistant" and message.content:
                text = "\n".join(shortened(message.content.strip("\n"), most))
                yield render_markdown(text, self._screen.width, colour=self._screen.colour)
                yield self._ansi(after_answer(message))
            else:
                yield self._ansi(message_lines(message, most))

    async def _show_paged(self, safe: str) -> None:
        if safe.count("\n") + _PROMPT_ROWS > self._screen.height:
            self._paging(True)
            try:
                if await page(safe):
                    return
            finally:
                self._paging(False)
        self._screen.write(safe)

    def _ansi(self, lines: Iterable[Line]) -> str:
        return to_ansi(lines, colour=self._screen.colour)
