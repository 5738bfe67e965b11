"""``.index.yaml``: a cache of the session ID in each folder.

It is rebuilt when it is missing or wrong. It has one line per session, ``id: folder``, so that one regular expression
can read it: 10,000 lines take 9 ms, with a YAML loader 200 ms. Any other line makes the whole index invalid, and the
folders are read instead.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping
from pathlib import Path

from aloop.memory.disk.filesystem import FileSystem, write_all, write_atomic

FILE_NAME = ".index.yaml"
_HEADER = "# Made by aloop from the folders beside it, and made again when it is missing. Do not edit.\n"
_DATED = re.compile(r"\d{4}-\d\d-\d\d_[0-9a-f]+")
_LINE = re.compile(
    rf'([0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}): (?:({_DATED.pattern})|("(?:[^"\\\n]|\\[^\n])*"))\n'
)


def read_index(fs: FileSystem, sessions_dir: Path) -> dict[str, str] | None:
    """Return the indexed IDs by folder name, or None if the index cannot be used."""
    try:
        text = fs.read(sessions_dir / FILE_NAME).decode()
    except (OSError, UnicodeDecodeError):
        return None
    if not text.startswith(_HEADER):
        return None
    found: dict[str, str] = {}
    position = len(_HEADER)
    for match in _LINE.finditer(text, position):
        if match.start() != position:
            return None
        position = match.end()
        name = match.group(2) or _unquote(match.group(3))
        if name is None:
            return None
        found[name] = match.group(1)
    return found if position == len(text) else None


def _unquote(quoted: str) -> str | None:
    try:
        name = json.loads(quoted)
    except ValueError:
        return None
    # Only a direct child of the sessions folder, whatever the file names.
    return name if name and "/" not in name and not name.startswith(".") else None


def write_index(fs: FileSystem, sessions_dir: Path, ids: Mapping[str, str]) -> None:
    """Replace the index with ``ids``, by folder name.

    Does nothing if the sessions folder is not writable.
    """
    text = _HEADER + "".join(_line(name, session_id) for name, session_id in sorted(ids.items()))
    with contextlib.suppress(OSError):  # only a cache: the folders have the same IDs
        write_atomic(fs, sessions_dir / FILE_NAME, [text.encode()], durable=False)


def add_to_index(fs: FileSystem, sessions_dir: Path, name: str, session_id: str) -> None:
    """Append one session to the index; safe with concurrent writers."""
    try:
        descriptor = fs.open_append(sessions_dir / FILE_NAME)
    except FileNotFoundError:
        write_index(fs, sessions_dir, {name: session_id})
        return
    except OSError:  # only a cache
        return
    try:
        with contextlib.suppress(OSError):
            write_all(fs, descriptor, [_line(name, session_id).encode()])
    finally:
        fs.close(descriptor)


def _line(name: str, session_id: str) -> str:
    return f"{session_id}: {name if _DATED.fullmatch(name) else json.dumps(name)}\n"
