"""Export a session into the store of another tool."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path

from aloop.export.document import write_export
from aloop.export.tools.target import ToolExport
from aloop.formatting import expand_home
from aloop.memory.disk.filesystem import explained
from aloop.memory.session import Session
from aloop.text import clean_text


def to_tool(session: Session, tool: str, folder: Path) -> ToolExport:
    """Return ``session`` for one of TOOLS, as a session of the project ``folder``.

    Raises SessionError if there is nothing to continue.
    """
    make: Callable[[Session, Path], ToolExport] = import_module(f"aloop.export.tools.{tool.replace('-', '_')}").export
    return make(session, Path(clean_text(str(folder))))  # as the tools write the name of a folder that is not UTF-8


def deliver(exported: ToolExport, wanted: Path | None = None) -> Path:
    """Write an export for a tool and return its absolute path.

    The folder in which the tool looks for it is made if need be. Raises ExportExists, StorageError: nothing is
    overwritten.
    """
    path = (expand_home(wanted) if wanted else exported.path).absolute()
    path = path / exported.path.name if path.is_dir() else path
    if not wanted:
        # If a file is in place of the folder, write_export raises an error that explains it.
        with explained("write the export", path, flag=""), suppress(FileExistsError, NotADirectoryError):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_export(path, exported.text)
    return path
