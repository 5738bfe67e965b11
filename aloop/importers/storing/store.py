"""Write imported conversations as sessions, each only once.

The ID of a session derives from the tool and the foreign ID. At a later import, a copy that was not changed gets the
messages that the original has gained; every other copy is left alone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple

from aloop.errors import SHORT_ID, SessionBusy, SessionError, SessionFileError, SessionNotFound
from aloop.formatting import quantity
from aloop.importers.formats import FORMATS
from aloop.importers.imported import Imported, Outline, count_calls
from aloop.importers.storing.compare import (
    count_same,
    in_stored_order,
    is_placeholder,
    marked,
    untouched_count,
    with_progress,
)
from aloop.importers.storing.earlier import before_marks, before_undo, ends_in
from aloop.importers.storing.sizes import SizeLimit, is_long
from aloop.importers.transcript import (
    as_transcript,
    copy_id_of,
    describe_origin,
    describe_return,
    session_id_of,
    to_session,
)
from aloop.llm.message_types import LLMMessage
from aloop.memory.codec.serialization import session_text
from aloop.memory.disk.filesystem import explained, write_atomic
from aloop.memory.disk.locks import LOCK_NAMES, OpenLock, write_lock
from aloop.memory.session import Session
from aloop.memory.session_folder.media import copy_media
from aloop.memory.session_folder.outputs import brief, copy_output, keep_output, make_own_folder
from aloop.memory.session_folder.session_file import ConcurrentChange, SessionFile
from aloop.memory.session_folder.undo import UndoneTurn, undone_turns
from aloop.memory.sessions_dir.folders import date_folder, folder_names, remove_unused
from aloop.memory.sessions_dir.location import resolve_sessions_dir
from aloop.memory.sessions_dir.preview import read_header
from aloop.memory.sessions_dir.yaml_backend import YamlBackend

Action = Literal[
    "imported", "updated", "unchanged", "exported", "continued", "in trash", "in use", "unreadable", "too large"
]

_UNDONE = "left alone, because you removed the messages that it has more with /undo here"
_RESTORED = ", after the messages that you had removed with /undo here"
_DIGITS = 10
"""Bytes of the number of messages in the header, and of quotes around the digest, at most."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result for one conversation.

    ``added`` is the number of new messages, and ``calls`` that of the tool calls in them if the session was updated.
    ``is_other`` is True if the session with its ID is certainly that of another conversation.
    """

    action: Action
    session_id: str
    added: int = 0
    reason: str = ""
    is_other: bool = False
    calls: int = 0


class _Plan(NamedTuple):
    """The messages of a session that a dry run would have written.

    ``hashes`` are of those that are the same in every copy: system messages are about its origin, and results may be
    shortened. ``size`` includes the results; ``calls`` is the number of tool calls.
    """

    hashes: list[int]
    size: int
    calls: int


class ImportStore:
    """Puts conversations into a sessions folder; with ``dry``, only plans to.

    ``on_write`` is called with the ID of each session and the system message about its origin, before it is written.
    """

    def __init__(
        self,
        sessions_dir: str | Path | None = None,
        *,
        dry: bool = False,
        on_write: Callable[[str, str], None] = lambda _id, _note: None,
    ) -> None:
        self.backend = YamlBackend(resolve_sessions_dir(sessions_dir))
        self._dry = dry
        self._planned: dict[str, _Plan] = {}
        self._on_write = on_write
        self._limit = SizeLimit()
        # Read once: a lookup for each conversation would read the folder again after each new session.
        self._known = {title.id for title in self.backend.list_titles()}
        self._trashed = {trashed.id: trashed.summary.path for trashed in self.backend.trashed(None)}

    @property
    def sessions_dir(self) -> Path:
        return self.backend.sessions_dir

    def has(self, imported: Imported) -> bool:
        """Return True if the conversation has a session here, or in the trash."""
        return self._is_stored(session_id_of(imported.tool, imported.foreign_id, imported.branch))

    def put(self, imported: Imported) -> Outcome:
        """Write a conversation, or the part that is new.

        Raises StorageError, UnstorableValue.
        """
        session_id = session_id_of(imported.tool, imported.foreign_id, imported.branch)
        if imported.exported_from in self._planned and session_id not in self._planned:
            return Outcome("exported", imported.exported_from, reason="an export of this session")
        source = imported.exported_from if self._is_stored(imported.exported_from) else ""
        # An ID that is made of the first messages may be that of another conversation.
        is_known = self._is_stored(session_id) and not imported.other_ids
        if source and imported.kind == "session" and not is_known:
            returned = self._take_back(source, imported)
            if returned is not None:
                return returned
        return (
            self._put_without_id(imported, source) if imported.other_ids else self._put_as(session_id, imported, source)
        )

    def _is_stored(self, session_id: str) -> bool:
        return session_id in self._known or session_id in self._trashed

    def _put_without_id(self, imported: Imported, source: str) -> Outcome:
        """Write a conversation whose IDs are made of its first messages.

        It is added to the session that has its messages, if there is one; other conversations can start the same. A
        later import finds it there, even if another one with these IDs was purged since.
        """
        others = imported.other_ids() if imported.other_ids else ()
        free: Imported | None = None
        changed: Outcome | None = None
        outcome = Outcome("continued", "")
        for foreign_id in (imported.foreign_id, *others):
            named = replace(imported, foreign_id=foreign_id)
            session_id = session_id_of(imported.tool, foreign_id, imported.branch)
            if not self._is_stored(session_id) and session_id not in self._planned:
                free = free or named
                continue
            outcome = self._put_as(session_id, named, "")
            if not outcome.is_other and outcome.action != "continued":
                return outcome
            changed = changed or (None if outcome.is_other else outcome)
        if changed or not free:
            return changed or outcome
        if grown := self._put_into_single(imported):
            return grown
        return self._put_as(session_id_of(free.tool, free.foreign_id, free.branch), free, source)

    def _put_into_single(self, imported: Imported) -> Outcome | None:
        """Add to the session that a conversation has from when it had only one message.

        Return None if there is none, or if that may be another conversation which starts with the same message.
        """
        if imported.single_id is None:
            return None
        foreign_id = imported.single_id()
        session_id = session_id_of(imported.tool, foreign_id, imported.branch)
        if session_id not in self._known and session_id not in self._planned:
            return None
        outcome = self._put_as(session_id, replace(imported, foreign_id=foreign_id), "")
        return None if outcome.is_other or outcome.action in ("continued", "in trash", "unreadable") else outcome

    def _put_as(self, session_id: str, imported: Imported, source: str) -> Outcome:
        """Write a session, or its new part; ``source`` is as for ``_add``."""
        if session_id in self._trashed:
            is_other = bool(imported.other_ids) and self._is_other_in_trash(session_id, imported)
            return Outcome("in trash", session_id, is_other=is_other)
        if session_id in self._planned:
            outcome = _planned(session_id, self._planned[session_id], _plan_of(imported))
        elif session_id in self._known:
            outcome = self._update(session_id, imported)
        else:
            outcome = self._add(session_id, imported, source)
        if self._dry and outcome.action in ("imported", "updated"):
            self._planned[session_id] = _plan_of(imported)
        return outcome

    def _is_other_in_trash(self, session_id: str, imported: Imported) -> bool:
        """Return True if the session in the trash is certainly another conversation."""
        try:
            with explained("read the trash", self.sessions_dir):
                session = SessionFile.read(self.backend.fs, self._trashed[session_id]).session
        except SessionError:
            return False
        fresh = to_session(session_id, imported).messages
        return _is_other(untouched_count(session), fresh, count_same(session.messages, fresh))

    def _add(self, session_id: str, imported: Imported, source: str) -> Outcome:
        """Write a new session; ``source`` is the one here that was continued, too."""
        if not (self._dry and self._limit.is_small(imported)):
            session = to_session(session_id, imported)
            session = replace(session, id=session_id, forked_from=source) if source else session
            header = replace(session, messages=())
            size = len(session_text(header if imported.session else marked(header))) + _DIGITS
            if reason := self._limit.excess(session.messages, size):
                return Outcome("too large", session_id, reason=reason)
            if not self._dry:
                self._on_write(session_id, "" if imported.session else describe_origin(imported))
                is_new = self._create(session, imported)
                self._known.add(session_id)
                if not is_new:
                    return self._update(session_id, imported)
        there = "elsewhere" if imported.session else f"in {FORMATS[imported.tool].label}"
        reason = f"its messages {there} differ from those of {source[:SHORT_ID]}, which stays as it is"
        return Outcome("imported", session_id, len(imported.messages), reason if source else "")

    def _put_beside(self, source: str, imported: Imported) -> Outcome:
        """Write a session of aloop whose ID has one that was continued or changed here.

        A later import finds it by its ID, which derives from that of the other.
        """
        return self._put_as(copy_id_of(source), imported, source)

    def _open(self, session_id: str) -> tuple[Path, SessionFile] | Outcome:
        """Return the folder and the file of a session, or the outcome if there is none."""
        try:
            entry = self.backend.locate(session_id)
            return self.backend.sessions_dir / entry.folder, self.backend.read(entry)
        except SessionNotFound:
            return Outcome("in trash", session_id)
        except SessionError as error:
            return Outcome("unreadable", session_id, reason=str(error))

    def _take_back(self, source: str, imported: Imported) -> Outcome | None:
        """Add what an export has gained to the session that it was made of.

        Return None if the session was continued or changed, too.
        """
        if source in self._trashed:
            return Outcome("in trash", source)
        opened = self._open(source)
        if isinstance(opened, Outcome):
            return opened
        from aloop.importers.storing.returned import compare  # loads all exports

        folder, stored = opened
        undone = self._undone_turns(folder)
        found = compare(stored.session, imported.tool, as_transcript(imported.messages), undone)
        if found.is_undone:
            return Outcome("exported", source, reason=_UNDONE)
        if found.gained and (found.is_behind or not found.common):
            return None
        if not found.gained and not found.results:
            return Outcome("exported", source, reason="an export of this session, with nothing new")
        label = FORMATS[imported.tool].label
        note = describe_return(label) if found.gained else ""
        reason = f"added what was said in {label} since the export" if found.gained else ""
        reason += _RESTORED if found.restores else ""
        kept = [
            found.results[old.tool_call_id] if is_placeholder(old) and old.tool_call_id in found.results else old
            for old in stored.session.messages
        ]
        added = [LLMMessage("system", note), *found.gained] if found.gained else []
        if refusal := self._refusal(stored, kept, added):
            return refusal
        updated = Outcome("updated", source, len(found.gained), reason, calls=count_calls(found.gained))
        if self._dry:
            return updated
        self._on_write(source, note)
        if not self._append(folder, stored, imported, kept, added):
            return Outcome("in use", source)
        return updated

    def _create(self, session: Session, imported: Imported) -> bool:
        """Write a new session; return False if another import has just done so."""
        with explained("write the session", self.sessions_dir):
            fs, folder = self.backend.fs, self.backend.make_folder(session)
            try:
                with write_lock(fs, folder, session.id):
                    if self._is_written(session):
                        remove_unused(fs, folder)
                        return False
                    self._write_into(folder, session, imported)
            except BaseException:
                # Only if nothing is in it: another import may have begun to use it.
                with contextlib.suppress(OSError):
                    fs.rmdir(folder)
                raise
            date_folder(fs, folder, session.updated_at)
        return True

    def _write_into(self, folder: Path, session: Session, imported: Imported) -> None:
        """Write the files of a new session into its locked folder."""
        fs = self.backend.fs
        # Not new if a crash left it without a session.yaml, perhaps with the journal of its first turn.
        is_new = LOCK_NAMES.issuperset(fs.names(folder))
        try:
            self._write_files(folder, imported, session.messages)
            messages = tuple(self._kept(folder, message) for message in session.messages)
            session = replace(session, messages=messages)
            self.backend.create(session if imported.session else marked(session), folder)
        except BaseException:
            # A folder without its session.yaml would be a problem for each later check.
            if is_new:
                with contextlib.suppress(OSError):
                    fs.remove_tree(self.sessions_dir, folder.name)
            raise

    def _is_written(self, session: Session) -> bool:
        """Return True if a folder for the session has its file."""
        headers = (read_header(self.backend.fs, str(self.sessions_dir), name) for name in folder_names(session))
        return any(header and header.id == session.id for header in headers)

    def _update(self, session_id: str, imported: Imported) -> Outcome:
        opened = self._open(session_id)
        if isinstance(opened, Outcome):
            return opened
        folder, stored = opened
        kept = stored.session.messages
        fresh = to_session(session_id, imported).messages
        fresh = fresh if imported.session else tuple(in_stored_order(kept, fresh))
        common = count_same(kept, fresh)
        has_come = [is_placeholder(old) and not is_placeholder(new) for old, new in zip(kept, fresh, strict=False)]
        if common == len(fresh) and not any(has_come):
            return self._restore_files(folder, session_id, imported)
        if imported.session:
            if older := self._skip_older(folder, stored.session, imported.session):
                return older
            # One that has exactly the first messages of the original loses nothing by the others.
            if kept != fresh[: len(kept)]:
                return self._put_beside(session_id, imported)
        else:
            untouched = untouched_count(stored.session)
            if untouched == len(kept):
                kept = with_progress(kept, fresh, common)
                common = count_same(kept, fresh)
            if min(common, untouched) < len(kept):
                is_own = untouched < len(kept)
                reason = "you changed or continued it in aloop" if is_own else "its messages here and there differ"
                is_more = len(kept) > 1  # than the message about the origin
                is_other = _is_other(untouched, fresh, common)
                return Outcome("continued" if is_more else "unchanged", session_id, reason=reason, is_other=is_other)
        added = fresh[len(kept) :]
        newer = [result if is_new else old for old, result, is_new in zip(kept, fresh, has_come, strict=False)]
        if refusal := self._refusal(stored, newer, added):
            return refusal
        restores = imported.session and self._restores(folder, stored.session, fresh)
        reason = f"added what is new{_RESTORED}" if restores else ""
        updated = Outcome("updated", session_id, len(added), reason, calls=count_calls(added))
        if self._dry:
            return updated
        note = "" if imported.session else describe_origin(imported)
        self._on_write(session_id, note)
        if not self._append(folder, stored, imported, newer, added, is_copy=True):
            return Outcome("in use", session_id)
        return updated

    def _skip_older(self, folder: Path, session: Session, copied: Session) -> Outcome | None:
        """Return the outcome for a copy of a session that has nothing new, else None."""
        kept, fresh = session.messages, copied.messages
        nothing_new = Outcome("exported", session.id, reason="an older copy of this session, with nothing new")
        undone = Outcome("exported", session.id, reason=_UNDONE)
        marks, turns = list(before_marks(session)), list(before_undo(session, self._undone_turns(folder)))
        for states, outcome in ((marks, nothing_new), (turns, undone)):
            if any(count_same(each.messages, fresh) == len(fresh) for each in states):
                return outcome
        if kept == fresh[: len(kept)] or copied.updated_at > session.updated_at:
            return None
        for states, outcome in (([session, *marks], nothing_new), (turns, undone)):
            if any(ends_in(each.messages, each.messages, fresh) for each in states):
                return outcome
        return None

    def _restores(self, folder: Path, session: Session, fresh: Sequence[LLMMessage]) -> bool:
        """Return True if a longer copy of a session has turns that were undone here."""
        earlier = before_undo(session, self._undone_turns(folder))
        return any(count_same(each.messages, fresh) > len(session.messages) for each in earlier)

    def _undone_turns(self, folder: Path) -> list[UndoneTurn]:
        """Return the turns that /redo can restore, last undone first."""
        found: list[UndoneTurn] = []
        with contextlib.suppress(OSError, SessionFileError):  # /redo names the file
            found.extend(undone_turns(self.backend.fs, folder))
        return found

    def _append(
        self,
        folder: Path,
        stored: SessionFile,
        imported: Imported,
        kept: Sequence[LLMMessage],
        added: Sequence[LLMMessage],
        *,
        is_copy: bool = False,
    ) -> bool:
        """Save a session with more messages; return False if it is in use.

        ``kept`` are its messages, some of which may have been replaced. ``is_copy`` is True if all messages are those
        of the other tool.
        """
        session_id = stored.session.id
        with explained("write the session", folder):
            try:
                held = OpenLock(self.backend.fs, folder, session_id, sign=False)
            except SessionError:
                return False
            try:
                with write_lock(self.backend.fs, folder, session_id):
                    self._write_files(folder, imported, added)
                    new = tuple(self._kept(folder, message) for message in added)
                    olds = stored.session.messages
                    old = tuple(
                        each if each is before else self._kept(folder, each)
                        for each, before in zip(kept, olds, strict=True)
                    )
                    moment_of_end = max(filter(None, (imported.updated_at, stored.session.updated_at)))
                    session = replace(stored.session, messages=(*old, *new), updated_at=moment_of_end.astimezone())
                    stored.save(marked(session) if is_copy and "imported" in session.extra else session, new)
                    stored.sync()
            except (ConcurrentChange, SessionBusy):
                return False
            finally:
                held.release()
            date_folder(self.backend.fs, folder, session.updated_at)
        return True

    def _write_files(self, folder: Path, imported: Imported, messages: Sequence[LLMMessage]) -> None:
        fs = self.backend.fs
        if imported.session and imported.path:
            for message in messages:
                for part in message.parts:
                    if part.file not in imported.files:
                        copy_media(fs, imported.path.parent, folder, part)
                if message.output_file and message.output_file not in imported.files:
                    copy_output(fs, imported.path.parent, folder, message.output_file)
        for name, data in imported.files.items():
            make_own_folder(fs, folder, name.partition("/")[0])
            if not fs.exists(folder / name):
                write_atomic(fs, folder / name, [data])

    def _restore_files(self, folder: Path, session_id: str, imported: Imported) -> Outcome:
        """Write the files of a session that is unchanged and lacks them here."""
        fs = self.backend.fs
        lacking = {} if not imported.session else imported.files
        lacking = {name: data for name, data in lacking.items() if not fs.exists(folder / name)}
        if not lacking:
            return Outcome("unchanged", session_id)
        if not self._dry:
            with explained("write the session", folder):
                try:
                    with write_lock(fs, folder, session_id):
                        self._write_files(folder, replace(imported, path=None, files=lacking), ())
                except SessionBusy:
                    return Outcome("in use", session_id)
        return Outcome("updated", session_id, reason=f"restored {quantity(len(lacking), 'file')} that it lacked here")

    def _kept(self, folder: Path, message: LLMMessage) -> LLMMessage:
        """Return the message; a long result is shortened, and stored in full in a file."""
        if message.output_file or not is_long(message):
            return message
        text = message.content or ""
        kept = keep_output(self.backend.fs, folder, message.name or "tool", text)
        return replace(message, content=brief(text, kept.relative), output_file=kept.relative)

    def _refusal(self, stored: SessionFile, kept: Sequence[LLMMessage], added: Sequence[LLMMessage]) -> Outcome | None:
        """Return the outcome if ``_append`` could not save these messages, else None."""
        session_id = stored.session.id
        try:
            stored.require_known_version()
        except SessionError as error:
            return Outcome("unreadable", session_id, reason=str(error))
        replaced = [new for new, old in zip(kept, stored.session.messages, strict=True) if new is not old]
        excess = self._limit.excess([*replaced, *added], len(stored.data))
        return Outcome("too large", session_id, reason=excess) if excess else None


def _plan_of(imported: Imported) -> _Plan:
    texts = (each for each in imported.outlines if each.role in ("user", "assistant"))
    size = sum(each.role != "system" for each in imported.outlines)
    return _Plan([_quick_hash(each) for each in texts], size, imported.call_count)


def _quick_hash(message: Outline) -> int:
    """Return a hash of the size and the ends of the text, and of the calls."""
    text = message.content or ""
    return hash((message.role, len(text), text[:50], text[-50:], *message.tool_calls))


def _planned(session_id: str, old: _Plan, new: _Plan) -> Outcome:
    """Return the outcome for a session that a dry run would have written before."""
    if old.hashes == new.hashes[: len(old.hashes)] and new.size > old.size:
        return Outcome("updated", session_id, new.size - old.size, calls=new.calls - old.calls)
    if new.hashes == old.hashes[: len(new.hashes)]:
        return Outcome("unchanged", session_id)
    return Outcome("continued", session_id, reason="its messages here and there differ", is_other=True)


def _is_other(untouched: int, fresh: Sequence[LLMMessage], common: int) -> bool:
    """Return True if an imported message that was not changed differs."""
    return common < min(untouched, len(fresh))
