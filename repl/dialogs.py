"""Questions to the user and pickers, at the prompt or in place of it.

Loaded with the engine, after the first prompt is drawn; each picker is imported when it is opened.
"""

from __future__ import annotations

from collections.abc import Sequence

from commands.model_browser import ModelBrowser
from commands.pages import Question, Questions
from commands.session_browser import Choice as SessionChoice
from commands.session_browser import SessionBrowser
from repl.completion.lazy_completer import LazyCompleter
from repl.input.choice import Choice, choose
from repl.input.prompt import Prompt
from repl.output.screen import Screen
from repl.window import ShellWindow


class PromptDialogs:
    """The dialogs of a view with a prompt."""

    def __init__(self, prompt: Prompt, screen: Screen, window: ShellWindow, completer: LazyCompleter) -> None:
        self._prompt = prompt
        self._screen = screen
        self._window = window
        self._completer = completer

    async def read(self, prompt: str, help_text: str) -> str:
        """Return the line that the user enters after ``prompt``."""
        return await self._prompt.ask(prompt, help_text)

    async def choose(self, title: str, choices: Sequence[Choice], more: str) -> str:
        """Return the key of a choice, and report the question in another window."""
        with self._window.asking(title):
            return await choose(self._prompt, title, choices, more)

    async def pick_session(self, browser: SessionBrowser) -> SessionChoice | None:
        """Show the session picker."""
        from repl.picker.picker import pick  # here: loaded when it is opened

        return await pick(self._prompt, self._screen, browser, self._completer.sessions.titles())

    async def pick_model(self, browser: ModelBrowser) -> str | None:
        """Show the model picker."""
        from repl.picker.model_picker import pick_model  # as above

        return await pick_model(self._prompt, self._screen, browser)

    async def pick_message(self, page: Questions) -> tuple[Question, bool] | None:
        """Show the picker of messages."""
        from repl.picker.message_picker import pick_message  # as above

        return await pick_message(self._prompt, self._screen, page)
