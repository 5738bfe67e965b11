"""One session's file, as last seen: its bytes, where new messages go, and whether somebody else has changed it."""

from __future__ import annotations

import os
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from aloop.errors import SessionFileError, UnstorableValue
from aloop.llm.message_types import LLMMessage
from aloop.memory.anchors import Anchors, canonical_anchors, find_anchors, section_edit
from aloop.memory.atomic import write_atomic
from aloop.memory.emitter import END_MARKER, emit_messages, emit_section, emit_time
from aloop.memory.os_port import OsPort
from aloop.memory.schema import Refused, refuse_newer
from aloop.memory.serialization import dump_session, interpret, load_session, parse, read_quickly
from aloop.memory.session import Session
from aloop.memory.source import Source
from aloop.memory.splice import Edit, apply_in_place, splice
from aloop.memory.unfold import unfold

Signature = tuple[int, int, int, int, int]


def signature(status: os.stat_result) -> Signature:
    """Return what changes when anybody writes a file: compared before the bytes are."""
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def time_mark(moment: datetime) -> str:
    """Return a time for file names: sortable, and without characters that some file system refuses."""
    return moment.strftime("%Y%m%dT%H%M%S.%f")


@dataclass(slots=True)
class StoredSession:
    """The file behind a conversation.

    ``data`` is the text as UTF-8 without byte order mark, kept so that a save need not read; ``encoding`` and ``bom``
    bring back the file's own bytes. ``anchors`` is None until the first save looks for them.
    """

    port: OsPort
    path: Path
    data: bytearray
    seen: Signature
    session: Session
    encoding: str = "utf-8"
    bom: bytes = b""
    anchors: Anchors | None = None

    @classmethod
    def create(cls, port: OsPort, path: Path, session: Session) -> StoredSession:
        """Write a new file; raises OSError."""
        data = bytearray(dump_session(session))
        _check(data, path, session)
        write_atomic(port, path, [memoryview(data)])
        return cls(port, path, data, signature(port.lstat(path)), session, anchors=canonical_anchors(data))

    @classmethod
    def read(cls, port: OsPort, path: Path) -> StoredSession:
        """Read a file; raises OSError, SessionFileError."""
        before = signature(port.lstat(path))
        raw = port.read(path)
        quick = read_quickly(raw, path)
        if quick:
            return cls(port, path, bytearray(raw), before, quick, anchors=canonical_anchors(raw))
        parsed = parse(raw, path)
        source, session = parsed.source, interpret(parsed, path)
        data = bytearray(raw) if source.encoding == "utf-8" and not source.bom else bytearray(source.text.encode())
        return cls(port, path, data, before, session, source.encoding, source.bom)

    def changed_on_disk(self) -> bool:
        """Whether the file no longer holds what was last seen; FileNotFoundError when it is gone."""
        now = signature(self.port.lstat(self.path))
        if now == self.seen:
            return False
        if self.port.read(self.path) != b"".join(self._encoded([memoryview(self.data)])):
            return True
        # Touched, or moved and put back: the same bytes.
        self.seen = now
        return False

    def save(self, session: Session, messages: Sequence[LLMMessage], *, system_changed: bool = False) -> None:
        """Add ``messages`` to the file and put in the time of ``session``; all else stays to the byte.

        Raises OSError and UnstorableValue; then neither the file nor this object has changed.
        """
        data, edits, following = self._plan(session, messages, system_changed)
        self._write(splice(data, edits))
        apply_in_place(data, edits)
        self.data, self.anchors, self.session = data, following, session
        self.seen = signature(self.port.lstat(self.path))

    def write_beside(
        self, path: Path, session: Session, messages: Sequence[LLMMessage], *, system_changed: bool = False
    ) -> StoredSession:
        """Write what ``save`` would have written into another file, and return that one; raises OSError."""
        beside = replace(self, path=path, data=bytearray(self.data))
        beside.save(session, messages, system_changed=system_changed)
        return beside

    def _plan(
        self, session: Session, messages: Sequence[LLMMessage], system_changed: bool
    ) -> tuple[bytearray, list[Edit], Anchors | None]:
        """Return the text to edit, the edits, and the anchors afterwards (None when they must be looked up again)."""
        data, anchors = self.data, self.anchors
        first = anchors is None
        if anchors is None:
            data, anchors = self._find_anchors(data)
        lines = emit_messages(messages, anchors.column)
        _check_lines(lines, messages, self.path)
        edits = anchors.edits(emit_time(session.updated_at), lines)
        following = anchors.after(edits)
        if system_changed:
            edits.append(self._system_edit(data, session))
            following = None
        if first or following is None:
            # The first edit of a text that a person may have shaped: read the whole of it back before it is written.
            _check(bytearray(b"".join(splice(data, edits))), self.path, session)
        return data, edits, following

    def _find_anchors(self, data: bytearray) -> tuple[bytearray, Anchors]:
        parsed = parse(bytes(data), self.path)
        try:
            refuse_newer(parsed.root)
        except Refused as refusal:
            raise refusal.kind(self.path, *parsed.source.place(refusal.offset), refusal.reason) from None
        anchors = find_anchors(parsed)
        if anchors is None:
            # A list in brackets can not grow in its own style: its owner's version is kept beside.
            copy = self.path.with_name(f"session.before-{time_mark(datetime.now().astimezone())}.yaml")
            write_atomic(self.port, copy, self._encoded([memoryview(data)]))
            data = bytearray(unfold(parsed).encode())
            anchors = find_anchors(parse(bytes(data), self.path))
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

    def _write(self, pieces: Sequence[bytes | memoryview]) -> None:
        write_atomic(self.port, self.path, self._encoded(pieces))


def _check(data: bytes | bytearray, path: Path, session: Session) -> None:
    """Read a text back before it is written: it must hold just the messages that it was made of."""
    found = load_session(bytes(data), path)
    if found.messages != session.messages or found.system_messages != session.system_messages:
        raise UnstorableValue(
            f"{path} would not bring back what it was given; nothing was written. Please report this."
        )


def _check_lines(lines: str, messages: Sequence[LLMMessage], path: Path) -> None:
    """Read the lines of new messages back before they go in."""
    if not lines:
        return
    text = f"id: {uuid.UUID(int=0)}\nmessages:\n{lines}{END_MARKER}"
    if load_session(text.encode(), path).messages != tuple(messages):
        raise UnstorableValue("A message would not come back as it is; nothing was written. Please report this.")
