"""Gives a stored session another title, whether or not anybody has it open."""

from __future__ import annotations

from dataclasses import replace

from aloop.errors import StorageError
from aloop.memory.atomic import explain
from aloop.memory.locks import write_lock
from aloop.memory.session import FILE_NAME, normal_title
from aloop.memory.stored import TRIES, ChangedMeanwhile
from aloop.memory.yaml_backend import YamlBackend


def rename_session(backend: YamlBackend, prefix: str, title: str) -> None:
    """Put ``title`` into the header of the session that ``prefix`` means; when it was last used stays as it is.

    A shell that has it open takes the new title over before its next turn. Raises UsageError for a title that is none,
    SessionBusy, and as ``YamlBackend.open`` does.
    """
    words = normal_title(title)
    entry = backend.locate(prefix)
    folder = backend.sessions_dir / entry.folder
    try:
        with write_lock(backend.port, folder, entry.id):
            for _ in range(TRIES):
                stored = backend.read(entry)
                try:
                    stored.save(replace(stored.session, title=words), ())
                    return stored.sync()
                except ChangedMeanwhile:
                    continue
    except OSError as error:
        raise explain(error, "rename the session", folder) from error
    path = folder / FILE_NAME
    raise StorageError(f"{path} changes faster than it can be renamed. Try again.", path)
