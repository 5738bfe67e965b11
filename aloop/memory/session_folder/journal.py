"""The turn in flight, on disk: each finished message is appended and synced, so that a crash loses none of them.

The file is YAML like a session's. Each part of it is followed by a line with its checksum, so that a part that the
crash cut short is told from a whole one. The writer holds a kernel lock on it: a journal that can be locked is one
whose writer is dead.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import zlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from aloop.errors import SessionFileError
from aloop.llm.message_types import LLMMessage
from aloop.memory.codec.emitter import END_MARKER, ITEM_COLUMN, emit_messages, emit_section, emit_text, emit_time
from aloop.memory.codec.nodes import ScalarNode
from aloop.memory.codec.serialization import interpret, parse
from aloop.memory.disk.filesystem import FileSystem, temporary_name, write_all
from aloop.memory.session import Session

_NAME = re.compile(r"\.journal-\d+-[0-9a-f]{8}\.yaml")
_SEAL = re.compile(rb"^# whole, checksum ([0-9a-f]{8})\n", re.MULTILINE)
_NOTE = "# The turn in flight. It is removed when the turn is saved, and folded in by the next start after a crash.\n"


def is_journal(name: str) -> bool:
    return _NAME.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class JournalRecord:
    """What a journal tells: the session it belongs to, how many messages that had, and those of the turn.

    ``session`` has the turn's messages alone.
    """

    session: Session
    base: int


class Journal:
    """A journal being written. Methods raise OSError; one that failed takes no more, and what it holds stays."""

    def __init__(self, fs: FileSystem, path: Path, descriptor: int) -> None:
        self._fs = fs
        self._path = path
        self._descriptor: int | None = descriptor
        self._failed = False

    @classmethod
    def start(cls, fs: FileSystem, folder: Path, session: Session, base: int) -> Journal:
        """Begin a journal for a turn of ``session``, which has ``base`` messages so far."""
        path = folder / f".journal-{os.getpid()}-{secrets.token_hex(4)}.yaml"
        # It gets its name only once it is locked: under it, nobody ever sees it unlocked while its writer lives.
        temporary = folder / temporary_name("journal")
        descriptor = fs.create(temporary)
        try:
            fs.try_lock(descriptor)
            write_all(fs, descriptor, [_sealed(_header(session, base))])
            fs.fsync(descriptor)
            fs.rename(temporary, path)
            fs.sync_folder(folder)
        except BaseException:
            for name in (temporary, path):
                with contextlib.suppress(OSError):  # the first error is the one to tell
                    fs.unlink(name)
            with contextlib.suppress(OSError):
                fs.close(descriptor)
            raise
        return cls(fs, path, descriptor)

    def add(self, message: LLMMessage) -> None:
        """Append a finished message; when this returns, it is on the disk."""
        if self._descriptor is None or self._failed:
            return
        try:
            write_all(self._fs, self._descriptor, [_sealed(emit_messages([message], ITEM_COLUMN))])
            self._fs.fsync(self._descriptor)
        except OSError:
            # It stays open: without its lock, another start would take this turn for a dead one's.
            self._failed = True
            raise

    def close(self) -> None:
        """Stop writing; the file stays for the next start."""
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            with contextlib.suppress(OSError):  # each message in it is synced
                self._fs.close(descriptor)

    def discard(self) -> None:
        """The turn is saved, or is not to be: remove the file."""
        try:
            self._fs.unlink(self._path)
        finally:
            self.close()


def read_journal(data: bytes, path: Path) -> JournalRecord | None:
    """Return what the whole parts of a journal tell, None when not even its beginning is whole."""
    end = start = 0
    for seal in _SEAL.finditer(data):
        if int(seal.group(1), 16) != zlib.crc32(data[start : seal.start()]):
            break
        start = end = seal.end()
    if not end:
        return None
    try:
        parsed = parse(data[:end] + END_MARKER.encode(), path)
        session = interpret(parsed, path)
    except SessionFileError:
        return None
    base = parsed.root.values.get("base")
    return JournalRecord(session, int(base.text) if isinstance(base, ScalarNode) and base.text.isdigit() else 0)


def _header(session: Session, base: int) -> str:
    system = emit_section("system_messages", session.system_messages)
    title = f"title: {emit_text(session.title, 2)}\n" if session.title else ""
    return (
        f"{_NOTE}id: {session.id}\ncreated_at: {emit_time(session.created_at)}\n"
        f"updated_at: {emit_time(datetime.now().astimezone())}\n{title}base: {base}\n{system}messages:\n"
    )


def _sealed(text: str) -> bytes:
    data = text.encode()
    return data + b"# whole, checksum %08x\n" % zlib.crc32(data)
