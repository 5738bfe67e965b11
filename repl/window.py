"""The window of the terminal: its title, and news for a user who looks at another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from aloop.config.settings import Settings
from repl.engine import Engine
from repl.output.renderer import TerminalOutput
from repl.output.screen import Screen


class ShellWindow:
    """The window in which a shell runs; ``is_busy`` returns True while a turn runs."""

    def __init__(self, settings: Settings, screen: Screen, engine: Engine, is_busy: Callable[[], bool]) -> None:
        self._settings = settings
        self._screen = screen
        self._engine = engine
        self._is_busy = is_busy
        if isinstance(screen.output, TerminalOutput):
            screen.output.reports_focus = settings.notify != "off"

    def show_title(self, *, is_asking: bool = False) -> None:
        """Show the title of the session in the terminal's title, with a mark while busy."""
        if self._settings.terminal_title:
            context = self._engine.context
            title = context.memory.title if context and context.memory.message_count else Path.cwd().name
            mark = "? " if is_asking else "● " if self._is_busy() else ""
            self._screen.set_title(f"{mark}{title} · aloop")

    @contextmanager
    def asking(self, question: str) -> Iterator[None]:
        """Show that aloop asks ``question`` during the body."""
        self.show_title(is_asking=True)
        self._notify(f"{self._session_title or 'aloop'} asks: {question}")
        try:
            yield
        finally:
            self.show_title()

    def report_end(self) -> None:
        """Report that a turn is done."""
        self._notify(f"{self._session_title or 'The turn'} is done")

    @property
    def _session_title(self) -> str:
        return self._engine.context.memory.title if self._engine.context else ""

    def _notify(self, news: str) -> None:
        """Report ``news`` if another window has the focus."""
        notify = self._settings.notify
        if notify != "off" and not self._screen.has_focus:
            self._screen.notify(news, on_desktop=notify == "desktop")
