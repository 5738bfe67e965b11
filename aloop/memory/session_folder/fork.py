"""The source of a fork: another session's text and stored tool results."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aloop.errors import SessionFileError, UnstorableValue
from aloop.memory.codec.edits import MessageEdits
from aloop.memory.codec.emitter import emit_time
from aloop.memory.codec.patch import check_text, revise
from aloop.memory.codec.schema import KNOWN_VERSION
from aloop.memory.codec.serialization import parse
from aloop.memory.codec.splice import splice
from aloop.memory.disk.filesystem import FileSystem
from aloop.memory.session import FILE_NAME, Session
from aloop.memory.session_folder.media import copy_media
from aloop.memory.session_folder.outputs import copy_output
from aloop.memory.session_folder.session_file import SessionFile


@dataclass(frozen=True, slots=True)
class ForkSource:
    """A stored session: ``data`` is its text in UTF-8, ``session`` the content."""

    folder: Path
    data: bytes
    session: Session

    @classmethod
    def of(cls, stored: SessionFile | None) -> ForkSource | None:
        return ForkSource(stored.path.parent, bytes(stored.data), stored.session) if stored else None

    def carry_over(self, fs: FileSystem, fork: Session, folder: Path) -> bytes | None:
        """Copy the tool results that ``fork`` refers to, and return the fork's text.

        The text keeps comments and unknown keys of the source. None means that it cannot, and that the fork needs a new
        text. Raises OSError.
        """
        for message in fork.messages:
            if message.output_file:
                copy_output(fs, self.folder, folder, message.output_file)
            for part in message.parts:
                copy_media(fs, self.folder, folder, part)
        if fork.system_messages != self.session.system_messages:
            return None
        if self.session.version > KNOWN_VERSION:
            # The text of a later version could not be continued.
            return None
        try:
            return self._text_of(fork, folder / FILE_NAME)
        except (SessionFileError, UnstorableValue, ValueError):  # a list in brackets, for example
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
