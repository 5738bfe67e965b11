"""Titles that a model writes for new sessions, while the user can type."""

from __future__ import annotations

from aloop.agent import ReActAgent
from aloop.agent.titles import improve_title, wants_title
from aloop.errors import AloopError
from aloop.llm import create_llm
from repl.options import ShellOptions
from repl.output.notices import error_lines
from repl.output.screen import Screen


class TitleWriter:
    """Lets a model write titles, and reports once if it cannot be used."""

    def __init__(self, options: ShellOptions, screen: Screen) -> None:
        self._options = options
        self._screen = screen
        self._has_reported = False

    async def update(self, agent: ReActAgent) -> None:
        """Write the title of the agent's session, if it is new."""
        try:
            await write_title(agent, self._options)
        except AloopError as error:
            # The first words are a title, too, but a setting that does nothing would never be found.
            name = self._options.settings.title_model
            if name and not self._has_reported:
                self._has_reported = True
                sentence = f"No title was written, because title_model = {name!r} cannot be used. {error}"
                self._screen.show(error_lines(sentence, self._screen.text_width))
                self._screen.write("\n")


async def write_title(agent: ReActAgent, options: ShellOptions) -> None:
    """Let a model write the title of a new session; the offline model cannot."""
    if not wants_title(agent.memory):
        return
    name = options.settings.title_model
    llm = create_llm(name, options.settings) if name else agent.llm
    if llm.provider == "offline":
        return
    try:
        await improve_title(agent.memory, llm, agent.budget)
    finally:
        if name:
            await llm.aclose()
