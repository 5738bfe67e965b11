"""The running turn on disk, so that a crash loses nothing that was shown.

Each finished message is appended and synced. The text of an unfinished answer is appended in pieces, which are not
synced; the next finished message replaces them. The file is YAML like a session's; a line with a checksum follows each
part, to detect a part cut off by a crash. The writer holds a kernel lock on the file: if another process can lock it,
the writer is dead.

The header contains a proof, made with a key that is stored in the user's state directory: a journal that came with a
clone or was put there by someone else has none, and is not added to a session.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from aloop.config.user_folders import state_dir
from aloop.errors import SessionFileError
from aloop.llm.json_values import EMPTY, JsonObject
from aloop.llm.message_types import LLMMessage
from aloop.memory.codec.emitter import (
    END_MARKER,
    ITEM_COLUMN,
    emit_messages,
    emit_pairs,
    emit_section,
    emit_text,
    emit_time,
)
from aloop.memory.codec.nodes import ScalarNode
from aloop.memory.codec.serialization import interpret, parse
from aloop.memory.disk.filesystem import FileSystem, is_running, temporary_name, write_all
from aloop.memory.disk.locks import acquire
from aloop.memory.session import Session

_NAME = re.compile(r"\.journal-(\d+)-[0-9a-f]{8}\.yaml")
_SEAL = re.compile(rb"^# whole, checksum ([0-9a-f]{8})\n", re.MULTILINE)
_NOTE = "# The running turn. Deleted when the turn is saved; after a crash, added to the session at the next start.\n"


def is_journal(name: str) -> bool:
    return _NAME.fullmatch(name) is not None


# The journals that this process is writing.
_own: set[Path] = set()


def is_written(path: Path) -> bool:
    """Return True if the process named in a journal's file name may be writing it.

    Only for file systems without locks: the ID may have been reused since.
    """
    match = _NAME.fullmatch(path.name)
    if match is None:
        return False
    process = int(match[1])
    return path in _own if process == os.getpid() else is_running(process)


@dataclass(frozen=True, slots=True)
class JournalRecord:
    """The content of a journal.

    ``session`` has only the finished messages of the turn, which follow ``base`` others. ``partial`` is the answer that
    was not finished. ``is_own`` is False if this user's aloop has not written it.
    """

    session: Session
    base: int
    is_own: bool = True
    partial: LLMMessage | None = None


_PIECE_KEY = "piece_of_answer"


class Journal:
    """A journal being written; methods raise OSError.

    After an error, the file stays and gets no more messages.
    """

    def __init__(self, fs: FileSystem, path: Path, descriptor: int, size: int) -> None:
        self._fs = fs
        self._path = path
        self._descriptor: int | None = descriptor
        self._failed = False
        self._size = size
        self._incomplete_answer = 0

    @classmethod
    def start(cls, fs: FileSystem, folder: Path, session: Session, base: int) -> Journal:
        """Start a journal for a turn of ``session``, which has ``base`` messages so far."""
        path = folder / f".journal-{os.getpid()}-{secrets.token_hex(4)}.yaml"
        # Renamed only after it is locked, so that no process finds it unlocked while its writer is alive.
        temporary = folder / temporary_name("journal")
        descriptor = fs.create(temporary)
        try:
            acquire(fs, descriptor)
            header = _sealed(_header(session, base, _proof(path.name, session.id)))
            write_all(fs, descriptor, [header])
            fs.fsync(descriptor)
            fs.rename(temporary, path)
            fs.sync_folder(folder)
        except BaseException:
            for name in (temporary, path):
                with contextlib.suppress(OSError):  # report the first error
                    fs.unlink(name)
            with contextlib.suppress(OSError):
                fs.close(descriptor)
            raise
        _own.add(path)
        return cls(fs, path, descriptor, len(header))

    def add(self, message: LLMMessage) -> None:
        """Append a finished message; on return, it is durable."""
        if self._descriptor is None or self._failed:
            return
        try:
            self._append(self._descriptor, message)
            self._fs.fsync(self._descriptor)
        except OSError:
            # Keep it open and locked, or another process would recover this turn as that of a dead writer.
            self._failed = True
            raise

    def add_piece(self, piece: LLMMessage, answer: int) -> None:
        """Append a piece of the text of an unfinished answer, without a sync.

        ``answer`` is another number, greater than 0, for each attempt to get an answer: only the last one counts. After
        an error the journal gets no more pieces of this answer, but later messages.
        """
        if self._descriptor is None or self._failed or answer == self._incomplete_answer:
            return
        try:
            self._append(self._descriptor, replace(piece, extra=JsonObject({_PIECE_KEY: answer})))
        except OSError:
            self._incomplete_answer = answer
            try:
                # Part of it may be written, and would damage the next message.
                self._fs.truncate(self._descriptor, self._size)
            except OSError:
                self._failed = True
            raise

    def _append(self, descriptor: int, message: LLMMessage) -> None:
        data = _sealed(emit_messages([message], ITEM_COLUMN))
        write_all(self._fs, descriptor, [data])
        self._size += len(data)

    def follow(self, folder: Path) -> None:
        """Use ``folder`` as the new path of the session's folder, which was moved."""
        is_own = self._path in _own
        _own.discard(self._path)
        self._path = folder / self._path.name
        if is_own:
            _own.add(self._path)

    def close(self) -> None:
        """Stop writing; the file stays for recovery at the next start."""
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            _own.discard(self._path)
            with contextlib.suppress(OSError):  # every message is synced already
                self._fs.close(descriptor)

    def discard(self) -> None:
        """Delete the file, because the turn was saved or taken back."""
        try:
            self._fs.unlink(self._path)
        finally:
            self.close()


def read_journal(data: bytes, path: Path) -> JournalRecord | None:
    """Return the content of the intact parts, or None if the header is damaged."""
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
    base, proof = parsed.root.values.get("base"), parsed.root.values.get("proof")
    number = int(base.text) if isinstance(base, ScalarNode) and base.text.isdigit() else 0
    expected = _proof(path.name, session.id)
    # Without a key, nothing can be proved, and a turn must not be lost for that.
    is_own = not expected or (isinstance(proof, ScalarNode) and proof.text == expected)
    finished, partial = _join_pieces(session.messages)
    session = replace(session, messages=finished, extra=session.extra.with_values(base=None, proof=None))
    return JournalRecord(session, number, is_own, partial)


def _join_pieces(messages: Sequence[LLMMessage]) -> tuple[tuple[LLMMessage, ...], LLMMessage | None]:
    """Return the finished messages, and the unfinished answer after them."""
    finished: list[LLMMessage] = []
    pieces: list[LLMMessage] = []
    for message in messages:
        answer = message.extra.get(_PIECE_KEY)
        if answer is None:
            finished.append(message)
            pieces.clear()
            continue
        if pieces and pieces[-1].extra[_PIECE_KEY] != answer:
            pieces.clear()
        pieces.append(message)
    if not pieces:
        return tuple(finished), None
    text = "".join(piece.content or "" for piece in pieces)
    return tuple(finished), replace(pieces[-1], content=text, extra=EMPTY)


_KEY_SIZE = 32


def _proof(name: str, session_id: str) -> str:
    """Return what only this user's aloop can write into the journal ``name``.

    It is empty if the state directory cannot be used.
    """
    # Imported late for startup time.
    import hmac

    key = _load_key(state_dir() / "aloop" / "journal-key")
    return hmac.digest(key, f"{name}\n{session_id}".encode(), "sha256").hex() if key else ""


@lru_cache(maxsize=8)
def _load_key(path: Path) -> bytes | None:
    """Return the key in ``path``, made if missing, or None if that fails."""
    try:
        with contextlib.suppress(FileNotFoundError):
            if len(key := path.read_bytes()) == _KEY_SIZE:
                return key
            path.unlink()  # a power failure has emptied it
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = path.with_name(temporary_name(path.name))
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            try:
                os.write(descriptor, secrets.token_bytes(_KEY_SIZE))
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            # A link, because it does not replace the key that another process makes at the same time.
            with contextlib.suppress(FileExistsError):
                os.link(temporary, path)
            FileSystem().sync_folder(path.parent)
        finally:
            temporary.unlink()
        return path.read_bytes()
    except OSError:  # a home that is not writable, for example
        return None


def _header(session: Session, base: int, proof: str) -> str:
    system = emit_section("system_messages", session.system_messages)
    title = f"title: {emit_text(session.title, 2)}\n" if session.title else ""
    extra = "".join(emit_pairs(session.extra.with_values(base=None, proof=None), 0))
    return (
        f"{_NOTE}id: {session.id}\ncreated_at: {emit_time(session.created_at)}\n"
        f"updated_at: {emit_time(datetime.now().astimezone())}\n{title}base: {base}\n"
        f'proof: "{proof}"\n{extra}{system}messages:\n'
    )


def _sealed(text: str) -> bytes:
    data = text.encode()
    return data + b"# whole, checksum %08x\n" % zlib.crc32(data)
