"""``.index.yaml``: which folder holds which id. A cache, rebuilt when it is missing or wrong; never the truth.

One line a session, ``id: folder``, so that it is read with one regular expression: ten thousand lines take 9 ms, where
a YAML loader takes 200. What is not such a line makes the whole of it worthless, and costs a look at the folders.
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
    """Return folder names and the ids that they held when last looked at; None when the index can not be used."""
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
    # A folder is a direct child of the sessions folder, whatever a file says.
    return name if name and "/" not in name and not name.startswith(".") else None


def write_index(fs: FileSystem, sessions_dir: Path, ids: Mapping[str, str]) -> None:
    """Put ``ids`` (by folder name) in place of the index; a folder that can not be written simply has none."""
    text = _HEADER + "".join(_line(name, identity) for name, identity in sorted(ids.items()))
    with contextlib.suppress(OSError):  # a cache: the folders tell the same, a little later
        write_atomic(fs, sessions_dir / FILE_NAME, [text.encode()], durable=False)


def add_to_index(fs: FileSystem, sessions_dir: Path, name: str, identity: str) -> None:
    """Append one session: two writers that do so at the same time both succeed."""
    try:
        descriptor = fs.open_append(sessions_dir / FILE_NAME)
    except FileNotFoundError:
        write_index(fs, sessions_dir, {name: identity})
        return
    except OSError:  # a cache, as above
        return
    try:
        with contextlib.suppress(OSError):
            write_all(fs, descriptor, [_line(name, identity).encode()])
    finally:
        fs.close(descriptor)


def _line(name: str, identity: str) -> str:
    return f"{identity}: {name if _DATED.fullmatch(name) else json.dumps(name)}\n"
