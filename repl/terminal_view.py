"""The View on a terminal, which prints into the scrollback above the prompt.

It imports the parser of Markdown and the highlighter, so it is loaded with the engine, after the first prompt is drawn.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from aloop.agent.events import AgentEvent
from aloop.errors import AloopError
from aloop.permissions import PermissionDecision, PermissionRequest
from aloop.sanitize import safe_line
from aloop.width import fit
from commands.context import Verbosity
from commands.model_browser import ModelBrowser
from commands.pages import Page, Question, Questions, SessionList, SessionStream, Transcript, TrashList
from commands.progress import Progress
from commands.session_browser import Choice as SessionChoice
from commands.session_browser import SessionBrowser
from repl.input.choice import Choice
from repl.input.editor import edit_file, hand_over
from repl.output.live import Live
from repl.output.markdown import render_markdown
from repl.output.notices import error_lines, notice_lines
from repl.output.pager import run_pager
from repl.output.rich_lines import indented_rows
from repl.output.screen import Screen
from repl.output.styled import Line, line, to_ansi
from repl.output.theme import Style
from repl.pages.render import render
from repl.pages.transcript import Paper
from repl.turn.lines import block_lines
from repl.turn.permission import (
    SHOW_ALL,
    decide_by_key,
    decision_lines,
    detail_lines,
    is_cut,
    permission_choices,
    permission_title,
    short_labels,
)
from repl.turn.streams import CommandOutput
from repl.turn.turn_view import TurnDisplay

_MORE = f" · {SHOW_ALL} shows all"
_BECAUSE = "No, because: "
_BECAUSE_HELP = "Enter sends the reason, if any, to the model · Esc stops"

_YES_OR_NO = (Choice("y", "Yes"), Choice("n", "No"))

_STATUS = 40
"""Cells for a running command, which leave room for the time and for how to stop."""

_PROMPT_ROWS = 3
"""Rows of the prompt and its toolbar, which a page must leave free to need no pager."""


class Dialogs(Protocol):
    """The questions that a view asks, and its pickers."""

    async def read(self, prompt: str, help_text: str) -> str:
        """Return the line that the user enters after ``prompt``."""
        ...

    async def choose(self, title: str, choices: Sequence[Choice], more: str) -> str:
        """Return the key of one of ``choices``."""
        ...

    async def pick_session(self, browser: SessionBrowser) -> SessionChoice | None: ...
    async def pick_model(self, browser: ModelBrowser) -> str | None: ...
    async def pick_message(self, page: Questions) -> tuple[Question, bool] | None: ...


class TerminalView:
    """Shows the output of commands and turns, and asks questions.

    ``paging`` is called with True when another program takes the screen, and with False when it returns it.
    ``expand_key`` shows all of a result.
    """

    def __init__(
        self,
        screen: Screen,
        live: Live,
        paging: Callable[[bool], None],
        dialogs: Dialogs,
        verbosity: Verbosity | None = None,
        expand_key: str = "Ctrl-O",
    ) -> None:
        self.verbosity = verbosity or Verbosity(thinking=True)
        self._screen = screen
        self._live = live
        self._paging = paging
        self._turn = TurnDisplay(screen, live, self.verbosity, expand_key)
        self._dialogs = dialogs

    def info(self, text: str) -> None:
        self._screen.show(notice_lines(text, self._screen.text_width))

    def error(self, text: str) -> None:
        self._screen.show(error_lines(text, self._screen.text_width))

    async def confirm(self, question: str) -> bool:
        with self._live.hidden():  # the question itself shows that aloop waits
            key = await self._dialogs.choose(safe_line(question), _YES_OR_NO, "")
        is_yes = key == "y"
        self._screen.say(Style.STRONG, question)
        self._screen.show([line((Style.GOOD, "  yes") if is_yes else (Style.BAD, "  no"))])
        return is_yes

    async def edit(self, path: Path, line: int) -> bool:
        # The editor receives all keys, including Ctrl-C.
        with self._lending():
            try:
                await edit_file(path, line)
            except AloopError as error:
                self.error(str(error))
                return False
        return True

    async def show(self, page: Page) -> None:
        pieces = render(page, self._paper())
        match page:
            case TrashList() | SessionStream() | Transcript() | SessionList(paged=True):
                await self._show_paged(pieces)
            case _:
                self._screen.write("".join([piece async for piece in pieces]))

    async def pick(self, browser: SessionBrowser) -> SessionChoice | None:
        with self._live.hidden():
            return await self._dialogs.pick_session(browser)

    async def pick_model(self, browser: ModelBrowser) -> str | None:
        with self._live.hidden():
            return await self._dialogs.pick_model(browser)

    async def pick_message(self, page: Questions) -> tuple[Question, bool] | None:
        with self._live.hidden():
            return await self._dialogs.pick_message(page)

    def send_to_clipboard(self, text: str) -> str:
        return self._screen.send_to_clipboard(text)

    async def announce(self, notice: str, question: str) -> bool:
        self._screen.say(Style.STRONG, notice)
        return not question or await self.confirm(question)

    @property
    def event(self) -> Callable[[AgentEvent], None]:
        return self._turn.show

    @property
    def has_running_tools(self) -> bool:
        """True while a tool runs, whose output ``expand`` shows."""
        return self._turn.has_running_tools

    def expand(self) -> None:
        """Show more of what the running tools print, or less again."""
        self._turn.expand()

    @property
    def has_block(self) -> bool:
        """True if a part of the last tool's result was left out."""
        return self._turn.block is not None

    async def show_block(self) -> None:
        """Show all of the last tool call."""
        width = self._screen.text_width
        if self._turn.block is not None:
            block = block_lines(self._turn.block, width)
            await self._show_paged(_joined(self._ansi(indented_rows(block, width)) + "\n"))

    async def ask_permission(self, request: PermissionRequest) -> PermissionDecision:
        self._turn.show_question(request)
        short = short_labels(request)
        offered = [Choice(key, label, short.get(key, "")) for key, label in permission_choices(request)]
        has_more = is_cut(request)
        more = _MORE if has_more else ""
        while (key := await self._dialogs.choose(permission_title(request), offered, more)) == SHOW_ALL:
            if has_more:
                await self._show_paged(_joined(self._ansi(detail_lines(request, self._screen.text_width))))
        reason = await self._dialogs.read(_BECAUSE, _BECAUSE_HELP) if key == "n" else ""
        decision = decide_by_key(key, reason)
        self._screen.show(indented_rows(decision_lines(request, decision), self._screen.text_width))
        self._turn.end_question()
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

    @contextmanager
    def working(self, progress: Progress) -> Iterator[None]:
        self._live.set_status(progress.bar)
        try:
            yield
        finally:
            self._live.set_status("")

    async def hand_over(self, command: Sequence[str], folder: Path) -> int:
        with self._lending():
            return await hand_over(command, folder)

    @contextmanager
    def _lending(self) -> Iterator[None]:
        """Leave the terminal to another program."""
        self._paging(True)
        try:
            with self._live.hidden():
                yield
        finally:
            self._paging(False)

    async def _show_paged(self, pieces: AsyncIterator[str]) -> None:
        """Print text that fits on the screen, and page anything longer."""
        shown = ""
        async for piece in pieces:
            shown += piece
            if shown.count("\n") + _PROMPT_ROWS > self._screen.height:
                break
        else:
            self._screen.write(shown)
            return
        with self._lending():
            is_paged = await run_pager(_joined(shown, pieces))
        if not is_paged:
            self._screen.write(shown)
            async for piece in pieces:
                self._screen.write(piece)

    def _paper(self) -> Paper:
        width = self._screen.width
        return Paper(width, width, self._ansi, self._markdown, gap="\n")

    def _markdown(self, text: str, width: int | None) -> str:
        return render_markdown(text, width or self._screen.text_width, self._screen.theme)

    def _ansi(self, lines: Iterable[Line]) -> str:
        return to_ansi(lines, self._screen.theme)


async def _joined(first: str, pieces: AsyncIterator[str] | None = None) -> AsyncIterator[str]:
    yield first
    if pieces is not None:
        async for piece in pieces:
            yield piece
