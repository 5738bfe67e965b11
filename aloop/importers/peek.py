"""Sessions of other tools, by the beginnings and ends of their files, or a query."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from aloop.errors import AloopError, StorageError
from aloop.importers.agents import aider, cline, vibe
from aloop.importers.databases.listing import newest
from aloop.importers.draft import Imported
from aloop.importers.formats import FORMATS, TOOLS
from aloop.importers.places import as_noted, files_of, is_here
from aloop.importers.run import Scan, Selection
from aloop.importers.source import Source
from aloop.importers.transcript import session_id_of, title_of
from aloop.llm.message_types import LLMMessage

PROJECT_TOOLS = tuple(tool for tool in TOOLS if tool != "llm")
"""Tools whose sessions belong to a folder."""
_PIECE = 65_536
_PIECES = (_PIECE, 16 * _PIECE, 256 * _PIECE)
"""Bytes that are read until there is a message: a line can be long, and some files are one document."""
_NEWEST = 200
_ALL = 1_000_000
_PLACED = frozenset({"claude-code", "codex", "pi", "gemini-cli", "kimi"})
"""Tools whose sessions are offered even if they do not name their folder."""
_MANY = frozenset({"opencode.db", "sessions.db", "crush.db", ".aider.chat.history.md"})
"""Files with several sessions."""


@dataclass(frozen=True, slots=True)
class Glimpse:
    """A session of another tool; ``session_id`` is its ID after an import.

    ``exported_from`` is the ID of the session of aloop that was exported as this one.
    """

    tool: str
    path: Path
    session_id: str
    updated_at: datetime
    title: str
    foreign_id: str = ""
    exported_from: str = ""


def glimpses(
    folder: Path, known: frozenset[str] = frozenset(), is_wanted: Callable[[], bool] = lambda: True
) -> list[Glimpse]:
    """Return the sessions of other tools for ``folder``, newest first.

    Only the newest files of each tool are looked at. Sessions with ``known`` IDs are left out. ``is_wanted`` is called
    before each file; the search ends when it returns False.
    """
    # Some tools keep older files of the same sessions.
    found = {each.session_id: each for tool in PROJECT_TOOLS for each in reversed(_intact(tool, folder, is_wanted))}
    fresh = [each for session_id, each in found.items() if session_id not in known]
    return sorted(fresh, key=lambda each: each.updated_at, reverse=True)


def summary(found: Sequence[Glimpse]) -> str:
    """Return how many sessions each tool has: ``14 from Claude Code, 3 from Codex``."""
    counts = Counter(glimpse.tool for glimpse in found)
    return ", ".join(f"{count:,} from {FORMATS[tool].label}" for tool, count in counts.most_common())


def _intact(tool: str, folder: Path, is_wanted: Callable[[], bool]) -> list[Glimpse]:
    """Return the newest sessions of a tool; none if its files cannot be read.

    They are only offered: an import reports the problem.
    """
    try:
        return list(glimpses_of(tool, folder, _NEWEST, is_wanted))
    except (OSError, AloopError, sqlite3.Error):
        return []


def glimpses_of(
    tool: str, folder: Path, limit: int = _ALL, is_wanted: Callable[[], bool] = lambda: True
) -> Iterator[Glimpse]:
    """Yield a tool's sessions for ``folder``, from its newest ``limit`` files.

    Raises OSError, StorageError, sqlite3.Error.
    """
    dated = []
    for path in files_of(tool, folder):
        try:
            dated.append((path.stat().st_mtime, path))
        except OSError:
            continue  # removed by its tool
    for changed, path in sorted(dated, reverse=True)[:limit]:
        if not is_wanted():
            return
        for imported in _sessions(tool, path, folder, limit):
            is_placed = bool(imported.cwd) or tool in _PLACED
            if not is_placed or not is_here(tool, imported.cwd, folder):
                continue
            updated_at = _updated_at(imported, changed)
            session_id = session_id_of(tool, imported.foreign_id)
            title = title_of(imported) or (imported.foreign_id if path.name in _MANY else path.stem)
            yield Glimpse(tool, path, session_id, updated_at, title, imported.foreign_id, imported.exported_from)


def _updated_at(imported: Imported, changed: float) -> datetime:
    """Return the time of a session: that of its file, unless that has several."""
    known = imported.updated_at if imported.path and imported.path.name in _MANY else None
    return known or datetime.fromtimestamp(changed, UTC)


def _sessions(tool: str, path: Path, folder: Path, limit: int) -> Iterator[Imported]:
    """Yield the sessions of a file, as far as they are needed for a list."""
    if path.suffix == ".db":
        yield from newest(tool, path, folder, limit)
    elif tool == "cline":
        found = cline.described(path)
        if found.cwd:  # otherwise it may belong to any folder
            yield found
    elif tool == "aider":
        yield from _read_all(tool, path, _tail(path, _PIECES[-1]))
    elif _may_be_in(tool, path, folder):
        imported = _beginning(tool, path, folder)
        if imported:
            yield imported


def _may_be_in(tool: str, path: Path, folder: Path) -> bool:
    """Return False if a session, of which more than one file is read, is elsewhere."""
    if tool == "mistral-vibe":
        return vibe.may_be_in(path, folder)
    return tool != "opencode" or json.dumps(as_noted(folder), ensure_ascii=False).encode() in _head(path, _PIECE)[0]


def _beginning(tool: str, path: Path, folder: Path) -> Imported | None:
    """Return the first messages of a session; None if it has none or is elsewhere."""
    for size in _PIECES:
        data, is_whole = _head(path, size)
        # Most files of some tools are of other folders. A path with other characters is compared only when it is read.
        # Kimi notes the folder of a session in another file.
        is_told = tool != "kimi" and str(folder).isascii() and b'"cwd":' in data
        if is_told and json.dumps(str(folder))[1:-1].encode() not in data:
            return None
        imported = _read(tool, path, data)
        if imported or is_whole:
            return imported
    return None


def _head(path: Path, size: int) -> tuple[bytes, bool]:
    """Return the whole lines at the start of a file, and True if that is all of it."""
    try:
        with path.open("rb") as stream:
            data = stream.read(size)
    except OSError:
        return b"", True
    if len(data) < size:
        return data, True
    return data[: data.rindex(b"\n") + 1] if b"\n" in data else data, False


def _read(tool: str, path: Path, data: bytes) -> Imported | None:
    """Return the session in a part of its file."""
    return next(iter(_read_all(tool, path, data)), None)


def _read_all(tool: str, path: Path, data: bytes) -> Iterator[Imported]:
    found = Scan(Selection(form=tool)).read_source(Source(path, data))
    return (imported for imported in found if imported.kind == "session")


def _tail(path: Path, size: int) -> bytes:
    """Return the end of a file, from the first session that begins there."""
    with path.open("rb") as stream:
        start = stream.seek(max(0, stream.seek(0, 2) - size))
        data = stream.read()
    begin = data.find(aider.START) if start else 0
    return data[begin:] if begin >= 0 else b""


def ending(glimpse: Glimpse) -> tuple[LLMMessage, ...]:
    """Return the last messages of a session, or else the first ones.

    There are none if too much of the file would have to be read. Raises OSError, StorageError.
    """
    if glimpse.path.suffix == ".jsonl":
        found = (_sent(_read(glimpse.tool, glimpse.path, data)) for data in _endings(glimpse.path))
        return next(filter(None, found), ()) or _sent(_read(glimpse.tool, glimpse.path, _head(glimpse.path, _PIECE)[0]))
    if glimpse.path.suffix == ".json":  # one document, which has no lines
        data, is_whole = _head(glimpse.path, _PIECES[-1])
        return _sent(_read(glimpse.tool, glimpse.path, data)) if is_whole else ()
    return _sent(read_whole(glimpse))


def _endings(path: Path) -> Iterator[bytes]:
    """Yield the first line of a file with its last lines, more of them each time."""
    with path.open("rb") as stream:
        first = stream.readline(_PIECES[1])
        size = stream.seek(0, 2)
        for piece in _PIECES:
            start = stream.seek(max(len(first), size - piece))
            data = stream.read()
            yield first + (data.partition(b"\n")[2] if start > len(first) else data)
            if start <= len(first):
                return


def _sent(imported: Imported | None) -> tuple[LLMMessage, ...]:
    return tuple(message for message in imported.messages if not message.skip) if imported else ()


def read_whole(glimpse: Glimpse) -> Imported | None:
    """Return the whole session, or None if it is gone; raises StorageError."""
    scan = Scan(Selection(form=glimpse.tool, session=glimpse.foreign_id))
    found = (imported for imported in scan.read([glimpse.path]) if imported.foreign_id == glimpse.foreign_id)
    imported = next((imported for imported in found if imported.kind == "session"), None)
    if imported is None and scan.problems:
        problem = next(iter(scan.problems))
        raise StorageError(f"Could not read the session of {FORMATS[glimpse.tool].label}: {problem}.", glimpse.path)
    return imported
