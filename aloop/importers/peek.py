"""Sessions of other tools, by the beginnings and ends of their files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from aloop.errors import AloopError
from aloop.importers.draft import Imported
from aloop.importers.formats import FORMATS
from aloop.importers.places import files_of, is_here
from aloop.importers.run import Scan, Selection
from aloop.importers.source import Source
from aloop.importers.store import session_id_of, title_of
from aloop.llm.message_types import LLMMessage

TOOLS = ("claude-code", "codex", "pi", "gemini-cli")
"""Tools with a file for each session, whose lines can be read from any place."""
_PIECE = 65_536
_PIECES = (_PIECE, 16 * _PIECE, 256 * _PIECE)
"""Bytes that are read until there is a message: a line can be long, and some files are one document."""
_NEWEST = 200


@dataclass(frozen=True, slots=True)
class Glimpse:
    """A session of another tool; ``session_id`` is its ID after an import."""

    tool: str
    path: Path
    session_id: str
    updated_at: datetime
    title: str


def glimpses(folder: Path, known: frozenset[str] = frozenset()) -> list[Glimpse]:
    """Return the sessions of other tools for ``folder``, newest first.

    Only the newest files of each tool are looked at. Sessions with ``known`` IDs are left out.
    """
    found = [each for tool in TOOLS for each in glimpses_of(tool, folder, _NEWEST) if each.session_id not in known]
    return sorted(found, key=lambda each: each.updated_at, reverse=True)


def summary(found: Sequence[Glimpse]) -> str:
    """Return how many sessions each tool has: ``14 from Claude Code, 3 from Codex``."""
    counts = Counter(glimpse.tool for glimpse in found)
    return ", ".join(f"{count:,} from {FORMATS[tool].label}" for tool, count in counts.most_common())


def glimpses_of(tool: str, folder: Path, limit: int | None = None) -> Iterator[Glimpse]:
    """Yield a tool's sessions for ``folder``, from its newest ``limit`` files."""
    dated = []
    for path in files_of(tool, folder):
        try:
            dated.append((path.stat().st_mtime, path))
        except OSError:
            continue  # removed by its tool
    for changed, path in sorted(dated, reverse=True)[:limit]:
        imported = _beginning(tool, path, folder)
        if imported and is_here(tool, imported.cwd, folder):
            session_id = session_id_of(tool, imported.foreign_id)
            title = title_of(imported) or path.stem
            yield Glimpse(tool, path, session_id, datetime.fromtimestamp(changed, UTC), title)


def _beginning(tool: str, path: Path, folder: Path) -> Imported | None:
    """Return the first messages of a session; None if it has none or is elsewhere."""
    for size in _PIECES:
        data, is_whole = _head(path, size)
        # Most files of some tools are of other folders. A path with other characters is compared only when it is read.
        if str(folder).isascii() and b'"cwd":' in data and str(folder).encode() not in data:
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
    try:
        found = FORMATS[tool].reader()(Source(path, data))
        return next((imported for imported in found if imported.kind == "session" and imported.messages), None)
    except AloopError:
        return None


def ending(glimpse: Glimpse) -> tuple[LLMMessage, ...]:
    """Return the last messages of a session; raises OSError."""
    if glimpse.path.suffix == ".json":  # one document, which has no lines
        imported = _read(glimpse.tool, glimpse.path, _head(glimpse.path, _PIECES[-1])[0])
        return _sent(imported)
    with glimpse.path.open("rb") as stream:
        first = stream.readline(_PIECE)
        size = stream.seek(0, 2)
        start = stream.seek(max(len(first), size - _PIECE))
        data = stream.read()
    if start > len(first):
        data = data.partition(b"\n")[2]
    return _sent(_read(glimpse.tool, glimpse.path, first + data))


def _sent(imported: Imported | None) -> tuple[LLMMessage, ...]:
    return tuple(message for message in imported.messages if not message.skip) if imported else ()


def read_whole(glimpse: Glimpse) -> Imported | None:
    """Return the whole session, or None if it is gone; raises StorageError."""
    found = Scan(Selection(form=glimpse.tool)).read([glimpse.path])
    return next((imported for imported in found if imported.kind == "session"), None)
