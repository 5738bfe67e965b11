"""Where turns go while session.yaml can not be read: a file of their own beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from aloop.errors import SessionFileError
from aloop.memory.conversation import Conversation
from aloop.memory.os_port import OsPort
from aloop.memory.session import FILE_NAME, SaveReport
from aloop.memory.stored import StoredSession, time_mark

IS_BESIDE = re.compile(r"session\.recovered-.*\.yaml").fullmatch


@dataclass(slots=True)
class Beside:
    """The file beside one session's, None as long as there is none. Methods raise OSError."""

    stored: StoredSession | None = None
    _count: int = 0

    def save(
        self, broken: StoredSession, conversation: Conversation, model: str | None, error: SessionFileError
    ) -> SaveReport:
        """Save the whole conversation, anew with each turn until session.yaml reads again; ``broken`` is that file."""
        session = conversation.snapshot(model)
        path = self.stored.path if self.stored else broken.path.with_name(name_beside(session.updated_at))
        changed = conversation.system_changed
        self.stored = broken.write_beside(path, session, conversation.unsaved, system_changed=changed)
        self._count = len(conversation.messages)
        notice = f"{error}. The file is left as it is, and this turn was saved beside it, in {path.name}."
        return SaveReport(path, beside=True, notice=notice)

    def holding(self, conversation: Conversation) -> Path | None:
        """Return the file if it has all messages of ``conversation``; None when some are in memory only."""
        return self.stored.path if self.stored and self._count == len(conversation.messages) else None

    def rejoined(self, port: OsPort) -> list[str]:
        """After session.yaml could be written again: what was saved beside it is in it now."""
        stored, self.stored = self.stored, None
        if stored is None:
            return []
        try:
            if not stored.changed_on_disk():
                port.unlink(stored.path)
                return [f"{FILE_NAME} reads again; the turns from {stored.path.name} were put into it."]
        except FileNotFoundError:
            pass
        return [f"{FILE_NAME} reads again; {stored.path.name} was edited meanwhile and is left to you."]


def name_beside(moment: datetime) -> str:
    """Return the name of such a file that is written first at ``moment``."""
    return f"session.recovered-{time_mark(moment)}.yaml"


@contextmanager
def naming_what_is_beside(port: OsPort, folder: Path) -> Iterator[None]:
    """Have the SessionFileError of the body name the files beside a session's that can not be read; raises OSError."""
    try:
        yield
    except SessionFileError as error:
        names = ", ".join(sorted(filter(IS_BESIDE, port.names(folder))))
        if not names or type(error) is not SessionFileError:
            raise
        reason = f"{error.reason}; what was said since stands beside it, in {names}"
        raise SessionFileError(error.path, error.line, error.column, reason) from None


def left_beside(port: OsPort, folder: Path) -> tuple[str, ...]:
    """Return a sentence for each such file: its turns are in no conversation until somebody puts them there.

    Ask who has the session open alone: another's may go back into session.yaml by itself. Raises OSError.
    """
    return tuple(
        f"Turns that were saved beside {FILE_NAME} are not in it. Take over what you need, then delete {folder / name}"
        for name in sorted(filter(IS_BESIDE, port.names(folder)))
    )
