"""What a fork is made from: the text of another session, and the long results that lie beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aloop.errors import SessionFileError, UnstorableValue
from aloop.memory.codec.edits import MessageEdits
from aloop.memory.codec.emitter import emit_time
from aloop.memory.codec.patch import check_text, revise
from aloop.memory.codec.serialization import parse
from aloop.memory.codec.splice import splice
from aloop.memory.disk.filesystem import FileSystem
from aloop.memory.session import FILE_NAME, Session
from aloop.memory.session_folder.outputs import copy_output
from aloop.memory.session_folder.session_file import SessionFile


@dataclass(frozen=True, slots=True)
class ForkSource:
    """A session as its file had it: ``data`` is the text as UTF-8, ``session`` what that says."""

    folder: Path
    data: bytes
    session: Session

    @classmethod
    def of(cls, stored: SessionFile | None) -> ForkSource | None:
        return ForkSource(stored.path.parent, bytes(stored.data), stored.session) if stored else None

    def carry_over(self, fs: FileSystem, fork: Session, folder: Path) -> bytes | None:
        """Put the long results that ``fork`` names into its folder, and return its text; raises OSError.

        In that text stands what a person has written around the messages that both have; None where it takes a new one.
        """
        for message in fork.messages:
            if message.output_file:
                copy_output(fs, self.folder, folder, message.output_file)
        if fork.system_messages != self.session.system_messages:
            return None
        try:
            return self._text_of(fork, folder / FILE_NAME)
        except (SessionFileError, UnstorableValue, ValueError):  # as a list in brackets, for one, can not be taken over
            return None

    def _text_of(self, fork: Session, path: Path) -> bytes:
        text = revise(self.data, path, self.session, fork, fork.messages)
        edits = MessageEdits(parse(bytes(text), path))
        values = {
            "id": fork.id,
            "created_at": emit_time(fork.created_at),
            "updated_at": emit_time(fork.updated_at),
            "forked_from": self.session.id,
        }
        text = bytearray(b"".join(splice(text, [edits.header_value(key, value) for key, value in values.items()])))
        check_text(text, path, fork)
        return bytes(text)
