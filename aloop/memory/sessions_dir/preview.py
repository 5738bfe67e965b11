"""Parts of a session: header, title, listing row, first question, last messages.

Listings and searches need these of thousands of sessions. Except for the row, each is read from the start or the end
of the file, and the whole file is parsed only if that is not enough and it is small.
"""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from aloop.errors import SessionFileError
from aloop.llm.content.provenance import parse_time
from aloop.llm.message_types import LLMMessage
from aloop.memory.codec.schema import EPOCH, UUID_PATTERN
from aloop.memory.codec.serialization import load_session, peek_header, peek_title
from aloop.memory.disk.filesystem import FileSystem
from aloop.memory.origin import kind_of, origin_of
from aloop.memory.session import FILE_NAME, SessionSummary, make_title
from aloop.memory.session_folder.session_file import unreadable
from aloop.memory.sessions_dir.header import HEADER, HEADER_SIZE, header_origin, header_title
from aloop.memory.sessions_dir.ids import short_name

_TITLE_SIZE = 16_384
_QUESTION_SIZE = 8_192
WHOLE_SIZE = 1_000_000
"""Bytes up to which a file with a layout other than aloop's is read whole for its header."""
_EDGE_SIZE = 64_000
"""Bytes at the start and at the end of a larger file in which its header is looked for."""
ENDING_SIZE = 128_000
"""Bytes read for the last messages: more than a screen shows, and parsed in a few milliseconds."""

_WRITTEN_ID = re.compile(
    rb"^[ \t]*[\"']?id[\"']?[ \t]*:[ \t]*[\"']?([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})\b", re.MULTILINE
)


class SessionHeader(NamedTuple):
    """The header of the session file in ``folder``.

    Without a readable ID, ``id`` is the end of the folder's name, and ``written_id`` is what looks like the ID. This
    is a named tuple, because 10,000 dataclass instances take three times as long to make.
    """

    folder: str
    id: str
    updated_at: datetime
    title: str = ""
    problem: SessionFileError | None = None
    written_id: str = ""
    origin: str | None = None
    kind: str | None = None


def read_header(fs: FileSystem, sessions_dir: str, folder: str) -> SessionHeader | None:
    """Return the header of a session, or None if the folder has no session file (yet)."""
    # A str, not a Path: a listing may make 10,000 of these.
    path = f"{sessions_dir}/{folder}/{FILE_NAME}"
    try:
        start = fs.read(path, HEADER_SIZE)
        if match := HEADER.match(start):
            updated = parse_time(match[3].decode(errors="replace"))
            if updated is not None:
                origin, kind = header_origin(start)
                return SessionHeader(folder, match[1].decode(), updated, header_title(match), origin=origin, kind=kind)
        return _read_other_layout(fs, Path(path), folder)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        problem = unreadable(Path(path), error)
        return SessionHeader(folder, short_name(folder), _modified(fs, Path(path)), problem=problem)


def _read_other_layout(fs: FileSystem, path: Path, folder: str) -> SessionHeader:
    data = fs.read(path, WHOLE_SIZE)
    try:
        if len(data) == WHOLE_SIZE:
            return _find_in_large(fs, path, folder, data)
        session = load_session(data, path)
    except SessionFileError as error:
        written = _WRITTEN_ID.search(data, 0, _TITLE_SIZE)
        written_id = written[1].decode().lower() if written else ""
        return SessionHeader(folder, short_name(folder), _modified(fs, path), problem=error, written_id=written_id)
    # A file written by hand may have no time; 1970 would make it the last of the list.
    updated_at = _modified(fs, path) if session.updated_at == EPOCH else session.updated_at
    origin, kind = origin_of(session.extra), kind_of(session.extra)
    return SessionHeader(folder, session.id, updated_at, session.title, origin=origin, kind=kind)


_LAST_ID = re.compile(rb"^id:[ \t]*[\"']?([0-9a-fA-F-]{36})\b", re.MULTILINE)
_LAST_TIME = re.compile(rb"^updated_at:[ \t]*[\"']?([^\"'\n]+)", re.MULTILINE)


def _find_in_large(fs: FileSystem, path: Path, folder: str, data: bytes) -> SessionHeader:
    """Return the header of a large file from its start, or from its end.

    Other programs may write the keys in another order. Raises SessionFileError if the ID is in neither.
    """
    header, end = peek_header(data[:_EDGE_SIZE]), fs.read_end(path, _EDGE_SIZE)
    session_id, time = header.get("id"), header.get("updated_at")
    if session_id is None and (match := _LAST_ID.search(end)):
        session_id = match[1].decode()
    if time is None and (match := _LAST_TIME.search(end)):
        time = match[1].decode(errors="replace")
    if session_id is None or not UUID_PATTERN.fullmatch(session_id):
        raise SessionFileError(path, 1, 1, "no id was found near the start or the end of this large file; put it first")
    updated_at = parse_time(time.strip()) if time else None
    return SessionHeader(folder, session_id.lower(), updated_at or _modified(fs, path), header.get("title") or "")


def _modified(fs: FileSystem, path: Path) -> datetime:
    """Return the modification time of a file, or of its folder if that fails."""
    try:
        status = fs.lstat(path)
    except OSError:
        status = fs.lstat(path.parent)
    return datetime.fromtimestamp(status.st_mtime).astimezone()


def read_title(fs: FileSystem, sessions_dir: Path, header: SessionHeader) -> str | None:
    """Return the title as far as the start of the file shows it, else None."""
    try:
        return peek_title(fs.read(sessions_dir / header.folder / FILE_NAME, _TITLE_SIZE))
    except OSError:
        return None


def read_summary(
    fs: FileSystem, sessions_dir: Path, header: SessionHeader, *, is_quick: bool = False
) -> SessionSummary:
    """Return the listing row of a session.

    An unreadable file gives a row with a ``problem``, not an error. If ``is_quick``, errors in the middle of a file are
    not noticed unless it is small.
    """
    path = sessions_dir / header.folder / FILE_NAME
    try:
        if header.problem:
            raise header.problem
        data = fs.read(path)
        if len(data) > (_SMALL if is_quick else _LARGE) and (row := _summarize_large(data, path, header)):
            return row
        session = load_session(data, path)
    except (SessionFileError, OSError) as error:
        problem = unreadable(path, error) if isinstance(error, OSError) else error
        return SessionSummary(header.id, header.updated_at, header.updated_at, 0, "", path, str(problem))
    updated_at = header.updated_at if session.updated_at == EPOCH else session.updated_at
    created_at = updated_at if session.created_at == EPOCH else session.created_at
    model = session.model or next((each.model for each in reversed(session.messages) if each.model), None)
    origin, kind = origin_of(session.extra), kind_of(session.extra)
    count, title = len(session.messages), session.title
    return SessionSummary(session.id, created_at, updated_at, count, title, path, model=model, origin=origin, kind=kind)


_ITEM = b"\n  - role: "
_LARGE = 8_000_000
"""Bytes from which on a row is made without parsing, which takes seconds and nine times the memory."""
_SMALL = 100_000
"""Bytes up to which parsing takes some milliseconds."""
# The key of the messages, lines without content, and the indentation of the first message.
_LIST = re.compile(rb"^messages:[ \t]*(?:#[^\n]*)?\r?\n(?:[ \t]*(?:#[^\n]*)?\r?\n)*( *)- ", re.MULTILINE)
_NEXT_KEY = re.compile(rb"\n[^\s#-]")


def _summarize_large(data: bytes, path: Path, header: SessionHeader) -> SessionSummary | None:
    """Return the row of a large file, or None if its messages are not a block list.

    Errors in the middle of the file are not noticed.
    """
    found = _LIST.search(data)
    end = _NEXT_KEY.search(data, found.end()) if found else None
    if found is None or end is None:
        return None
    start = peek_header(data[:_EDGE_SIZE])
    title = header.title or peek_title(data[:_TITLE_SIZE]) or _title_of(find_first_question(data[:_QUESTION_SIZE]))
    created_at = parse_time(start.get("created_at", "")) or header.updated_at
    count = data.count(b"\n" + found[1] + b"- ", found.start(), end.start())
    model, origin, kind = start.get("model"), header.origin, header.kind
    return SessionSummary(
        header.id, created_at, header.updated_at, count, title, path, model=model, origin=origin, kind=kind
    )


def _title_of(question: str) -> str:
    return make_title((LLMMessage("user", question),))


_MAX_QUESTION = 300
_FIRST_QUESTION = re.compile(
    rb"\n *- +role: *['\"]?user['\"]?[ \t]*\n(?P<margin> *)content: *"
    rb"(?:[|>][^\n]*\n(?P<block>(?:(?P=margin) [^\n]*\n|[ \t]*\n)*)"
    rb'|"(?P<double>(?:[^"\\]|\\.)*)"?'
    rb"|'(?P<single>[^']*)'?"
    rb"|(?P<plain>[^\n]*))",
    re.DOTALL,
)
_SKIPPED = re.compile(rb"\n?(?: *[a-z_]+:[^\n]*\n)*? *skip: true\b")
_ESCAPE = re.compile(r"\\(?:\n *|[nrt ])|\\(?=[\"\\])")


def read_first_question(fs: FileSystem, sessions_dir: Path, header: SessionHeader) -> str:
    """Return the first user message as far as the start of the file shows it.

    Raises OSError.
    """
    return find_first_question(fs.read(f"{sessions_dir}/{header.folder}/{FILE_NAME}", _QUESTION_SIZE))


def find_first_question(start: bytes) -> str:
    """Return the first user message in the first bytes of a file, on one line.

    Skipped ones do not count. It is empty if the message is not in them, and has at most 300 characters. It is meant
    for searching: a character cut in the middle or an escape may be lost.
    """
    found = next((each for each in _FIRST_QUESTION.finditer(start) if not _SKIPPED.match(start, each.end())), None)
    if found is None:
        return ""
    text = found[found.lastgroup or 0]
    line = text[: 4 * _MAX_QUESTION].decode(errors="ignore")
    return " ".join(_ESCAPE.sub(" ", line).split())[:_MAX_QUESTION]


_ANY_HEADER = b"id: 00000000-0000-0000-0000-000000000000\nmessages:\n"


def read_ending(data: bytes, path: Path) -> tuple[LLMMessage, ...]:
    """Return the last messages of the session in ``data``, or all of a short one.

    Raises SessionFileError.
    """
    start = data.find(_ITEM, len(data) - ENDING_SIZE) if len(data) > ENDING_SIZE else -1
    if start >= 0:
        try:
            return load_session(_ANY_HEADER + data[start + 1 :], path).messages
        except SessionFileError:
            pass  # not laid out as aloop does it: parse the whole file
    return load_session(data, path).messages
