"""Where turns go while session.yaml can not be read: a file of their own beside it."""

from __future__ import annotations

from dataclasses import dataclass

from aloop.errors import SessionFileError
from aloop.memory.conversation import Conversation
from aloop.memory.os_port import OsPort
from aloop.memory.session import FILE_NAME, SaveReport
from aloop.memory.stored import StoredSession, time_mark


@dataclass(slots=True)
class Beside:
    """The file beside one session's, None as long as there is none. Methods raise OSError."""

    stored: StoredSession | None = None

    def save(
        self, broken: StoredSession, conversation: Conversation, model: str | None, error: SessionFileError
    ) -> SaveReport:
        """Save the whole conversation, anew with each turn until session.yaml reads again; ``broken`` is that file."""
        session = conversation.snapshot(model)
        if self.stored:
            path = self.stored.path
        else:
            path = broken.path.with_name(f"session.recovered-{time_mark(session.updated_at)}.yaml")
        changed = conversation.system_changed
        self.stored = broken.write_beside(path, session, conversation.unsaved, system_changed=changed)
        notice = f"{error}. The file is left as it is, and this turn was saved beside it, in {path.name}."
        return SaveReport(path, beside=True, notice=notice)

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
