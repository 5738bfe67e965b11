"""Completion of commands and their arguments, and of paths.

Imported when a line may contain a command or a path, because it imports all commands.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Protocol

from prompt_toolkit.completion import CompleteEvent, Completer, Completion, merge_completers
from prompt_toolkit.document import Document

from aloop.config.values import EFFORTS
from aloop.formatting import age, expand_home
from aloop.permissions import MODES
from aloop.sanitize import safe_line
from aloop.width import unjoined
from commands.builtin import REGISTRY
from commands.context import Context
from commands.mentions import mention
from commands.registry import Argument, Command, Registry
from repl.completion.file_and_model_sources import FileCatalog, ModelCatalog, load_endpoint_models, load_models
from repl.completion.session_source import Entry, SessionCatalog, SessionSources

_AGE_COLUMNS = 11
_COUNT_COLUMNS = 5


def _now() -> datetime:
    return datetime.now(UTC)


class SessionCatalogs(Protocol):
    """Catalogs of sessions; both methods return at once."""

    def sessions(self) -> SessionCatalog:
        """Return the saved sessions."""
        ...

    def trash(self) -> SessionCatalog:
        """Return the deleted sessions."""
        ...

    def tags(self) -> Iterable[str]:
        """Return the tags of the open session and its messages."""
        ...


FindRegistry = Callable[[], Registry[Context]]
"""Returns the registry as it is now: commands from files come and go."""


Refresh = Callable[[], None]
"""Called when the name of a command is completed, to read those from files again."""


def builtin_commands() -> Registry[Context]:
    """Return the registry without commands from files."""
    return REGISTRY


class CommandCompleter(Completer):
    """Completes the names of commands after a slash, and their arguments."""

    def __init__(
        self,
        registry: FindRegistry,
        catalogs: SessionCatalogs,
        models: ModelCatalog,
        now: Callable[[], datetime] = _now,
        refresh: Refresh | None = None,
    ) -> None:
        self._find_registry = registry
        self._refresh = refresh
        self._catalogs = catalogs
        self._models = models
        self._now = now

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:  # noqa: ARG002 - prompt_toolkit's signature
        before = document.text_before_cursor
        if not before.startswith("/") or "\n" in before:
            return
        name, space, argument = before[1:].partition(" ")
        if not space:
            self._catalogs.sessions()  # read again by the time that an argument is typed
            yield from self._names(name, "/")
            return
        command = self._find_registry().find(name)
        if command is None:
            return
        if command.argument is Argument.SESSION:
            yield from self._session_ids(self._catalogs.sessions(), argument.lstrip())
        elif command.argument is Argument.DELETED:
            yield from self._session_ids(self._catalogs.trash(), argument.lstrip())
        elif command.argument is Argument.TAG:
            typed = argument.rpartition(" ")[2]
            sign = typed[:1] if typed[:1] in ("-", "#") else ""
            yield from (
                Completion(sign + tag, -len(typed))
                for tag in self._catalogs.tags()
                if tag.lower().startswith(typed[len(sign) :].lower())
            )
        elif " " in argument.lstrip():
            return
        elif command.argument is Argument.MODEL:
            typed = argument.lstrip()
            yield from (Completion(name, -len(typed)) for name in self._models.find(typed))
        elif command.argument is Argument.EFFORT:
            typed = argument.lstrip()
            yield from (Completion(name, -len(typed)) for name in EFFORTS if name.startswith(typed.lower()))
        elif command.argument is Argument.MODE:
            typed = argument.lstrip()
            yield from (Completion(name, -len(typed)) for name in MODES if name.startswith(typed.lower()))
        elif command.argument is Argument.COMMAND:
            yield from self._names(argument.lstrip().removeprefix("/"), "")

    def _names(self, typed: str, slash: str) -> Iterable[Completion]:
        if self._refresh:
            self._refresh()
        for command in self._find_registry().commands:
            name = _matching_name(command, typed.lower())
            if name is not None:
                yield Completion(slash + name, -len(slash + typed), display=slash + name, display_meta=command.summary)

    def _session_ids(self, catalog: SessionCatalog, typed: str) -> Iterable[Completion]:
        for entry in catalog.find(typed):
            # Formatted when it is drawn: by then, the messages may be counted.
            meta = partial(self._meta, catalog, entry)
            yield Completion(entry.shortest, -len(typed), display=entry.shortest, display_meta=meta)

    def _meta(self, catalog: SessionCatalog, entry: Entry) -> str:
        count = catalog.count(entry.title)
        when = f"{age(entry.title.updated_at, self._now()):<{_AGE_COLUMNS}}"
        messages = "" if count is None else f"{count:,}"
        return f"{when} {messages:>{_COUNT_COLUMNS}}  {unjoined(safe_line(entry.title.title)) or '(no title)'}"


def _matching_name(command: Command[Context], typed: str) -> str | None:
    """Return the name, or else an alias, of ``command`` that starts with ``typed``."""
    if command.name.startswith(typed):
        return command.name
    return next((alias for alias in command.aliases if typed and alias.startswith(typed)), None)


_MAX_PATHS = 50

_MENTIONED = re.compile(
    r"""(?:^|(?<=[\s([{"',;:\u3000-\u9fff\uac00-\ud7af\uff00-\uffef]))@"""
    r"""(?:"((?:\\.|[^"\\\n])*\\?)|((?:(?:\\.|[^\s"\\])(?:\\.|[^\s\\])*)?\\?))\Z"""
)
# An argument or a redirection of a shell command, not its first word.
_ARGUMENT = re.compile(r"""(?:(?<=\s)|(?<=[=<>]))(?:"((?:\\.|[^"\\\n])*\\?)|((?:\\.|[^\s"\\])*\\?))\Z""")


class FileCompleter(Completer):
    """Completes paths relative to ``folder``: after @, and on Tab in a shell command."""

    def __init__(self, catalog: FileCatalog, folder: Callable[[], Path] = Path.cwd) -> None:
        self._catalog = catalog
        self._folder = folder

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        before = document.text_before_cursor
        if found := _MENTIONED.search(before):
            yield from self._paths(found, mention)
        elif before.startswith("!") and complete_event.completion_requested and (found := _ARGUMENT.search(before)):
            yield from self._paths(found, _argument)

    def _paths(self, found: re.Match[str], write: Callable[[str], str]) -> Iterable[Completion]:
        quoted = found[1] is not None
        typed = re.sub(r'\\(["\\$`])', r"\1", found[1]) if quoted else re.sub(r"\\(.)", r"\1", found[2])
        above, slash, name = typed.rpartition("/")
        try:
            folder = self._folder() / expand_home(above + slash)
        except (OSError, RuntimeError):  # an unknown ~user, or a deleted working directory
            return
        for entry in self._catalog.find(folder, name, _MAX_PATHS):
            path = f"{above}{slash}{entry.name}{'/' if entry.is_folder else ''}"
            text = write(path)
            if entry.is_folder and text.endswith('"'):
                text = text[:-1]  # the path continues
            shown = entry.name + ("/" if entry.is_folder else "")
            yield Completion(text, found.start() - found.end(), display=safe_line(shown))


def _argument(path: str) -> str:
    """Return ``path`` as a word of a shell command."""
    if not re.search(r"[^\w@%+=:,./~-]", path):
        return path
    escaped = re.sub(r'["\\$`]', r"\\\g<0>", path)
    return f'"{escaped}"'


def make_completer(
    catalogs: SessionSources,
    changed: Callable[[], None],
    registry: FindRegistry = builtin_commands,
    refresh: Refresh | None = None,
) -> Completer:
    """Return the completer of the prompt.

    ``changed`` is called, from any thread, when there may be more completions than before.
    """
    models = ModelCatalog(load_models, changed, load_endpoint_models)
    return merge_catalogs(catalogs, FileCatalog(changed), models, registry, refresh)


def merge_catalogs(
    catalogs: SessionSources,
    files: FileCatalog,
    models: ModelCatalog,
    registry: FindRegistry,
    refresh: Refresh | None = None,
) -> Completer:
    """Return the completer of commands, sessions, models and files."""
    return merge_completers([CommandCompleter(registry, catalogs, models, refresh=refresh), FileCompleter(files)])
