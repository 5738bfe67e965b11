"""One session's file, as last seen: its bytes, where new messages go, and whether somebody else has changed it.

The files that saves took the name from, still open: watched for late edits, and closed when nobody waits for it.

What tells that somebody wrote a file: compared before its bytes are.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from aloop.errors import SessionFileError
from aloop.llm.message_types import LLMMessage
from aloop.memory.codec.edits import unfold
from aloop.memory.codec.emitter import emit_messages, emit_section, emit_time
from aloop.memory.codec.nodes import Source
from aloop.memory.codec.patch import VerbatimMessages, check_lines, check_text, is_revised, revise
from aloop.memory.codec.schema import KNOWN_VERSION, InvalidValue, require_known_version
from aloop.memory.codec.serialization import dump_session, interpret, parse, read_quickly
from aloop.memory.codec.splice import Edit, apply_edits, splice
from aloop.memory.codec.text_layout import (
    InsertionPoints,
    canonical_insertion_points,
    find_insertion_points,
    section_edit,
)
from aloop.memory.disk.filesystem import FileSystem, write_atomic
from aloop.memory.session import Session

Signature = tuple[int, int, int, int, int]


def signature(status: os.stat_result) -> Signature:
    """Return what changes when anybody writes a file, or puts another in its place."""
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def last_write(seen: Signature) -> tuple[int, int]:
    """Return the part of a signature that only a write changes: losing its name changes nothing of this."""
    return seen[2:4]


def seen_after(fs: FileSystem, path: Path, written: os.stat_result) -> Signature:
    """Return the signature under which our own version of a file is known from now on.

    Getting its name changes a file's times. Where it is not ours any more, or written into, the signature is one that
    the next look will find changed.
    """
    try:
        now = fs.lstat(path)
    except OSError:
        return signature(written)
    ours = os.path.samestat(now, written) and now.st_size == written.st_size and now.st_mtime_ns == written.st_mtime_ns
    return signature(now if ours else written)


@dataclass(slots=True)
class _WatchedFile:
    descriptor: int
    seen: tuple[int, int]
    base: int


@dataclass(slots=True)
class ReplacedFile:
    """The displaced files of one session. An editor that had one open may write into it, and believe that it saved."""

    fs: FileSystem
    _watched: _WatchedFile | None = None
    _spent: list[int] = field(default_factory=list)

    @property
    def held(self) -> int:
        """How many files are open."""
        return len(self._spent) + (self._watched is not None)

    def take(self, path: Path) -> int | None:
        """Open the file that is about to be displaced, None when there is none; raises OSError.

        It is kept open also where nobody will watch it: the disk then takes its blocks back later, not while the one
        who saves waits.
        """
        self._close_spent()  # those of a save that could not be synced
        try:
            return self.fs.open_read(path)
        except FileNotFoundError:
            return None

    def put(self, descriptor: int | None, seen: Signature, base: int, *, watch: bool) -> None:
        """Keep what ``take`` returned, after the replacement, in place of the one before.

        ``seen`` is what it was like before the last look at it, when it held ``base`` messages.
        """
        if self._watched is not None:
            self._spent.append(self._watched.descriptor)
            self._watched = None
        if descriptor is not None and watch:
            self._watched = _WatchedFile(descriptor, last_write(seen), base)
        elif descriptor is not None:
            self._spent.append(descriptor)

    def late_edit(self) -> tuple[bytes, int] | None:
        """Return what was written into the watched file since the last look, and its ``base``; raises OSError."""
        watched = self._watched
        if watched is None:
            return None
        now = last_write(signature(self.fs.fstat(watched.descriptor)))
        if now == watched.seen:
            return None
        watched.seen = now
        return self.fs.read_open(watched.descriptor), watched.base

    def give_back(self) -> None:
        """Close what nobody looks at any more, on a thread: for after the new version is safe."""
        while self._spent:
            self.fs.close_behind(self._spent.pop())

    def forget(self) -> None:
        """Close all of them."""
        if self._watched is not None:
            self._spent.append(self._watched.descriptor)
            self._watched = None
        self._close_spent()

    def _close_spent(self) -> None:
        while self._spent:
            with contextlib.suppress(OSError):  # it was only read
                self.fs.close(self._spent.pop())


MARK_FORMAT = "%Y%m%dT%H%M%S.%f"
"""A time in a file's name: sortable, and without characters that some file system refuses."""
TRIES = 20
"""Somebody who gets in the way of a writer all the time is given so many to stop."""


def time_mark(moment: datetime) -> str:
    return moment.strftime(MARK_FORMAT)


class ChangedMeanwhile(Exception):
    """Somebody wrote the file between the look at it and its replacement; look again."""


@dataclass(slots=True)
class SessionFile:
    """The file behind a conversation.

    ``data`` is the text as UTF-8 without byte order mark, kept so that a save need not read; ``encoding`` and ``bom``
    bring back the file's own bytes. ``anchors`` is None until the first save looks for them. ``is_new`` says that the
    next save need not find the file as it was seen.
    """

    fs: FileSystem
    path: Path
    data: bytearray
    seen: Signature
    session: Session
    encoding: str = "utf-8"
    bom: bytes = b""
    anchors: InsertionPoints | None = None
    base: int | None = None
    is_new: bool = False
    typed: VerbatimMessages | None = None
    displaced: ReplacedFile = field(init=False)

    def __post_init__(self) -> None:
        self.displaced = ReplacedFile(self.fs)

    @classmethod
    def create(
        cls, fs: FileSystem, path: Path, session: Session, *, again: bool = False, text: bytes | None = None
    ) -> SessionFile:
        """Write a new file, with ``text`` if that is given; raises OSError.

        ``again``, of one that had gone: ChangedMeanwhile when it has come back.
        """

        def refuse_another() -> None:
            if again and fs.exists(path):
                raise ChangedMeanwhile

        data = bytearray(text or dump_session(session))
        check_text(data, path, session)
        written = write_atomic(fs, path, [memoryview(data)], guard=refuse_another)
        return cls(fs, path, data, seen_after(fs, path, written), session, anchors=canonical_insertion_points(data))

    @classmethod
    def read(cls, fs: FileSystem, path: Path) -> SessionFile:
        """Read a file; raises OSError, SessionFileError."""
        before = signature(fs.lstat(path))
        return cls.of(fs, path, fs.read(path), before)

    @classmethod
    def of(cls, fs: FileSystem, path: Path, raw: bytes, seen: Signature) -> SessionFile:
        """Return what ``raw``, the bytes of ``path``, holds; raises SessionFileError."""
        quick = read_quickly(raw, path)
        if quick:
            return cls(fs, path, bytearray(raw), seen, quick, anchors=canonical_insertion_points(raw))
        parsed = parse(raw, path)
        source, session = parsed.source, interpret(parsed, path)
        data = bytearray(raw) if source.encoding == "utf-8" and not source.bom else bytearray(source.text.encode())
        return cls(fs, path, data, seen, session, source.encoding, source.bom)

    def changed_on_disk(self) -> bool:
        """Whether the file no longer holds what was last seen; FileNotFoundError when it is gone."""
        now = signature(self.fs.lstat(self.path))
        if now == self.seen:
            return False
        if self.fs.read(self.path) != b"".join(self._encoded([memoryview(self.data)])):
            return True
        # Touched, or moved and put back: the same bytes.
        self.seen = now
        return False

    def late_edit(self) -> SessionFile | None:
        """Return the session as an editor wrote it into the file that the last save displaced, None when none did.

        An editor that had the old file open writes into that, and its owner believes it saved. What the save added
        then has to follow: ``base`` of the result says how many messages the file had before.
        """
        late = self.displaced.late_edit()
        if late is None:
            return None
        raw, base = late
        try:
            edited = SessionFile.of(self.fs, self.path, raw, self.seen)
        except SessionFileError:
            return None  # in the middle of being written: looked at again the next time
        edited.base = base
        return edited

    def forget_displaced(self) -> None:
        """Stop looking at the file that the last save displaced."""
        self.displaced.forget()

    def copy_to(self, path: Path) -> None:
        """Write the text as last seen into another file; raises OSError."""
        write_atomic(self.fs, path, self._encoded([memoryview(self.data)]))

    def save(
        self, session: Session, messages: Sequence[LLMMessage], *, system_changed: bool = False, watch: bool = False
    ) -> None:
        """Add ``messages`` to the file and put in the time of ``session``; all else stays to the byte.

        Where ``session`` differs otherwise from what the file holds, in a message before those or in its title or
        model, just that is changed too.

        ``watch`` keeps an eye on the file that is displaced, for ``late_edit``. Raises OSError, UnstorableValue,
        NewerVersion, and ChangedMeanwhile at the last moment; then neither the file nor this object has changed.
        """
        data, edits, following = self._plan(session, messages, system_changed)
        before = self.seen
        descriptor = self.displaced.take(self.path)
        try:
            pieces = self._encoded(splice(data, edits))
            written = write_atomic(self.fs, self.path, pieces, sync_folder=False, guard=self._refuse_change)
        except BaseException:
            if descriptor is not None:
                self.fs.close(descriptor)
            raise
        del pieces  # they look into the text that now changes
        self.displaced.put(descriptor, before, len(self.session.messages), watch=watch)
        self.data, self.anchors, self.session = apply_edits(data, edits), following, session
        self.typed = None
        self.seen = seen_after(self.fs, self.path, written)

    def sync(self) -> None:
        """Make the last save outlive a power cut; raises OSError, and the save counts as made all the same."""
        self.fs.sync_folder(self.path.parent)
        self.displaced.give_back()

    def _refuse_change(self) -> None:
        """Look once more, at the last moment: only what happens between this and the replacement can be missed."""
        if self.is_new:
            self.is_new = False
            return
        try:
            if signature(self.fs.lstat(self.path)) == self.seen:
                return
        except FileNotFoundError:
            pass
        raise ChangedMeanwhile

    def write_beside(
        self, path: Path, session: Session, messages: Sequence[LLMMessage], *, system_changed: bool = False
    ) -> SessionFile:
        """Write what ``save`` would have written into another file, and return that one; raises OSError."""
        beside = replace(self, path=path, data=bytearray(self.data), is_new=True)
        beside.save(session, messages, system_changed=system_changed)
        beside.sync()
        return beside

    def _plan(
        self, session: Session, messages: Sequence[LLMMessage], system_changed: bool
    ) -> tuple[bytearray, list[Edit], InsertionPoints | None]:
        """Return the text to edit, the edits, and the anchors afterwards (None when they must be looked up again)."""
        data, anchors = self.data, self.anchors
        if not self.session.messages:
            messages = session.messages
        kept = session.messages[: len(session.messages) - len(messages)]
        if is_revised(self.session, session, kept):
            data, _ = self._find_anchors(data)
            data, anchors = revise(bytes(data), self.path, self.session, session, kept), None
        first = anchors is None
        if anchors is None or self.session.version > KNOWN_VERSION:
            data, anchors = self._find_anchors(data)
        if system_changed:
            # A step of its own: its edit and those below could overlap.
            first = True
            data, anchors = self._find_anchors(bytearray(b"".join(splice(data, [self._system_edit(data, session)]))))
        if self.typed and self.typed.messages == tuple(messages):
            lines = self.typed.at(anchors.column)
        else:
            lines = emit_messages(messages, anchors.column)
        check_lines(lines, messages, self.path)
        edits = anchors.edits(emit_time(session.updated_at), lines)
        following = anchors.after(edits)
        if session.updated_at == self.session.updated_at:
            # However a person has written that time, it stays.
            edits, following = edits[1:], None
        if first or following is None:
            # The first edit of a text that a person may have shaped: read the whole of it back before it is written.
            check_text(bytearray(b"".join(splice(data, edits))), self.path, session)
        return data, edits, following

    def _find_anchors(self, data: bytearray) -> tuple[bytearray, InsertionPoints]:
        parsed = parse(bytes(data), self.path)
        try:
            require_known_version(parsed.root)
        except InvalidValue as refusal:
            raise refusal.kind(self.path, *parsed.source.place(refusal.offset), refusal.reason) from None
        anchors = find_insertion_points(parsed)
        if anchors is None:
            # A list in brackets can not grow in its own style: its owner's version is kept beside.
            copy = self.path.with_name(f"session.before-{time_mark(datetime.now().astimezone())}.yaml")
            write_atomic(self.fs, copy, self._encoded([memoryview(data)]))
            data = bytearray(unfold(parsed).encode())
            anchors = find_insertion_points(parse(bytes(data), self.path))
        if anchors is None:
            raise SessionFileError(self.path, 1, 1, "this layout can not be added to; it is left as it is")
        return data, anchors

    def _system_edit(self, data: bytearray, session: Session) -> Edit:
        parsed = parse(bytes(data), self.path)
        lines = emit_section("system_messages", session.system_messages)
        return section_edit(parsed, "system_messages", lines)

    def _encoded(self, pieces: Sequence[bytes | memoryview]) -> list[bytes | memoryview]:
        if self.encoding == "utf-8":
            return [self.bom, *pieces]
        return [Source("", self.encoding, self.bom).encode(b"".join(pieces).decode())]
