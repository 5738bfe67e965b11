"""Tab completion at the plain prompt, with the choices printed as rows."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING

from prompt_toolkit.completion import CompleteEvent, Completion, get_common_complete_suffix
from prompt_toolkit.document import Document

from aloop.sanitize import safe_line
from aloop.width import fit, pad, text_width
from repl.completion.completers import FindRegistry, Refresh, builtin_commands, merge_catalogs
from repl.completion.file_and_model_sources import FileCatalog, ModelCatalog, load_endpoint_models, load_models
from repl.completion.session_source import SessionSources

if TYPE_CHECKING:
    from aloop.memory import MemoryManager

_NAME_COLUMNS = 30
"""The most columns for the name of a choice; its description is to the right."""


class PlainCompleter:
    """Completes a line, waiting for what must be read from disk."""

    def __init__(
        self,
        memory: Callable[[], MemoryManager],
        registry: FindRegistry = builtin_commands,
        refresh: Refresh | None = None,
    ) -> None:
        self._catalogs = SessionSources(memory, _run, changed=_ignore, counted=_ignore)
        self._files = FileCatalog(_ignore)
        self._models = ModelCatalog(load_models, _ignore, load_endpoint_models)
        self._completer = merge_catalogs(self._catalogs, self._files, self._models, registry, refresh)

    def complete(self, before: str, width: int) -> tuple[str, list[str]]:
        """Return the text before the cursor, completed, and rows of choices.

        Without completions, that is the unchanged text and an empty list.
        """
        document = Document(before)
        found = self._find(document)
        if len(found) == 1:
            completed = before[: len(before) + found[0].start_position] + found[0].text
            # An ID that replaces words of a title does not show which session it is.
            return completed, [] if completed.casefold().startswith(before.casefold()) else _rows(found, width)
        shared = get_common_complete_suffix(document, found)
        return before + shared, [] if shared else _rows(found, width)

    def _find(self, document: Document) -> list[Completion]:
        if document.text.startswith("/") and " " in document.text:
            # Not for the name of a command: this takes a second with 100,000 sessions.
            _run(self._catalogs.refresh())
        event = CompleteEvent(completion_requested=True)
        list(self._completer.get_completions(document, event))  # starts the reading
        self._files.wait()
        self._models.wait()
        return list(self._completer.get_completions(document, event))


def _rows(found: Sequence[Completion], width: int) -> list[str]:
    choices = [(safe_line(choice.display_text), choice.display_meta_text.rstrip()) for choice in found]
    column = min(_NAME_COLUMNS, max((text_width(name) for name, _ in choices), default=0))
    return [
        fit(f"{pad(name, column) if text_width(name) < column else name}  {about}".rstrip(), width)
        for name, about in choices
    ]


def _run(work: Coroutine[None, None, None]) -> None:
    """Run ``work`` in a thread and wait: the main event loop is blocked by the read."""
    thread = threading.Thread(target=asyncio.run, args=(work,), name="completion")
    thread.start()
    thread.join()


def _ignore() -> None:
    """Take notice of a change that was waited for."""
