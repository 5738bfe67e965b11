"""Export a session as one document: Markdown, HTML or JSON."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from aloop.errors import SHORT_ID, StorageError
from aloop.export.formats import ExportFormat
from aloop.export.json import to_json
from aloop.export.markdown import to_markdown
from aloop.memory.disk import filesystem
from aloop.memory.disk.filesystem import explained, write_atomic
from aloop.memory.session import Session
from aloop.memory.session_folder.outputs import read_media


class ExportExists(StorageError):
    """``path`` already exists, and the caller did not ask to replace it."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} already exists and was not changed. Choose another file.", path)


def render(session: Session, form: ExportFormat) -> str:
    """Return ``session`` as a document, with control characters made visible."""
    if form == "md":
        return to_markdown(session)
    if form == "json":
        return to_json(session)
    # Imported here for start-up time: only HTML needs the Markdown parser.
    from aloop.export.page.html import to_html

    return to_html(session, _read_media(session))


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


def export_path(session: Session, form: ExportFormat, wanted: str, folder: Path) -> Path:
    """Return the file to write: ``wanted``, or a file named after the session.

    The latter is in ``wanted`` if that is a folder, or else in ``folder``.
    """
    name = f"{session.created_at:%Y-%m-%d}_{session.id[:SHORT_ID]}.{form}"
    if not wanted:
        return folder / name
    path = folder / Path(wanted).expanduser()
    return path / name if path.is_dir() else path


def write_export(path: Path, text: str, *, replace: bool = False) -> None:
    """Write a private document atomically; raises ExportExists, StorageError."""
    fs = filesystem.SYSTEM

    def require_absent() -> None:
        if not replace and fs.exists(path):
            raise ExportExists(path)

    with explained("write the export", path):
        require_absent()
        write_atomic(fs, path, [text.encode()], guard=require_absent)
