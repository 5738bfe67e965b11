"""Export a session into the store of another tool."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path

from aloop.export.document import make_exports_folder, write_export
from aloop.export.tools.target import ToolExport
from aloop.formatting import expand_home, normal_path
from aloop.memory.disk.filesystem import explained
from aloop.memory.session import Session
from aloop.text import clean_text


def to_tool(session: Session, tool: str, folder: Path) -> ToolExport:
    """Return ``session`` for one of TOOLS, as a session of the project ``folder``.

    Raises SessionError if there is nothing to continue.
    """
    make: Callable[[Session, Path], ToolExport] = import_module(f"aloop.export.tools.{tool.replace('-', '_')}").export
    return make(session, Path(clean_text(str(folder))))  # as the tools write the name of a folder that is not UTF-8


def deliver(exported: ToolExport, sessions_dir: Path, wanted: Path | None = None) -> Path:
    """Write an export for a tool and return its absolute path.

    Without ``wanted``, it is where the tool looks for it, or beside ``sessions_dir`` if the tool imports a file. The
    folder is made if need be. Raises ExportExists, StorageError: nothing is overwritten.
    """
    if wanted:
        path = normal_path(expand_home(wanted))
        path = path / exported.path.name if path.is_dir() else path
    elif exported.path == Path(exported.path.name):
        path = make_exports_folder(sessions_dir).absolute() / exported.path
    else:
        path = exported.path.absolute()
        # If a file is in place of the folder, write_export raises an error that explains it.
        with explained("write the export", path, flag=""), suppress(FileExistsError, NotADirectoryError):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_export(path, exported.text)
    return path
