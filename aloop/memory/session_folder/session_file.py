"""One session's file: read, save, and notice changes by other programs.

A save adds messages and changes only what differs; every other byte of the file stays as it is.
"""

from __future__ import annotations

import errno
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from aloop.errors import SessionFileError, UnstorableValue
from aloop.formatting import display_path
from aloop.llm.message_types import LLMMessage
from aloop.memory.codec.comments import CutValue, cut_warning, find_cuts
from aloop.memory.codec.edits import unfold
from aloop.memory.codec.emitter import END_MARKER, emit_messages, emit_section, emit_time
from aloop.memory.codec.nodes import Source
from aloop.memory.codec.patch import VerbatimMessages, check_lines, check_text, is_revised, revise
from aloop.memory.codec.schema import KNOWN_VERSION, InvalidValue, require_known_version
from aloop.memory.codec.serialization import ParsedDocument, interpret, parse, read_quickly, session_text
from aloop.memory.codec.splice import Edit, apply_edits, splice
from aloop.memory.codec.text_layout import (
    InsertionPoint,
    InsertionPoints,
    canonical_insertion_points,
    find_insertion_points,
    section_edit,
)
from aloop.memory.disk.filesystem import FileSystem, write_atomic
from aloop.memory.session import Session
from aloop.memory.session_folder.dated_names import dated_name
from aloop.memory.session_folder.replaced_file import GROWTH, ReplacedFile, Signature, is_settled, seen_after, signature

_ITEM = b"\n  - "
TRIES = 20
"""Attempts to replace a file that another program keeps changing."""


def unreadable(path: Path, cause: OSError) -> SessionFileError:
    """Return the error for a session file that cannot be opened."""
    reason = "it is a link, and links are not followed" if cause.errno == errno.ELOOP else cause.strerror or str(cause)
    return SessionFileError(path, 0, 0, f"cannot be opened: {reason}")


class ConcurrentChange(Exception):
    """The file changed between the last read and its replacement; read it again."""


@dataclass(slots=True)
class SessionFile:
    """The file of a conversation, as last seen.

    ``data`` is its text in UTF-8 without a byte order mark, kept so that a save need not read it; ``encoding`` and
    ``bom`` are those of the file. ``insertion_points`` is None until a save looks for them. ``base`` is set for a late
    edit. ``is_canonical`` is True if the text is known to be as aloop writes it. With ``is_new``, the next save does
    not require the file to be unchanged. ``verbatim`` is the text of the messages to add, if it should be written as it
    was.
    """

    fs: FileSystem
    path: Path
    data: bytearray
    seen: Signature
    session: Session
    encoding: str = "utf-8"
    bom: bytes = b""
    insertion_points: InsertionPoints | None = None
    base: int | None = None
    is_new: bool = False
    is_canonical: bool = False
    verbatim: VerbatimMessages | None = None
    cuts: Sequence[tuple[str, CutValue]] = ()
    replaced: ReplacedFile = field(init=False)
    _is_settled: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self.replaced = ReplacedFile(self.fs)

    @classmethod
    def create(
        cls, fs: FileSystem, path: Path, session: Session, *, again: bool = False, text: bytes | None = None
    ) -> SessionFile:
        """Write a new file, with ``text`` if given; raises OSError.

        ``again`` is for a file that was removed: raises ConcurrentChange if it has come back.
        """

        def require_absent() -> None:
            if again and fs.exists(path):
                raise ConcurrentChange

        data = bytearray(text) if text else session_text(session)
        check_text(data, path, session)
        written = write_atomic(fs, path, [memoryview(data)], marked=True, guard=require_absent)
        stored = cls(
            fs,
            path,
            data,
            seen_after(fs, path, written.status),
            session,
            insertion_points=canonical_insertion_points(data),
            is_canonical=text is None,
        )
        stored._is_settled = written.is_marked
        return stored

    @classmethod
    def read(cls, fs: FileSystem, path: Path, *, allowed: int = 0) -> SessionFile:
        """Read a file, up to ``allowed`` at any limit; raises OSError, SessionFileError."""
        before = signature(fs.lstat(path))
        settled = is_settled(before)
        stored = cls.of(fs, path, fs.read(path, allowed=allowed), before)
        stored._is_settled = settled
        return stored

    @classmethod
    def of(cls, fs: FileSystem, path: Path, raw: bytes, seen: Signature) -> SessionFile:
        """Make a SessionFile from ``raw``, the bytes of ``path``; raises SessionFileError."""
        quick = read_quickly(raw, path)
        if quick:
            points = canonical_insertion_points(raw)
            return cls(fs, path, bytearray(raw), seen, quick, insertion_points=points, is_canonical=True)
        parsed = parse(raw, path)
        source, session = parsed.source, interpret(parsed, path)
        data = bytearray(raw) if source.encoding == "utf-8" and not source.bom else bytearray(source.text.encode())
        stored = cls(fs, path, data, seen, session, source.encoding, source.bom)
        stored.cuts = find_cuts(parsed)
        return stored

    def warning_about(self, cuts: Sequence[tuple[str, CutValue]]) -> str:
        """Return a warning about some of ``cuts``; empty for none."""
        return f"{display_path(self.path)}:{cut_warning(cuts)}" if cuts else ""

    def changed_on_disk(self) -> bool:
        """Return True if the content has changed since it was last seen; raises OSError."""
        now = signature(self.fs.lstat(self.path))
        if now == self.seen and self._is_settled:
            return False
        settled = is_settled(now)
        if self.fs.read(self.path, allowed=self.allowed) != self._raw():
            return True
        # Just written, or touched, or moved away and back, with the same content.
        self.seen, self._is_settled = now, settled
        return False

    @property
    def size(self) -> int:
        """The number of bytes of the file as last seen."""
        return self.seen[2]

    @property
    def allowed(self) -> int:
        """The bytes up to which the file is read again, also beyond the limit."""
        return GROWTH * self.size

    def _raw(self) -> bytes | bytearray:
        """Return the bytes of the file as last seen."""
        is_plain = self.encoding == "utf-8" and not self.bom
        return self.data if is_plain else b"".join(self._encoded([memoryview(self.data)]))

    def late_edit(self) -> SessionFile | None:
        """Return the session that an editor wrote to the replaced file, or None.

        An editor that has the old file open writes to that, unaware of the save. The messages that the save added must
        then follow the edit: ``base`` of the result is the number of messages before them.
        """
        late = self.replaced.late_edit()
        if late is None:
            return None
        raw, base = late
        try:
            edited = SessionFile.of(self.fs, self.path, raw, self.seen)
        except SessionFileError:
            return None  # perhaps only half written: read it again next time
        edited.base = base
        # Its text differs from that of the file on purpose.
        edited._is_settled = True
        return edited

    def forget_replaced(self) -> None:
        """Stop watching the file that the last save replaced."""
        self.replaced.forget()

    def copy_to(self, path: Path) -> None:
        """Write the file as last seen to another path; raises OSError."""
        write_atomic(self.fs, path, self._encoded([memoryview(self.data)]))

    def save(
        self, session: Session, messages: Sequence[LLMMessage], *, system_changed: bool = False, watch: bool = False
    ) -> None:
        """Add ``messages`` to the file and update what else differs from ``session``.

        All other bytes stay the same. ``messages`` are the last ones of ``session``; earlier messages, the title, the
        model and the time are changed only if they differ. ``watch`` keeps the replaced file open for ``late_edit``.

        Raises OSError, UnstorableValue, NewerVersion and ConcurrentChange; then neither the file nor this object has
        changed.
        """
        plan = self._plan_cut(session, messages, system_changed)
        is_cut = plan is not None
        data, edits, following = plan or self._plan(session, messages, system_changed)
        descriptor = self.replaced.take(self.path)
        try:
            pieces = self._encoded(splice(data, edits))
            written = write_atomic(
                self.fs, self.path, pieces, sync_folder=False, marked=True, guard=self._require_unchanged
            )
        except BaseException:
            if descriptor is not None:
                self.fs.close(descriptor)
            raise
        del pieces  # views of the text that changes now
        checksum = None if self._is_settled or not watch else zlib.crc32(self._raw())
        self.replaced.put(descriptor, self.seen, len(self.session.messages), watch=watch, checksum=checksum)
        # Other edits than new messages may have any layout around them.
        is_addition = data is self.data and self.insertion_points is not None and not self.verbatim
        self.is_canonical = self.is_canonical and not system_changed and (is_cut or is_addition)
        self.data, self.insertion_points, self.session = apply_edits(data, edits), following, session
        self.verbatim = None
        self.seen, self._is_settled = seen_after(self.fs, self.path, written.status), written.is_marked

    def sync(self) -> None:
        """Make the last save durable; raises OSError, but the save counts as done."""
        self.fs.sync_folder(self.path.parent)
        self.replaced.give_back()

    def _require_unchanged(self) -> None:
        """Raise ConcurrentChange if the file has changed; called just before the rename."""
        if self.is_new:
            self.is_new = False
            return
        try:
            if not self.changed_on_disk():
                return
        except FileNotFoundError:
            pass
        raise ConcurrentChange

    def write_copy(
        self, path: Path, session: Session, messages: Sequence[LLMMessage], *, system_changed: bool = False
    ) -> SessionFile:
        """Write the result of ``save`` to another path; raises OSError."""
        copy = replace(self, path=path, data=bytearray(self.data), is_new=True)
        copy.save(session, messages, system_changed=system_changed)
        copy.sync()
        return copy

    def lines_from(self, first: int) -> str | None:
        """Return the lines of the messages from index ``first`` on.

        This does not parse the text before them. None if the text is not canonical.
        """
        start = self._start_of(first)
        return None if start is None else self.data[start : len(self.data) - len(END_MARKER)].decode()

    def _start_of(self, first: int) -> int | None:
        """Return the byte offset of message ``first`` in a canonical text, else None."""
        points = self.insertion_points
        start = len(self.data) - len(END_MARKER) - 1
        if not self.is_canonical or points is None or points.messages != InsertionPoint(start + 1, start + 1):
            return None
        # Text is indented further than the dashes of the messages.
        for _ in range(len(self.session.messages) - first):
            start = self.data.rfind(_ITEM, 0, start + 1)
            if start < 0:
                return None
        return start + 1

    def _plan_cut(
        self, session: Session, messages: Sequence[LLMMessage], system_changed: bool
    ) -> tuple[bytearray, list[Edit], InsertionPoints | None] | None:
        """Return the plan if messages are only removed at the end, as by /undo.

        Unlike ``_plan``, this does not parse the text, which takes a minute in a large session. None if more changes.
        """
        before, kept = self.session.messages, session.messages
        is_only_cut = (
            0 < len(kept) < len(before) and not messages and not system_changed and kept == before[: len(kept)]
        )
        if not is_only_cut or is_revised(self.session, session, before) or session.version > KNOWN_VERSION:
            return None
        start, points = self._start_of(len(kept)), self.insertion_points
        if start is None or points is None or session.updated_at == self.session.updated_at:
            return None
        try:
            check_lines(self.lines_from(len(kept)) or "", before[len(kept) :], self.path)
        except UnstorableValue:
            return None
        edits = points.edits(emit_time(session.updated_at), "")
        following = points.after(edits)
        if following is None:
            return None
        start_after = start + following.messages.start - points.messages.start
        following = replace(following, messages=InsertionPoint(start_after, start_after))
        return self.data, [*edits, Edit(start, points.messages.start, b"")], following

    def _plan(
        self, session: Session, messages: Sequence[LLMMessage], system_changed: bool
    ) -> tuple[bytearray, list[Edit], InsertionPoints | None]:
        """Return the text, its edits, and the insertion points after them.

        The insertion points are None if they must be found again.
        """
        data, points = self.data, self.insertion_points
        if not self.session.messages:
            messages = session.messages
        kept = session.messages[: len(session.messages) - len(messages)]
        if is_revised(self.session, session, kept):
            data, _ = self._find_points(data)
            data, points = revise(bytes(data), self.path, self.session, session, kept), None
        is_first = points is None
        if points is None or self.session.version > KNOWN_VERSION:
            data, points = self._find_points(data)
        if system_changed:
            # A separate step, because this edit could overlap those below.
            is_first = True
            data, points = self._find_points(bytearray(b"".join(splice(data, [self._system_edit(data, session)]))))
        if self.verbatim and self.verbatim.messages == tuple(messages):
            lines = self.verbatim.at(points.column)
        else:
            lines = emit_messages(messages, points.column)
        check_lines(lines, messages, self.path)
        edits = points.edits(emit_time(session.updated_at), lines)
        following = points.after(edits)
        if session.updated_at == self.session.updated_at:
            # The time is unchanged: leave it as it was written.
            edits, following = edits[1:], None
        if is_first or following is None:
            # The layout may be a user's own: before the first edit, check that the result reads back as intended.
            check_text(bytearray(b"".join(splice(data, edits))), self.path, session)
        return data, edits, following

    def require_known_version(self) -> None:
        """Raise NewerVersion if a later version of aloop wrote the file."""
        if self.session.version > KNOWN_VERSION:
            self._require_known_version(parse(bytes(self.data), self.path))

    def _require_known_version(self, parsed: ParsedDocument) -> None:
        try:
            require_known_version(parsed.root)
        except InvalidValue as refusal:
            raise refusal.kind(self.path, *parsed.source.place(refusal.offset), refusal.reason) from None

    def _find_points(self, data: bytearray) -> tuple[bytearray, InsertionPoints]:
        parsed = parse(bytes(data), self.path)
        self._require_known_version(parsed)
        points = find_insertion_points(parsed)
        if points is None:
            # A list in brackets cannot be extended: rewrite it as a block list, and keep a copy of the old version.
            copy = self.path.with_name(dated_name("before"))
            write_atomic(self.fs, copy, self._encoded([memoryview(data)]))
            data = bytearray(unfold(parsed).encode())
            points = find_insertion_points(parse(bytes(data), self.path))
        if points is None:
            raise SessionFileError(
                self.path, 1, 1, "aloop cannot add messages to this layout, so the file was not changed"
            )
        return data, points

    def _system_edit(self, data: bytearray, session: Session) -> Edit:
        parsed = parse(bytes(data), self.path)
        lines = emit_section("system_messages", session.system_messages)
        return section_edit(parsed, "system_messages", lines)

    def _encoded(self, pieces: Sequence[bytes | memoryview]) -> list[bytes | memoryview]:
        if self.encoding == "utf-8":
            return [self.bom, *pieces]
        return [Source("", self.encoding, self.bom).encode(b"".join(pieces).decode())]
