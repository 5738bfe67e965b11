"""A session as one document for people who have no aloop: Markdown, a web page, or JSON."""

from __future__ import annotations

from pathlib import Path

from aloop.config import EXPORT_FORMATS, ExportFormat
from aloop.errors import SHORT_ID, StorageError, UsageError
from aloop.export.json import to_json
from aloop.export.markdown import to_markdown
from aloop.memory.disk import filesystem
from aloop.memory.disk.filesystem import explain_error, write_atomic
from aloop.memory.session import Session


class ExportExists(StorageError):
    """There is something at ``path`` already, and nobody said that it may go."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is there already, and was left as it is. Name another file.", path)


def read_format(text: str) -> ExportFormat:
    """Return the format that ``text`` names, in any case; raises UsageError."""
    for known in EXPORT_FORMATS:
        if text.lower() == known:
            return known
    choice = f"{', '.join(EXPORT_FORMATS[:-1])} or {EXPORT_FORMATS[-1]}"
    raise UsageError(f"There is no format {text!r}: {choice}." if text else f"Say in which format: {choice}.")


def render(session: Session, form: ExportFormat) -> str:
    """Return ``session`` as a document that ends with a line feed; control characters in it are made visible."""
    if form == "md":
        return to_markdown(session)
    if form == "json":
        return to_json(session)
    # Imported here for start-up time: the other formats do without the Markdown parser.
    from aloop.export.html import to_html

    return to_html(session)


def export_path(session: Session, form: ExportFormat, wanted: str, folder: Path) -> Path:
    """Return the file to write: ``wanted``, or in the folder that it is, or in ``folder``, one named by the session."""
    name = f"{session.created_at:%Y-%m-%d}_{session.id[:SHORT_ID]}.{form}"
    if not wanted:
        return folder / name
    path = folder / Path(wanted).expanduser()
    return path / name if path.is_dir() else path


def write_export(path: Path, text: str, *, replace: bool = False) -> None:
    """Write a document, whole or not at all, readable by its owner alone; raises ExportExists and StorageError."""
    fs = filesystem.SYSTEM

    def refuse_another() -> None:
        if not replace and fs.exists(path):
            raise ExportExists(path)

    try:
        refuse_another()
        write_atomic(fs, path, [text.encode()], guard=refuse_another)
    except OSError as error:
        raise explain_error(error, "write the export", path) from error
