"""Search the messages of all sessions, newest first."""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from aloop.errors import SessionFileError
from aloop.formatting import OnRead, ignore_progress
from aloop.llm.message_types import LLMMessage
from aloop.memory.codec.comments import find_comments
from aloop.memory.codec.schema import EPOCH
from aloop.memory.codec.serialization import interpret, parse, read_quickly
from aloop.memory.disk.filesystem import FileSystem
from aloop.memory.origin import FOREIGN, IMPORTED, is_note, kind_of, origin_of
from aloop.memory.search.prefilter import Prefilter, decode, start_worker
from aloop.memory.search.query import Mark, Query, fold, snippet
from aloop.memory.session import FILE_NAME, Session, SessionTitle
from aloop.memory.session_folder.session_file import unreadable
from aloop.memory.sessions_dir.ids import short_name


@dataclass(frozen=True, slots=True)
class Hit:
    """A match in a session.

    ``message`` counts from 1; 0 means the title, the header, or a file that cannot be read, with the reason in
    ``problem``. ``role`` is that of the message, or title, comment, or key (one that aloop does not know). ``context``
    is one line around the match, ``marks`` are the terms in it.
    """

    session: SessionTitle
    message: int
    role: str
    context: str
    marks: tuple[Mark, ...] = ()
    problem: str | None = None


class _File(NamedTuple):
    """A session's file before it is read.

    ``number`` is its index in the list shared with the worker. This is a named tuple, because 10,000 dataclass
    instances take three times as long to make.
    """

    path: str
    number: int
    size: int
    written: float


def search(
    fs: FileSystem, sessions_dir: Path, query: Query, ids: Mapping[str, str], on_read: OnRead = ignore_progress
) -> Iterator[list[Hit]]:
    """Yield the hits of one session after another, newest first.

    Yields an empty list for each file read, and files that cannot be opened last. ``ids`` are, by folder, the
    substitute IDs of sessions whose own IDs mean others. ``on_read`` is called for each file. Raises OSError for the
    folder.

    A session file is written when the session changes, not before. So a session is the next one as soon as all
    remaining files were last written before it changed.
    """
    prefilter = Prefilter(query)
    waiting: list[tuple[float, int, list[Hit]]] = []
    unopened: list[Hit] = []
    for number, file in enumerate(_files_to_read(fs, sessions_dir, prefilter, unopened, on_read)):
        while waiting and -waiting[0][0] >= file.written:
            yield heapq.heappop(waiting)[2]
        yield []
        try:
            data = _read(fs, file)
        except (FileNotFoundError, NotADirectoryError):
            continue  # removed since
        except OSError as error:
            unopened.append(_unopened(file, error))
            continue
        if prefilter.passes(data) and (hits := _search_file(data, file, query)):
            if (substitute := ids.get(Path(file.path).parent.name)) is not None:
                hits = [replace(hit, session=replace(hit.session, id=substitute)) for hit in hits]
            heapq.heappush(waiting, (-hits[0].session.updated_at.timestamp(), number, hits))
    while waiting:
        yield heapq.heappop(waiting)[2]
    yield unopened


def _files_to_read(
    fs: FileSystem, sessions_dir: Path, prefilter: Prefilter, unopened: list[Hit], on_read: OnRead
) -> Iterator[_File]:
    """Yield the files that may match, last written first.

    Those in folders that cannot be read are added to ``unopened``.
    """
    base = str(sessions_dir)
    try:
        paths = [f"{base}/{folder}/{FILE_NAME}" for folder in fs.folders(sessions_dir)]
    except FileNotFoundError:
        return
    with start_worker(prefilter, paths) as states:
        files = _newest_first(fs, paths, unopened)
        for done, file in enumerate(files, 1):
            on_read(done, len(files))
            if states.claim(file.number):
                yield file


def _newest_first(fs: FileSystem, paths: list[str], unopened: list[Hit]) -> list[_File]:
    files = []
    for number, path in enumerate(paths):
        try:
            status = fs.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            continue  # a folder without a session (yet)
        except OSError as error:
            unopened.append(_unopened(_File(path, number, 0, _folder_time(fs, path)), error))
            continue
        files.append(_File(path, number, status.st_size, status.st_mtime))
    return sorted(files, key=attrgetter("written"), reverse=True)


def _read(fs: FileSystem, file: _File) -> bytes:
    # Ask for one byte more: if there is one, the file has grown and is read without a limit.
    data = fs.read(file.path, file.size + 1)
    return data if len(data) <= file.size else fs.read(file.path)


def _search_file(data: bytes, file: _File, query: Query) -> list[Hit]:
    """Return the hits in one file; one that is not a session is searched as text."""
    path = Path(file.path)
    comments: list[tuple[int, str]] = []
    try:
        session = read_quickly(data, path)
        if session is None:  # only then can it have comments
            parsed = parse(data, path)
            session, comments = interpret(parsed, path), find_comments(parsed)
    except SessionFileError as error:
        text = decode(data)
        if query.missing(fold(text)):
            return []
        return [Hit(_unread(file), 0, "", *snippet(text, query), problem=str(error))]
    if session.updated_at == EPOCH:
        # A file written by hand may have no time.
        session = replace(session, updated_at=datetime.fromtimestamp(file.written).astimezone())
    return [*find_hits(session, query), *_find_additions(session, comments, query)]


def find_hits(session: Session, query: Query) -> list[Hit]:
    """Return the messages that contain all terms of ``query``.

    Messages in which the user or the model wrote them come before the work of tools. If there are none, a title with
    all terms is the hit, as message 0. Otherwise, if title and messages together contain all terms, it is the message
    with most of them. Messages that aloop wrote about an import are not searched.
    """
    title = _title_of(session)
    if not query.terms:
        return []

    def hit(number: int, role: str, text: str) -> Hit:
        return Hit(title, number, role, *snippet(text, query))

    said = [
        (number, message.role, said_in(message))
        for number, message in enumerate(session.messages, 1)
        if not is_note(message)
    ]
    missing = [query.missing(fold(text)) for _, _, text in said]
    whole = [hit(*where) for where, lacks in zip(said, missing, strict=True) if not lacks]
    if whole:
        return sorted(whole, key=lambda each: not _is_written(session.messages[each.message - 1], query))
    not_in_title = query.missing(fold(session.title))
    if not not_in_title:
        return [hit(0, "title", session.title)]
    if said and not set(not_in_title).intersection(*missing):
        return [hit(*min(zip(missing, said, strict=True), key=lambda pair: len(pair[0]))[1])]
    return []


def _is_written(message: LLMMessage, query: Query) -> bool:
    """Return True if the user or the model wrote all terms outside of tool calls."""
    return message.role in {"user", "assistant"} and not query.missing(fold(message.content or ""))


def _find_additions(session: Session, comments: Sequence[tuple[int, str]], query: Query) -> Iterator[Hit]:
    """Yield comments and unknown keys that contain all terms of ``query``."""
    title = _title_of(session)
    extras = enumerate((session.extra, *(message.extra for message in session.messages)))
    added = [
        (number, "key", text)
        for number, extra in extras
        for key, value in extra.items()
        if (text := _searched(key, value, in_header=not number))
    ]
    for number, kind, text in (*added, *((number, "comment", text) for number, text in comments)):
        if query.terms and not query.missing(fold(text)):
            yield Hit(title, number, kind, *snippet(text, query))


def _title_of(session: Session) -> SessionTitle:
    origin, kind = origin_of(session.extra), kind_of(session.extra)
    return SessionTitle(session.id, session.updated_at, session.title, origin=origin, kind=kind)


_OWN_KEYS = frozenset({IMPORTED, "instructions", "skills"})
"""Keys of a header that aloop writes: paths, IDs and digests."""


def _searched(key: str, value: object, *, in_header: bool) -> str:
    """Return the searched text of a key; empty for one that only aloop needs."""
    if in_header and key in _OWN_KEYS:
        return ""
    if key == FOREIGN:
        # Apart from texts, such as errors, it has IDs, names and encrypted data.
        return " ".join(text for text in _texts(value) if " " in text)
    return f"{key}: {' '.join(_texts(value))}"


def said_in(message: LLMMessage) -> str:
    """Return the searched text of a message: content, tool names and arguments."""
    calls = (f"{call.name} {_without_escapes(call.arguments)}" for call in message.tool_calls)
    return "\n".join((message.content or "", *calls))


def _folder_time(fs: FileSystem, path: str) -> float:
    try:
        return fs.lstat(Path(path).parent).st_mtime
    except OSError:
        return 0.0


def _unopened(file: _File, error: OSError) -> Hit:
    """Return the row of a file that cannot be opened."""
    return Hit(_unread(file), 0, "", "", problem=str(unreadable(Path(file.path), error)))


def _without_escapes(arguments: str) -> str:
    """Return the keys and values of JSON arguments that contain escapes."""
    if "\\" not in arguments:
        return arguments
    try:
        return "\n".join(_texts(json.loads(arguments)))
    except (ValueError, RecursionError):
        return arguments


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield str(key)
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
    else:
        yield value if isinstance(value, str) else json.dumps(value, default=str)


def _unread(file: _File) -> SessionTitle:
    """Return the title record of a session whose file cannot be read."""
    return SessionTitle(short_name(Path(file.path).parent.name), datetime.fromtimestamp(file.written).astimezone(), "")
