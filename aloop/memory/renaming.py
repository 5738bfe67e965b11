"""Another title for a stored session."""

from __future__ import annotations

from dataclasses import replace

from aloop.memory.atomic import explain
from aloop.memory.locks import write_lock
from aloop.memory.yaml_backend import YamlBackend


def rename(backend: YamlBackend, prefix: str, title: str) -> None:
    """Put ``title`` into a session's header and leave all else as it is; raises as ``YamlBackend.open`` does."""
    entry = backend.locate(prefix)
    folder = backend.sessions_dir / entry.folder
    try:
        with write_lock(backend.port, folder, entry.id):
            stored = backend.read(entry)
            stored.save(replace(stored.session, title=title), ())
            stored.sync()
    except OSError as error:
        raise explain(error, "rename the session", folder) from error
