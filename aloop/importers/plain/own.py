"""aloop's own sessions: session files of other projects, and JSON exports."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from aloop.errors import SessionFileError, StorageError
from aloop.importers.imported import Imported
from aloop.importers.plain import ouro
from aloop.importers.source import Source
from aloop.memory.codec.serialization import load_session
from aloop.memory.disk.filesystem import SYSTEM
from aloop.memory.session_folder.recovery import journals

TOOL = "aloop"


def read(source: Source) -> Iterator[Imported]:
    """Yield the session of a file, with all that it contains.

    Raises StorageError for a session whose other files are in an archive.
    """
    with source.open() as stream:
        data = stream.read()
    try:
        session = load_session(data, source.path or Path("standard input"))
    except SessionFileError:
        # Of the same shape, but with what session files may not have, such as anchors.
        yield from ouro.read(source)
        return
    source.on_read(len(data))
    if source.path and not source.path.parent.is_dir():  # the archive
        if any(message.output_file or message.parts for message in session.messages):
            # Without them, a later import of the unpacked folder would find nothing new, and never add them.
            archive = source.path.parent
            what = f"{source.name} has images or long results in other files of {archive.name}"
            raise StorageError(f"{what}: unpack it, and import the folder.", archive)
    elif source.path and journals(SYSTEM, source.path.parent):
        source.problems["turns that a crash left outside their session file: resume the session once to add them"] += 1
    imported = Imported(TOOL, session.id, session.messages, session=session, path=source.path)
    imported.title, imported.model = session.title, session.model
    imported.created_at, imported.updated_at = session.created_at, session.updated_at
    yield imported
