"""The end of a long conversation, without reading the whole of it."""

from __future__ import annotations

from pathlib import Path

from aloop.errors import SessionFileError
from aloop.llm.message_types import LLMMessage
from aloop.memory.atomic import explain
from aloop.memory.serialization import load_session
from aloop.memory.session import FILE_NAME
from aloop.memory.yaml_backend import YamlBackend

ENOUGH = 128_000
"""Bytes at the end of a file that are looked at: more than a screen shows, and read in some milliseconds."""

_HEAD = b"id: 00000000-0000-0000-0000-000000000000\nmessages:\n"
_ITEM = b"\n  - role: "


def load_ending(backend: YamlBackend, prefix: str) -> tuple[LLMMessage, ...]:
    """Return the last messages of the session that ``prefix`` means; raises as ``YamlBackend.open`` does."""
    path = backend.sessions_dir / backend.locate(prefix).folder / FILE_NAME
    try:
        return read_ending(backend.port.read(path), path)
    except OSError as error:
        raise explain(error, "read the session", path.parent) from error


def read_ending(data: bytes, path: Path) -> tuple[LLMMessage, ...]:
    """Return the last messages of the session that ``data`` is, all of a short one; raises SessionFileError."""
    start = data.find(_ITEM, len(data) - ENOUGH) if len(data) > ENOUGH else -1
    if start >= 0:
        try:
            return load_session(_HEAD + data[start + 1 :], path).messages
        except SessionFileError:
            pass  # not as aloop writes it: only the whole file tells
    return load_session(data, path).messages
