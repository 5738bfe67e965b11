"""Sessions of other tools, by the beginnings and ends of their files, or a query.

``Stored`` compares them with the sessions here, so that only those are offered that an import would add or change.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from aloop.errors import AloopError, StorageError
from aloop.importers.agents import aider, cline, vibe
from aloop.importers.databases.listing import newest
from aloop.importers.formats import FORMATS, PROJECT_TOOLS
from aloop.importers.imported import Imported
from aloop.importers.json_decoder import decode
from aloop.importers.places import as_noted, files_of, folders_here, is_here
from aloop.importers.run import Scan, Selection
from aloop.importers.source import Source
from aloop.importers.storing.compare import has_output_file, untouched_count
from aloop.importers.transcript import is_empty, session_id_of, title_of
from aloop.llm.message_types import LLMMessage
from aloop.memory.session import FILE_NAME
from aloop.memory.sessions_dir.header import HEADER
from aloop.memory.sessions_dir.yaml_backend import YamlBackend

News = Literal["new", "grown", ""]
"""The part of a session that an import would take: all, what it has gained, or nothing."""
_PIECE = 65_536
_PIECES = (_PIECE, 16 * _PIECE, 256 * _PIECE)
"""Bytes that are read until there is a message: a line can be long, and some files are one document."""
_NEWEST = 200
_ALL = 1_000_000
_PLACED = frozenset({"claude-code", "codex", "pi", "gemini-cli", "kimi"})
"""Tools whose sessions are offered even if they do not name their folder."""
_MANY = frozenset({"opencode.db", "sessions.db", "crush.db", "logs.db", ".aider.chat.history.md"})
"""Files with several sessions."""
_ORIGIN = 16_384
"""Bytes in which a session records where it was imported from."""
_IMPORTED = re.compile(rb"^imported:\n((?:  [^\n]*\n)+)", re.MULTILINE)
_FACT = re.compile(rb'^  (from|cwd|path): ("[^\n]*")$', re.MULTILINE)
_EXACT = 0.0005
"""Seconds to which a session records its time."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The tool, folder and file that an imported session records."""

    tool: str
    folder: Path
    path: Path


@dataclass(frozen=True, slots=True)
class Glimpse:
    """A session of another tool; ``session_id`` is its ID after an import.

    ``exported_from`` is the ID of the session of aloop that was exported as this one. ``messages`` are those of a file
    that is read for the list, as far as they are sent.
    """

    tool: str
    path: Path
    session_id: str
    updated_at: datetime
    title: str
    foreign_id: str = ""
    exported_from: str = ""
    messages: tuple[LLMMessage, ...] = ()


def offers(sessions_dir: Path, is_wanted: Callable[[], bool] = lambda: True) -> list[Glimpse]:
    """Return the sessions of other tools here that an import would take, newest first.

    Only the newest files of each tool are looked at. ``is_wanted`` is called before each file; the search ends when it
    returns False. Raises StorageError if the sessions in ``sessions_dir`` cannot be listed.
    """
    stored = Stored(sessions_dir)
    found = glimpses(*folders_here(sessions_dir), is_wanted=is_wanted)
    moved = [each for tool in PROJECT_TOOLS if is_wanted() for each in stored.glimpses_of_moved(tool)]
    newest_first = sorted(distinct([*found, *moved]), key=lambda each: each.updated_at, reverse=True)
    return [each for each in newest_first if is_wanted() and stored.news_of(each)]


def glimpses(*folders: Path, is_wanted: Callable[[], bool] = lambda: True) -> list[Glimpse]:
    """Return the sessions of other tools for ``folders``, newest first."""
    found = distinct(each for tool in PROJECT_TOOLS for folder in folders for each in _intact(tool, folder, is_wanted))
    return sorted(found, key=lambda each: each.updated_at, reverse=True)


def distinct(found: Iterable[Glimpse]) -> list[Glimpse]:
    """Return the sessions, each once: some tools keep older files of the same one."""
    first: dict[str, Glimpse] = {}
    for glimpse in found:
        first.setdefault(glimpse.session_id, glimpse)
    return list(first.values())


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
    tool: str,
    folder: Path,
    limit: int = _ALL,
    is_wanted: Callable[[], bool] = lambda: True,
    *,
    unplaced: bool = False,
    paths: Sequence[Path] | None = None,
    on_error: Callable[[OSError], None] = lambda _error: None,
) -> Iterator[Glimpse]:
    """Yield a tool's sessions for ``folder``, from its newest ``limit`` files.

    With ``unplaced``, also yield those that do not name their folder; with ``paths``, look only into these files.
    ``on_error`` is called for each folder that cannot be read. Raises OSError, StorageError, sqlite3.Error.
    """
    dated = []
    for path in files_of(tool, folder, on_error=on_error) if paths is None else paths:
        try:
            dated.append((path.stat().st_mtime, path))
        except OSError:
            continue  # removed by its tool
    for changed, path in sorted(dated, reverse=True)[:limit]:
        if not is_wanted():
            return
        for imported in _sessions(tool, path, folder, limit):
            is_placed = bool(imported.cwd) or tool in _PLACED or unplaced
            if not is_placed or not is_here(tool, imported.cwd, folder):
                continue
            updated_at = _last_time(tool, path, imported) or datetime.fromtimestamp(changed, UTC)
            session_id = session_id_of(tool, imported.foreign_id)
            title = title_of(imported) or (imported.foreign_id if path.name in _MANY else path.stem)
            messages = _sent(imported) if tool == "aider" else ()
            origin = imported.exported_from
            yield Glimpse(tool, path, session_id, updated_at, title, imported.foreign_id, origin, messages)


def _last_time(tool: str, path: Path, imported: Imported) -> datetime | None:
    """Return the time of the last message, as an import does.

    It is None if only the whole file has it. The program may have changed the file since, and so does a copy of it.
    """
    if path.suffix != ".jsonl":
        return imported.updated_at  # a list of the sessions in a file, or a document that was read whole
    tail = _read(tool, path, next(_endings(path)))
    return tail.updated_at if tail else None


def _sessions(tool: str, path: Path, folder: Path, limit: int) -> Iterator[Imported]:
    """Yield the sessions of a file, as far as they are needed for a list."""
    if path.suffix == ".db":
        yield from newest(tool, path, folder, limit)
    elif tool == "cline":
        yield cline.described(path)
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
        # Some tools keep files of all folders together. A path with other characters is compared when it is read.
        # Kimi records the folder of a session in another file.
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
    if glimpse.messages:
        return glimpse.messages
    if glimpse.path.suffix == ".jsonl":
        found = (_sent(_read(glimpse.tool, glimpse.path, data)) for data in _endings(glimpse.path))
        return next(filter(None, found), ()) or _sent(_read(glimpse.tool, glimpse.path, _head(glimpse.path, _PIECE)[0]))
    if glimpse.path.suffix == ".json":  # one document, which has no lines
        data, is_whole = _head(glimpse.path, _PIECES[-1])
        return _sent(_read(glimpse.tool, glimpse.path, data)) if is_whole else ()
    return _sent(read_whole(glimpse))


def _endings(path: Path) -> Iterator[bytes]:
    """Yield the first line of a file with its last lines, more each time."""
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
    messages = imported.messages if imported else ()
    return tuple(message for message in messages if not (message.skip or is_empty(message)))


def read_whole(glimpse: Glimpse) -> Imported | None:
    """Return the whole session, or None if it is gone; raises StorageError."""
    scan = Scan(Selection(form=glimpse.tool, session=glimpse.foreign_id, is_foreign=True))
    found = (imported for imported in scan.read([glimpse.path]) if imported.foreign_id == glimpse.foreign_id)
    imported = next((imported for imported in found if imported.kind == "session"), None)
    if imported is None and scan.is_partial:
        problem = next(iter([*scan.problems, *scan.broken]))
        raise StorageError(f"Could not read the session of {FORMATS[glimpse.tool].label}: {problem}.", glimpse.path)
    return imported


class Stored:
    """The sessions here, to which those of other tools are compared.

    Raises StorageError if they cannot be listed.
    """

    def __init__(self, sessions_dir: Path) -> None:
        self._backend = YamlBackend(sessions_dir)
        self._times = {title.id: title.updated_at for title in self._backend.list_titles()}
        self._trashed = {trashed.id for trashed in self._backend.trashed(None)}
        self._origins: dict[str, Origin] | None = None

    def news_of(self, glimpse: Glimpse) -> News:
        """Return what an import would take of a session.

        A session with damaged files is left to the import, which explains the damage.
        """
        source = glimpse.exported_from
        if glimpse.session_id in self._trashed or (source in self._trashed and glimpse.session_id not in self._times):
            return ""
        try:
            if glimpse.session_id in self._times:
                return "grown" if self._has_grown(glimpse) else ""
            if source in self._times:
                return "" if _is_in(ending(glimpse)[-1:], self._backend.load_ending(source)) else "grown"
        except (OSError, AloopError, sqlite3.Error):
            return ""
        return "new"

    def moved(self, tool: str) -> dict[str, Origin]:
        """Return the sessions of a tool whose folders no longer exist, by their IDs.

        The project was probably moved.
        """
        if self._origins is None:
            self._origins = {}
            with suppress(OSError):  # without a folder, there are no sessions
                for name in self._backend.fs.folders(self._backend.sessions_dir):
                    self._note_origin(self._backend.sessions_dir / name / FILE_NAME)
        found = self._origins.items()
        return {key: each for key, each in found if each.tool == tool and not os.path.isdir(each.folder)}  # noqa: PTH112 - no error for an inaccessible folder

    def _note_origin(self, path: Path) -> None:
        try:
            head = self._backend.fs.read(path, _ORIGIN)
        except OSError:
            return  # no session yet
        header, origin = HEADER.match(head), _IMPORTED.search(head)
        if self._origins is None or not header or not origin:
            return
        try:
            values = {key.decode(): decode(value) for key, value in _FACT.findall(origin[1])}
        except ValueError:
            return  # written by another program
        if values.keys() >= {"from", "cwd", "path"}:
            noted = Origin(values["from"], Path(values["cwd"]), Path(values["path"]))
            self._origins[header[1].decode()] = noted

    def glimpses_of_moved(self, tool: str) -> list[Glimpse]:
        """Return the sessions of a tool that are here and whose folders are gone."""
        moved = self.moved(tool)
        found: list[Glimpse] = []
        for each in dict.fromkeys(moved.values()):
            with suppress(OSError, AloopError, sqlite3.Error):  # the import reports the problem
                found += glimpses_of(tool, each.folder, paths=[each.path])
        return [glimpse for glimpse in found if glimpse.session_id in moved]

    def _has_grown(self, glimpse: Glimpse) -> bool:
        """Return True if a session has more messages than its copy, which is unchanged."""
        own_time = self._times[glimpse.session_id]
        if glimpse.path.suffix == ".db" and glimpse.updated_at.timestamp() <= self._saved_at(glimpse.session_id):
            return False  # a whole session would have to be read
        last = ending(glimpse)[-1:]
        if any(message.at and abs((message.at - own_time).total_seconds()) <= _EXACT for message in last):
            return False
        if _is_in(last, self._backend.load_ending(glimpse.session_id)):
            return False
        # One that was continued or changed here is left alone by an import. Few get here.
        session = self._backend.open(glimpse.session_id).session
        return untouched_count(session) == len(session.messages)

    def _saved_at(self, session_id: str) -> float:
        folder = self._backend.sessions_dir / self._backend.locate(session_id).folder
        return (folder / FILE_NAME).stat().st_mtime


def _is_in(last: Sequence[LLMMessage], own: Sequence[LLMMessage]) -> bool:
    """Return True if the last message of an export or original is one of ``own``."""
    # A long result is shortened here.
    shortened = {each.tool_call_id for each in own if each.output_file}
    shortened |= {each.tool_call_id for each in last if has_output_file(each)} & {each.tool_call_id for each in own}
    known = {_essence(each) for each in own}
    return all(each.tool_call_id in shortened or _essence(each) in known for each in last)


def _essence(message: LLMMessage) -> tuple[str, ...]:
    return "".join((message.content or "").split()), *(call.id for call in message.tool_calls)
