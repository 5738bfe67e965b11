"""Completion of paths: after an @, and on Tab in a command for the shell."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from commands.mentions import mention
from repl.file_catalog import FileCatalog
from repl.sanitize import safe_line

OFFERED = 50
"""Names in the menu at most."""

_MENTIONED = re.compile(r"""(?:^|(?<=[\s([{"',;:]))@(?:"([^"\n]*)|([^\s"]*))\Z""")
# What follows a blank or a redirection in a command; its first word is none of these.
_ARGUMENT = re.compile(r"""(?:(?<=\s)|(?<=[=<>]))(?:"([^"\n]*)|([^\s"]*))\Z""")


class FileCompleter(Completer):
    """Completes paths from ``folder`` on; what is in a folder comes from the catalog, perhaps a moment later."""

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
        typed = found[1] if found[1] is not None else found[2]
        above, slash, name = typed.rpartition("/")
        try:
            folder = self._folder() / Path(above + slash).expanduser()
        except (OSError, RuntimeError):  # nobody is called so, or there is no working directory any more
            return
        for entry in self._catalog.find(folder, name, OFFERED):
            path = f"{above}{slash}{entry.name}{'/' if entry.is_folder else ''}"
            text = write(path)
            if entry.is_folder and text.endswith('"'):
                text = text[:-1]  # there is more to come
            shown = entry.name + ("/" if entry.is_folder else "")
            yield Completion(text, found.start() - found.end(), display=safe_line(shown))


def begins_path(document: Document) -> bool:
    """Whether a mention of a path ends at the cursor."""
    return _MENTIONED.search(document.text_before_cursor) is not None


def _argument(path: str) -> str:
    return f'"{path}"' if re.search(r"[^\w@%+=:,./~-]", path) else path
