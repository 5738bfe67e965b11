"""Export a session as one document, in one of DOCUMENTS."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from aloop.errors import SHORT_ID, StorageError
from aloop.export.base import Document, count_named, never
from aloop.export.outputs import LONGEST, complete_results
from aloop.formatting import display_path, expand_home, normal_path
from aloop.memory.disk import filesystem
from aloop.memory.disk.filesystem import explained, write_atomic
from aloop.memory.session import Session
from aloop.memory.session_folder.media import read_media
from aloop.memory.session_folder.outputs import make_own_folder
from aloop.memory.sessions_dir.location import FOLDER

EXPORTS = "exports"
"""The name of the folder in ``.aloop`` for exports that were given no path."""


class ExportExists(StorageError):
    """``path`` already exists, and the caller did not ask to replace it."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{display_path(path)} already exists and was not changed. Choose another file.", path)


_EXPORTERS = {
    "json": "json.to_json",
    "openai": "messages.openai.to_openai",
    "anthropic": "messages.anthropic.to_anthropic",
    "sharegpt": "messages.sharegpt.to_sharegpt",
}


def make_document(session: Session, form: str) -> Document:
    """Return ``session`` in one of DOCUMENTS, safe to print."""
    if form in ("md", "html"):
        return _make_readable(session, form)
    module, _, name = _EXPORTERS[form].rpartition(".")
    export: Callable[[Session], Document] = getattr(import_module(f"aloop.export.{module}"), name)
    return export(session)


def _make_readable(session: Session, form: str) -> Document:
    """Return ``session`` as a text to read, with results in full unless they are huge."""
    left_out: Counter[str] = Counter()
    messages = tuple(complete_results(session.messages, session.path.parent, left_out, LONGEST))
    session = replace(session, messages=messages)
    # Imported here for startup time: only HTML needs the Markdown parser.
    if form == "html":
        from aloop.export.page.html import can_show, to_html

        media = _read_media(session)
        left_out += count_named(messages, lambda _message, part: can_show(part, media), is_loaded=False)
        return Document((to_html(session, media),), left_out)
    from aloop.export.markdown import to_markdown

    left_out += count_named(messages, never, is_loaded=False)
    return Document((to_markdown(session),), left_out)


def render(session: Session, form: str) -> str:
    """Return the text of ``session`` in one of DOCUMENTS."""
    return make_document(session, form).text


MAX_EMBEDDED = 20_000_000
"""Bytes of images in an exported page; the rest is named only."""


def _read_media(session: Session) -> Mapping[str, bytes]:
    """Return the images of a stored session by their paths beside it."""
    found: dict[str, bytes] = {}
    folder = session.path.parent
    for part in (part for message in session.messages for part in message.parts if part.kind == "image"):
        data = None if part.file in found else read_media(filesystem.SYSTEM, folder, part)
        if data is not None and sum(map(len, found.values())) + len(data) <= MAX_EMBEDDED:
            found[part.file] = data
    return found


def export_path(session: Session, form: str, wanted: str, folder: Path) -> Path:
    """Return the file to write: ``wanted``, or a file named after the session.

    The latter is in ``wanted`` if that is a folder, or else in ``folder``.
    """
    ending = form if form in ("md", "html", "json") else f"{form}.json"
    name = f"{session.created_at:%Y-%m-%d}_{session.id[:SHORT_ID]}.{ending}"
    if not wanted:
        return folder / name
    path = normal_path(folder / expand_home(wanted))
    return path / name if path.is_dir() else path


def make_exports_folder(sessions_dir: Path) -> Path:
    """Make the folder for exports that were given no path, and return it.

    It is beside the sessions in ``.aloop``, or in that of the working directory if the sessions are elsewhere. git
    ignores it. Raises StorageError, even for a link in its place, which could lead anywhere.
    """
    fs = filesystem.SYSTEM
    parent, here = sessions_dir.parent, Path.cwd()
    with explained("write the export", parent, flag=""):
        if parent.name != FOLDER.parent.name or not parent.is_dir():
            parent = make_own_folder(fs, here, FOLDER.parent.name)
        folder = make_own_folder(fs, parent, EXPORTS)
        if not fs.exists(folder / ".gitignore"):
            write_atomic(fs, folder / ".gitignore", [b"*\n"])
    return folder


def _require_folder(path: Path) -> None:
    """Raise StorageError if the folder of a new file does not exist."""
    if path.parent.is_dir():
        return
    found = next(each for each in path.absolute().parents if os.path.lexists(each))
    problem = (
        f"the folder {display_path(path.parent)} does not exist. Create it"
        if found.is_dir()
        else f"{display_path(found)} is not a folder. Move it"
    )
    raise StorageError(
        f"Could not write the export in {display_path(path)}: {problem}, or choose another folder.", path
    )


def write_export(path: Path, *pieces: str, replace: bool = False, replaced: bytes | None = None) -> None:
    """Write a private document atomically; raises ExportExists, StorageError.

    With ``replace``, it replaces any file, otherwise only one that has exactly the bytes ``replaced``.
    """
    fs = filesystem.SYSTEM

    def require_expected() -> None:
        if not replace and fs.exists(path) and (replaced is None or path.is_symlink() or fs.read(path) != replaced):
            raise ExportExists(path)

    with explained("write the export", path, flag=""):
        _require_folder(path)
        require_expected()
        write_atomic(fs, path, (piece.encode() for piece in pieces), guard=require_expected)
