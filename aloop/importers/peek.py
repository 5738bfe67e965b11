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
from aloop.importers.places import files_of
from aloop.importers.run import Scan, Selection
from aloop.importers.source import Source
from aloop.importers.store import session_id_of, title_of
from aloop.llm.message_types import LLMMessage

TOOLS = ("claude-code", "codex", "pi", "gemini-cli")
"""Tools with a file for each session, whose lines can be read from any place."""
_PIECE = 65_536
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
    found = [glimpse for tool in TOOLS for glimpse in _of_tool(tool, folder) if glimpse.session_id not in known]
    return sorted(found, key=lambda each: each.updated_at, reverse=True)


def summary(found: Sequence[Glimpse]) -> str:
    """Return how many sessions each tool has: ``14 from Claude Code, 3 from Codex``."""
    counts = Counter(glimpse.tool for glimpse in found)
    return ", ".join(f"{count:,} from {FORMATS[tool].label}" for tool, count in counts.most_common())


def _of_tool(tool: str, folder: Path) -> Iterator[Glimpse]:
    dated = []
    for path in files_of(tool, folder):
        try:
            dated.append((path.stat().st_mtime, path))
        except OSError:
            continue  # removed by its tool
    for changed, path in sorted(dated, reverse=True)[:_NEWEST]:
        imported = _read(tool, path, _head(path))
        if imported and (not imported.cwd or Path(imported.cwd) == folder):
            session_id = session_id_of(tool, imported.foreign_id)
            title = title_of(imported) or path.stem
            yield Glimpse(tool, path, session_id, datetime.fromtimestamp(changed, UTC), title)


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            data = stream.read(_PIECE)
    except OSError:
        return b""
    # Without a line that is cut off.
    return data if len(data) < _PIECE or b"\n" not in data else data[: data.rindex(b"\n") + 1]


def _read(tool: str, path: Path, data: bytes) -> Imported | None:
    """Return the session in a part of its file."""
    try:
        found = FORMATS[tool].reader()(Source(path, data))
        return next((imported for imported in found if imported.kind == "session" and imported.messages), None)
    except AloopError:
        return None


def ending(glimpse: Glimpse) -> tuple[LLMMessage, ...]:
    """Return the last messages of a session; raises OSError."""
    with glimpse.path.open("rb") as stream:
        first = stream.readline(_PIECE)
        size = stream.seek(0, 2)
        start = stream.seek(max(len(first), size - _PIECE))
        data = stream.read()
    if start > len(first):
        data = data.partition(b"\n")[2]
    imported = _read(glimpse.tool, glimpse.path, first + data)
    return tuple(message for message in imported.messages if not message.skip) if imported else ()


def read_whole(glimpse: Glimpse) -> Imported | None:
    """Return the whole session, or None if it is gone; raises StorageError."""
    found = Scan(Selection(form=glimpse.tool)).read([glimpse.path])
    return next((imported for imported in found if imported.kind == "session"), None)
