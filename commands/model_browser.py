"""The models that can be chosen, as a picker uses them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

from aloop.config.settings import Settings

if TYPE_CHECKING:
    from aloop.llm.models.catalog import ModelChoice


class ModelBrowser:
    """The models of all servers; their order never changes, so row numbers stay valid.

    ``current`` is the model in use. ``problems`` has a sentence for each server that cannot list its models.
    ``was_shown`` is set by a picker that has shown them.
    """

    def __init__(self, settings: Settings, current: str) -> None:
        # Imported here: the prompt loads the commands before the engine.
        from aloop.llm.models.catalog import known_choices

        self.current = current
        self.choices: list[ModelChoice] = known_choices(settings)
        self.problems: list[str] = []
        self.is_loaded = False
        self.was_shown = False
        self._settings = settings

    async def load(self, changed: Callable[[], None] = lambda: None) -> None:
        """Ask the servers; call ``changed`` after each answer."""
        # Imported here, as above.
        from aloop.llm.models.catalog import ask_servers

        async with aclosing(ask_servers(self._settings)) as offers:
            async for offer in offers:
                self._add(offer.choices)
                self.problems += [offer.problem] if offer.problem else []
                changed()
        self.is_loaded = True
        changed()

    def _add(self, offered: Sequence[ModelChoice]) -> None:
        """Append new models, and take over the windows of known ones."""
        # Imported here, as above.
        from aloop.llm.models.names import resolve_alias

        windows = {choice.name: choice.window for choice in offered}
        known = {choice.name for choice in self.choices}
        self.choices = [
            replace(choice, window=windows.get(resolve_alias(choice.name)) or choice.window) for choice in self.choices
        ]
        self.choices += [choice for choice in offered if choice.name not in known]
