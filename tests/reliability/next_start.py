"""The next start after a failure, and the check of the recovered sessions."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from aloop.errors import AloopError
from aloop.llm.content.parts import FILES
from aloop.memory import MemoryManager, SessionLibrary
from aloop.memory.context import project
from aloop.memory.disk import filesystem
from aloop.memory.disk import filesystem as atomic
from aloop.memory.session import FILE_NAME, Session
from aloop.memory.session_folder.media import read_media
from aloop.memory.session_folder.undo import is_undone, undone_turns
from tests.reliability.row import Verdict
from tests.reliability.scenario import Event

_PERMANENT = {".gitignore", ".index.yaml", ".session.schema.json", ".lock", ".open", FILE_NAME}


async def start_again(root: Path, events: Iterable[Event]) -> Verdict:
    """Start twice and compare the sessions with ``events``.

    The second start must have nothing to report.
    """
    await SessionLibrary(root).recover()
    repeated = await SessionLibrary(root).recover()
    sessions, unreadable = await read_all(root)
    trashed = {item.id for item in await SessionLibrary(root).list_trash()}
    verdict = judge(sessions, trashed, events)
    left = Verdict(unreadable=unreadable, leftovers=len(leftovers(root)), repeated_notices=len(repeated))
    return verdict + left


@contextlib.contextmanager
def another_process() -> Iterator[None]:
    """Make unfinished files of this process look like those of a dead process."""
    before, atomic._TOKEN = atomic._TOKEN, "00000000"
    try:
        yield
    finally:
        atomic._TOKEN = before


async def read_all(root: Path) -> tuple[dict[str, Session], int]:
    """Return all sessions by ID, and the number of unreadable ones.

    Undone turns are appended to the messages of their session.
    """
    sessions, unreadable = {}, 0
    for summary in await MemoryManager.list_sessions(None, sessions_dir=root):
        try:
            session = await SessionLibrary(root).load(summary.id)
            turns = undone_turns(filesystem.SYSTEM, session.path.parent)
            out = [message for turn in turns if not turn.is_in(session.messages) for message in turn.messages]
            sessions[summary.id] = replace(session, messages=(*session.messages, *out))
        except AloopError:
            unreadable += 1
    return sessions, unreadable


def judge(sessions: dict[str, Session], trashed: set[str], events: Iterable[Event]) -> Verdict:
    """Compare sessions with their events; a deleted session must be in the trash."""
    texts: dict[str, list[str]] = {}
    gone: set[str] = set()
    for item in events:
        wanted = texts.setdefault(item.session, [])
        if item.kind == "kept":
            wanted.append(item.text)
        elif item.kind == "loose":
            wanted.remove(item.text)
        elif item.kind == "gone":
            gone.add(item.session)
        elif item.kind == "back":
            gone.discard(item.session)
    verdict = Verdict()
    for identity, wanted in texts.items():
        if identity in sessions:
            verdict += _compare(wanted, sessions[identity])
        elif identity not in gone & trashed:
            verdict += Verdict(lost=len(wanted))
    return verdict


def _compare(wanted: Sequence[str], session: Session) -> Verdict:
    # Placeholders of missing results are all equal, and tool calls have no text.
    found = [message.content for message in session.messages if message.content and not message.is_error]
    present = [text for text in wanted if text in found]
    places = [found.index(text) for text in present]
    parts = [part for message in session.messages for part in message.parts]
    images = [read_media(filesystem.SYSTEM, session.path.parent, part) for part in parts]
    return Verdict(
        lost=len(wanted) - len(present) + images.count(None),
        doubled=len(found) - len(set(found)),
        misplaced=int(places != sorted(places)),
        unsendable=int(bool(project((), session.messages).repairs)),
    )


def leftovers(root: Path) -> list[Path]:
    """Return unexpected files, and empty folders, in and beside the sessions folder."""
    found = [path for path in root.parent.glob(".*") if path.name not in _PERMANENT]
    for path in root.iterdir() if root.is_dir() else ():
        if path.name == ".trash":
            continue
        if path.is_dir():
            inside = {entry.name for entry in path.iterdir()}
            found += [path / name for name in inside - _PERMANENT - {FILES} if not is_undone(name)]
            # Images may be the only copy, so they stay, even of a fork that was not finished.
            found += [] if inside & {FILE_NAME, FILES} else [path]
            found += atomic.leftovers(filesystem.SYSTEM, path / FILES) if FILES in inside else []
        elif path.name not in _PERMANENT:
            found.append(path)
    return found
