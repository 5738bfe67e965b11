"""Find out whether a session would be too large to be opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from aloop.config.settings import max_session_size
from aloop.importers.imported import Imported
from aloop.llm.message_types import LLMMessage
from aloop.memory.codec.emitter import ITEM_COLUMN, emit_messages
from aloop.memory.codec.size_bound import close_bound, quick_bound
from aloop.memory.session_folder.outputs import MAX_RESULT_BYTES, brief

_FACTS = 100_000
"""Bytes for the header of a new session, at most; its texts come in addition."""
_NOTE = 20_000
"""Bytes for the note in a shortened result, which has a path, at most."""


class SizeLimit:
    """The largest size of session.yaml."""

    def __init__(self) -> None:
        self._largest = max_session_size()

    def is_small(self, imported: Imported) -> bool:
        """Return True if a session certainly has less than half of the allowed size.

        The other half is for its header, for notes and for results that the other tool lacks.
        """
        facts = (imported.title, imported.cwd, imported.foreign_id, imported.version, str(imported.path or ""))
        rest = _FACTS + sum(quick_bound(LLMMessage("user", text)) for text in (*facts, *imported.losses))
        room = self._largest // 2 - rest
        return imported.session is None and (imported.size_bound <= room or self._fits(imported.messages, room))

    def _fits(self, messages: Sequence[LLMMessage], size: int) -> bool:
        """Return True if the messages certainly fit into ``size`` bytes of session.yaml."""
        # The exact size takes as long as writing the text.
        if sum(map(_quick_bound, messages)) <= size:
            return True
        return sum(close_bound(self._shortened(message)) for message in messages) <= size

    def _shortened(self, message: LLMMessage) -> LLMMessage:
        """Return the message as in session.yaml, where a long result is shortened.

        Only the name of the file with the long result is not known yet.
        """
        if message.output_file or not is_long(message):
            return message
        return replace(message, content=brief(message.content or ""))

    def excess(self, messages: Sequence[LLMMessage], rest: int) -> str:
        """Return why a session would be too large to be opened; empty if it would not.

        ``rest`` is the size of its text without ``messages``.
        """
        if self._fits(messages, self._largest - rest):
            return ""
        size = rest
        for message in messages:
            size += len(emit_messages([self._shortened(message)], ITEM_COLUMN).encode())
        if size <= self._largest:
            return ""
        size_mb = -(-size // 1_000_000)
        return (
            f"the session would be {size_mb:,} MB, more than the limit of {self._largest // 1_000_000:,} MB; "
            f"set ALOOP_MAX_SESSION_MB={size_mb} to import it"
        )


def _may_be_long(message: LLMMessage) -> bool:
    return message.role == "tool" and len(message.content or "") > MAX_RESULT_BYTES // 4


def is_long(message: LLMMessage) -> bool:
    """Return True if the message is a result that is too long for session.yaml."""
    return _may_be_long(message) and len((message.content or "").encode()) > MAX_RESULT_BYTES


def _quick_bound(message: LLMMessage) -> int:
    """Return a size that the message does not exceed in session.yaml.

    A long result is shortened there.
    """
    if not _may_be_long(message):
        return quick_bound(message)
    return _NOTE + quick_bound(replace(message, content=(message.content or "")[:MAX_RESULT_BYTES]))
