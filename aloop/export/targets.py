"""All formats of ``aloop export``: documents to read or process, and other tools."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from aloop.export.document import render, write_export
from aloop.export.formats import read_format
from aloop.export.tools.target import ToolExport
from aloop.memory.disk.filesystem import explained
from aloop.memory.session import Session

_MESSAGES = {"openai": "to_openai", "anthropic": "to_anthropic", "sharegpt": "to_sharegpt"}
_ENDINGS = {"openai": "openai.json", "anthropic": "anthropic.json", "sharegpt": "sharegpt.json"}


def to_document(session: Session, form: str) -> str:
    """Return ``session`` in one of DOCUMENTS."""
    if form not in _MESSAGES:
        return render(session, read_format(form))
    make: Callable[[Session], str] = getattr(import_module(f"aloop.export.messages.{form}"), _MESSAGES[form])
    return make(session)


def ending_of(form: str) -> str:
    """Return the ending of the file names of a document."""
    return _ENDINGS.get(form, form)


def to_tool(session: Session, tool: str, folder: Path) -> ToolExport:
    """Return ``session`` for one of TOOLS, as a session of the project ``folder``."""
    make: Callable[[Session, Path], ToolExport] = import_module(f"aloop.export.tools.{tool.replace('-', '_')}").export
    return make(session, folder)


def deliver(exported: ToolExport, wanted: Path | None = None) -> Path:
    """Write an export for a tool and return its path.

    Raises ExportExists, StorageError: nothing is overwritten.
    """
    path = exported.path if wanted is None else wanted / exported.path.name if wanted.is_dir() else wanted
    with explained("write the export", path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_export(path, exported.text)
    return path
