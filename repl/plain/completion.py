"""What Tab offers where nothing is drawn: what it does at the other prompt, but waited for, and told in rows."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING

from prompt_toolkit.completion import CompleteEvent, Completion, get_common_complete_suffix
from prompt_toolkit.document import Document

from aloop.sanitize import safe_line
from aloop.width import fit, pad, text_width
from repl.completion.completers import merged
from repl.completion.file_and_model_sources import FileCatalog, ModelCatalog, load_models
from repl.completion.session_source import SessionSources

if TYPE_CHECKING:
    from aloop.memory import MemoryManager

_WIDEST = 30
"""Columns for what is offered; what it is stands right of them."""


class PlainCompleter:
    """Completes lines; whoever pressed Tab waits for the disk."""

    def __init__(self, memory: Callable[[], MemoryManager]) -> None:
        self._catalogs = SessionSources(memory, _do, changed=_tell_nobody, counted=_tell_nobody)
        self._files = FileCatalog(_tell_nobody)
        self._models = ModelCatalog(load_models, _tell_nobody)
        self._completer = merged(self._catalogs, self._files, self._models)

    def complete(self, before: str, width: int) -> tuple[str, list[str]]:
        """Return what stands before the cursor, completed as far as that is clear, and rows of what it may be.

        There is nothing to offer when the text is as it was, and there are no rows.
        """
        document = Document(before)
        found = self._find(document)
        if len(found) == 1:
            whole = before[: len(before) + found[0].start_position] + found[0].text
            # An id that takes the place of words of a title says nothing to whoever typed those.
            return whole, [] if whole.casefold().startswith(before.casefold()) else _rows(found, width)
        shared = get_common_complete_suffix(document, found)
        return before + shared, [] if shared else _rows(found, width)

    def _find(self, document: Document) -> list[Completion]:
        if document.text.startswith("/"):
            _do(self._catalogs.refresh())
        event = CompleteEvent(completion_requested=True)
        list(self._completer.get_completions(document, event))
        # Which has had read what it asked for.
        self._files.wait()
        self._models.wait()
        return list(self._completer.get_completions(document, event))


def _rows(found: Sequence[Completion], width: int) -> list[str]:
    shown = [(safe_line(offer.display_text), offer.display_meta_text.rstrip()) for offer in found]
    column = min(_WIDEST, max((text_width(name) for name, _ in shown), default=0))
    return [
        fit(f"{pad(name, column) if text_width(name) < column else name}  {about}".rstrip(), width)
        for name, about in shown
    ]


def _do(work: Coroutine[None, None, None]) -> None:
    """Do ``work`` on a thread and wait for it: while a line is typed, the event loop of this one stands still."""
    thread = threading.Thread(target=asyncio.run, args=(work,), name="completion")
    thread.start()
    thread.join()


def _tell_nobody() -> None:
    """Nobody needs to be told of what was waited for."""
