"""Completion: a thin adapter from the registry and the session catalogs to prompt_toolkit."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from commands.registry import Argument, Command, Registry
from repl.ages import age
from repl.cells import unjoined
from repl.model_catalog import ModelCatalog
from repl.sanitize import safe_line
from repl.session_catalog import Entry, SessionCatalog

_WHEN = 11
_COUNT = 5
"""Columns of a session's age and of its count of messages, in the menu."""


def _now() -> datetime:
    return datetime.now(UTC)


class Offers(Protocol):
    """The sessions that can be offered; neither makes a key wait."""

    def sessions(self) -> SessionCatalog:
        """Return the saved ones."""
        ...

    def trash(self) -> SessionCatalog:
        """Return the deleted ones."""
        ...


class CommandCompleter(Completer):
    """Completes command names after a slash, and the argument of the command that stands there."""

    def __init__(
        self,
        registry: Registry,
        catalogs: Offers,
        models: ModelCatalog,
        now: Callable[[], datetime] = _now,
    ) -> None:
        self._registry = registry
        self._catalogs = catalogs
        self._models = models
        self._now = now

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:  # noqa: ARG002 - prompt_toolkit's signature
        before = document.text_before_cursor
        if not before.startswith("/") or "\n" in before:
            return
        name, space, argument = before[1:].partition(" ")
        if not space:
            yield from self._names(name, "/")
            return
        command = self._registry.find(name)
        if command is None:
            return
        if command.argument is Argument.SESSION:
            yield from self._session_ids(self._catalogs.sessions(), argument.lstrip())
        elif command.argument is Argument.DELETED:
            yield from self._session_ids(self._catalogs.trash(), argument.lstrip())
        elif " " in argument.lstrip():
            return
        elif command.argument is Argument.MODEL:
            typed = argument.lstrip()
            yield from (Completion(name, -len(typed)) for name in self._models.find(typed))
        elif command.argument is Argument.COMMAND:
            yield from self._names(argument.lstrip().removeprefix("/"), "")

    def _names(self, typed: str, slash: str) -> Iterable[Completion]:
        for command in self._registry.commands:
            name = _matching_name(command, typed.lower())
            if name is not None:
                yield Completion(slash + name, -len(slash + typed), display=slash + name, display_meta=command.summary)

    def _session_ids(self, catalog: SessionCatalog, typed: str) -> Iterable[Completion]:
        for entry in catalog.find(typed):
            # Written when it is drawn: by then the messages may be counted.
            meta = partial(self._meta, catalog, entry)
            yield Completion(entry.shortest, -len(typed), display=entry.shortest, display_meta=meta)

    def _meta(self, catalog: SessionCatalog, entry: Entry) -> str:
        count = catalog.count(entry.title)
        when = f"{age(entry.title.updated_at, self._now()):<{_WHEN}}"
        told = "" if count is None else f"{count:,}"
        return f"{when} {told:>{_COUNT}}  {unjoined(safe_line(entry.title.title)) or '(no title)'}"


def _matching_name(command: Command, typed: str) -> str | None:
    """Return the command's own name if it begins with what was typed, else an alias that does; None if none does."""
    if command.name.startswith(typed):
        return command.name
    return next((alias for alias in command.aliases if typed and alias.startswith(typed)), None)
