"""The completer of the prompt before and after the engine is built.

The prompt is drawn without the commands and the sessions. The engine imports them in its thread, so that only Tab waits
for them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from functools import cached_property
from typing import TYPE_CHECKING

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from repl.engine import Engine

if TYPE_CHECKING:
    from commands.context import Context
    from commands.registry import Registry
    from repl.completion.session_source import SessionSources


class LazyCompleter(Completer):
    """Completes a line, and loads the completers when the line may need them.

    ``start`` starts a task in the background. ``on_more`` is called when there may be more completions than before, and
    ``on_count`` when there is more to show beside them.
    """

    def __init__(
        self,
        engine: Engine,
        start: Callable[[Coroutine[None, None, None]], None],
        on_more: Callable[[], None],
        on_count: Callable[[], None],
    ) -> None:
        self._engine = engine
        self._start = start
        self._on_more = on_more
        self._on_count = on_count
        self._has_read_commands = False

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        is_ready = self._engine.context is not None or complete_event.completion_requested
        return self._completer.get_completions(document, complete_event) if is_ready and _may_complete(document) else ()

    def expire(self) -> None:
        """Read sessions and commands again for the next line that needs them."""
        self.sessions.expire()
        self._has_read_commands = False

    @cached_property
    def sessions(self) -> SessionSources:
        """The catalogs of sessions, which the session picker shares."""
        from repl.completion.session_source import SessionSources  # here: needed after the first prompt

        return SessionSources(self._engine.memory, self._start, self._on_more, self._on_count)

    @cached_property
    def _completer(self) -> Completer:
        from repl.completion.completers import builtin_commands, make_completer  # here: few lines need it

        def registry() -> Registry[Context]:
            context = self._engine.context
            return context.registry if context else builtin_commands()

        return make_completer(self.sessions, self._on_more, registry, self._read_commands)

    def _read_commands(self) -> None:
        """Read the commands from files again, once for each line."""
        if self._engine.context and not self._has_read_commands:
            self._has_read_commands = True
            self._start(self._offer_new_commands(self._engine.context))

    async def _offer_new_commands(self, context: Context) -> None:
        from commands.project.templates import load_commands  # here: the engine has imported it in its thread

        known = context.registry
        await asyncio.to_thread(load_commands, context)  # the line itself reports what is left out
        if [each.name for each in context.registry.commands] != [each.name for each in known.commands]:
            self._on_more()


def _may_complete(document: Document) -> bool:
    """Return True if a line may contain the name of a command or a file."""
    return document.text.startswith(("/", "!")) or "@" in document.text
