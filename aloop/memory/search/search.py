"""Searching what was said in all sessions: newest first, each found one as soon as it is known to be the next."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from aloop.errors import SessionFileError
from aloop.llm.message_types import LLMMessage
from aloop.memory.codec.schema import EPOCH
from aloop.memory.codec.serialization import load_session
from aloop.memory.disk.filesystem import FileSystem
from aloop.memory.search.prefilter import Prefilter, decode, start_prefilter
from aloop.memory.search.query import Mark, Query, fold, snippet
from aloop.memory.session import FILE_NAME, Session, SessionTitle
from aloop.memory.sessions_dir.ids import short_name


@dataclass(frozen=True, slots=True)
class Hit:
    """A place where something was found.

    ``message`` counts the session's messages from 1; it is 0 for the title, and in a file that can not be read, of
    which ``problem`` tells. ``context`` is one line around it, ``marks`` are what was searched for in that.
    """

    session: SessionTitle
    message: int
    role: str
    context: str
    marks: tuple[Mark, ...] = ()
    problem: str | None = None


class _File(NamedTuple):
    """A session's file, before it is read; no dataclass, for ten thousand of these take three times as long."""

    path: str
    place: int
    size: int
    written: float


def search(fs: FileSystem, sessions_dir: Path, query: Query, twins: Mapping[str, str]) -> Iterator[list[Hit]]:
    """Yield the hits of one session after the other, and none for each file looked at; raises OSError for the folder.

    ``twins`` are by which ids sessions are reached that have another one's, by folder.

    Files that can not be opened are told of at the end. A file is as a rule written when its session changes, never
    before: so the next session is known once the files that are left were written before it changed.
    """
    sieve = Prefilter(query)
    waiting: list[tuple[float, int, list[Hit]]] = []
    closed: list[Hit] = []
    for number, file in enumerate(_to_read(fs, sessions_dir, sieve)):
        while waiting and -waiting[0][0] >= file.written:
            yield heapq.heappop(waiting)[2]
        yield []
        try:
            data = _read(fs, file)
        except (FileNotFoundError, NotADirectoryError):
            continue  # gone meanwhile
        except OSError as error:
            problem = str(SessionFileError(Path(file.path), 0, 0, f"can not be opened: {error.strerror or error}"))
            closed.append(Hit(_stranger(file), 0, "", "", problem=problem))
            continue
        if sieve.passes(data) and (hits := _look(data, file, query)):
            if (known_as := twins.get(Path(file.path).parent.name)) is not None:
                hits = [replace(hit, session=replace(hit.session, id=known_as)) for hit in hits]
            heapq.heappush(waiting, (-hits[0].session.updated_at.timestamp(), number, hits))
    while waiting:
        yield heapq.heappop(waiting)[2]
    yield closed


def _to_read(fs: FileSystem, sessions_dir: Path, sieve: Prefilter) -> Iterator[_File]:
    """Yield the files to look into, those written last first; a missing folder holds none."""
    base = str(sessions_dir)
    try:
        paths = [f"{base}/{folder}/{FILE_NAME}" for folder in fs.folders(sessions_dir)]
    except FileNotFoundError:
        return
    with start_prefilter(sieve, paths) as others:
        for file in _newest_first(fs, paths):
            if others.leaves(file.place):
                yield file


def _newest_first(fs: FileSystem, paths: list[str]) -> list[_File]:
    files = []
    for place, path in enumerate(paths):
        try:
            status = fs.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            continue  # a folder without a session, yet
        files.append(_File(path, place, status.st_size, status.st_mtime))
    return sorted(files, key=attrgetter("written"), reverse=True)


def _read(fs: FileSystem, file: _File) -> bytes:
    # One byte more than it had: where that comes, the file has grown and is read without a limit.
    data = fs.read(file.path, file.size + 1)
    return data if len(data) <= file.size else fs.read(file.path)


def _look(data: bytes, file: _File, query: Query) -> list[Hit]:
    """Return what one file holds of the query; one that is no session is searched as the text that it is."""
    try:
        session = load_session(data, Path(file.path))
    except SessionFileError as error:
        text = decode(data)
        if query.missing(fold(text)):
            return []
        return [Hit(_stranger(file), 0, "", *snippet(text, query), problem=str(error))]
    if session.updated_at == EPOCH:
        # It tells no time, as one that somebody typed.
        session = replace(session, updated_at=datetime.fromtimestamp(file.written).astimezone())
    return find_hits(session, query)


def find_hits(session: Session, query: Query) -> list[Hit]:
    """Return each message that holds all terms; where none does, the one that holds most of them.

    The latter only if title and messages together hold them all. A title alone is a hit as message 0.
    """
    title = SessionTitle(session.id, session.updated_at, session.title)
    if not query.terms:
        return []

    def hit(number: int, role: str, text: str) -> Hit:
        return Hit(title, number, role, *snippet(text, query))

    said = [(number, message.role, said_in(message)) for number, message in enumerate(session.messages, 1)]
    missing = [query.missing(fold(text)) for _, _, text in said]
    whole = [hit(*where) for where, lacks in zip(said, missing, strict=True) if not lacks]
    if whole:
        return whole
    not_in_title = query.missing(fold(session.title))
    if not not_in_title:
        return [hit(0, "title", session.title)]
    if said and not set(not_in_title).intersection(*missing):
        return [hit(*min(zip(missing, said, strict=True), key=lambda pair: len(pair[0]))[1])]
    return []


def said_in(message: LLMMessage) -> str:
    """Return all text of a message that a search looks at: what was said, and what tools were called with."""
    calls = (f"{call.name} {call.arguments}" for call in message.tool_calls)
    return "\n".join((message.content or "", *calls))


def _stranger(file: _File) -> SessionTitle:
    """Return what is known of a session without reading it."""
    return SessionTitle(short_name(Path(file.path).parent.name), datetime.fromtimestamp(file.written).astimezone(), "")
