"""The first thing said in a session, as far as it takes to search in it: found in the first bytes, nothing parsed.

The end of a long conversation, without reading the whole of it.
"""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

from aloop.errors import SessionFileError
from aloop.llm.message_types import LLMMessage
from aloop.memory.codec.serialization import load_session
from aloop.memory.disk.filesystem import explain_error
from aloop.memory.session import FILE_NAME
from aloop.memory.sessions_dir.catalog import Catalog
from aloop.memory.sessions_dir.yaml_backend import YamlBackend

EXCERPT_LENGTH = 8192
"""Bytes of a file that are looked at."""

_LONGEST = 300
_FIRST_QUESTION = re.compile(
    rb"\n *- +role: *['\"]?user['\"]?[ \t]*\n(?P<margin> *)content: *"
    rb"(?:[|>][^\n]*\n(?P<block>(?:(?P=margin) [^\n]*\n|[ \t]*\n)*)"
    rb'|"(?P<double>(?:[^"\\]|\\.)*)"?'
    rb"|'(?P<single>[^']*)'?"
    rb"|(?P<plain>[^\n]*))",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:\n *|[nrt ])|\\(?=[\"\\])")


def read_first_questions(backend: YamlBackend) -> dict[str, str]:
    """Return the first thing said in each session, by id; raises StorageError."""
    fs, folder = backend.fs, backend.sessions_dir
    found = {}
    try:
        for head in Catalog(fs, folder).heads():
            with contextlib.suppress(OSError):  # gone meanwhile, or not for us to read: nothing to be found by
                found[head.id] = find_first_question(fs.read(f"{folder}/{head.folder}/{FILE_NAME}", EXCERPT_LENGTH))
    except OSError as error:
        raise explain_error(error, "list the sessions", folder) from error
    return found


def find_first_question(beginning: bytes) -> str:
    """Return the first user's message in the first bytes of a file, on one line; empty when it is not there."""
    found = _FIRST_QUESTION.search(beginning)
    if found is None:
        return ""
    text = found[found.lastgroup or 0]
    # What is cut in the middle of a character, or written as an escape, does not matter to a search.
    line = text[: 4 * _LONGEST].decode(errors="ignore")
    return " ".join(_ESCAPE.sub(" ", line).split())[:_LONGEST]


ENOUGH = 128_000
"""Bytes at the end of a file that are looked at: more than a screen shows, and read in some milliseconds."""

_HEAD = b"id: 00000000-0000-0000-0000-000000000000\nmessages:\n"
_ITEM = b"\n  - role: "


def load_ending(backend: YamlBackend, prefix: str) -> tuple[LLMMessage, ...]:
    """Return the last messages of the session that ``prefix`` means; raises as ``YamlBackend.open`` does."""
    path = backend.sessions_dir / backend.locate(prefix).folder / FILE_NAME
    try:
        return read_ending(backend.fs.read(path), path)
    except OSError as error:
        raise explain_error(error, "read the session", path.parent) from error


def read_ending(data: bytes, path: Path) -> tuple[LLMMessage, ...]:
    """Return the last messages of the session that ``data`` is, all of a short one; raises SessionFileError."""
    start = data.find(_ITEM, len(data) - ENOUGH) if len(data) > ENOUGH else -1
    if start >= 0:
        try:
            return load_session(_HEAD + data[start + 1 :], path).messages
        except SessionFileError:
            pass  # not as aloop writes it: only the whole file tells
    return load_session(data, path).messages
