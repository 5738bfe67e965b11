"""aloop's own sessions: session files of other projects, and JSON exports."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from aloop.errors import SessionFileError, StorageError
from aloop.export.attached import ATTACHED, media_of, outputs_of, stored_bytes
from aloop.importers.imported import Imported
from aloop.importers.json_decoder import decode
from aloop.importers.plain import ouro
from aloop.importers.source import Source
from aloop.importers.values import mapping
from aloop.llm.content.parts import ContentPart
from aloop.memory.codec.serialization import load_session
from aloop.memory.disk.filesystem import SYSTEM
from aloop.memory.session import Session
from aloop.memory.session_folder.media import read_media
from aloop.memory.session_folder.outputs import read_output
from aloop.memory.session_folder.recovery import journals

TOOL = "aloop"
_MISSING = "images, documents or long results that are not beside the session file, or altered"


def read(source: Source) -> Iterator[Imported]:
    """Yield the session of a file, with all that it contains.

    Raises SessionFileError for a file that is not YAML, and StorageError for a session whose other files are in an
    archive.
    """
    with source.open() as stream:
        raw = stream.read()
    size = len(raw)
    data, attached = _without_files(raw)
    del raw
    try:
        session = load_session(data, source.path or Path("standard input"))
    except SessionFileError:
        if ouro.is_own(data):
            raise  # as another conversation, it would lose its ID and long results because of a typing error
        # Of the same shape, but with what session files may not have, such as anchors.
        found = list(ouro.read(source))
        if source.problems.pop(ouro.NOT_YAML, 0):
            raise
        yield from found
        return
    source.on_read(size)
    kept = session.extra.get(ATTACHED)
    session = replace(session, extra=session.extra.with_values(**{ATTACHED: None}))
    files, missing = _files(source, session, attached or (kept if isinstance(kept, dict) else {}))
    if source.path and not source.path.parent.is_dir():  # the archive
        if missing:
            # Without them, a later import of the unpacked folder would find nothing new, and never add them.
            archive = source.path.parent
            what = f"{source.name} has images or long results in other files of {archive.name}"
            raise StorageError(f"{what}: unpack it, and import the folder.", archive)
    elif source.path and journals(SYSTEM, source.path.parent):
        source.problems["turns that a crash left outside their session file: resume the session once to add them"] += 1
    if missing:
        source.problems[_MISSING] += missing
    imported = Imported(TOOL, session.id, session.messages, session=session, path=source.path, files=files)
    imported.title, imported.model = session.title, session.model
    imported.created_at, imported.updated_at = session.created_at, session.updated_at
    yield imported


def _without_files(data: bytes) -> tuple[bytes, Mapping[str, Any]]:
    """Return a JSON export without the files that it has, and these.

    The reader of YAML is slow, and keeps the place of each value. Any other text stays as it is.
    """
    if not data.lstrip().startswith(b"{") or f'"{ATTACHED}"'.encode() not in data:
        return data, {}
    try:
        record = decode(data, strict=False)
    except (ValueError, RecursionError):
        return data, {}  # the other reader reports the line
    attached = mapping(record.pop(ATTACHED, None))
    return json.dumps(record).encode(), attached


def _files(source: Source, session: Session, attached: Mapping[str, Any]) -> tuple[dict[str, bytes], int]:
    """Return the files that a document has, and how many of the session are nowhere."""
    files: dict[str, bytes] = {}
    missing = 0
    folder = source.path.parent if source.path and source.path.parent.is_dir() else None  # not in an archive
    everything: list[ContentPart | str] = [*media_of(session.messages), *outputs_of(session.messages)]
    for wanted in everything:
        data = stored_bytes(attached, wanted)
        if data is not None:
            files[wanted if isinstance(wanted, str) else wanted.file] = data
        elif folder is None or not _is_beside(folder, wanted):
            missing += 1
    return files, missing


def _is_beside(folder: Path, wanted: ContentPart | str) -> bool:
    """Return True if a file of a session is in its folder."""
    if not isinstance(wanted, str):
        return read_media(SYSTEM, folder, wanted) is not None
    try:
        return read_output(SYSTEM, folder, wanted) is not None
    except OSError:
        return True  # reported when it is copied
