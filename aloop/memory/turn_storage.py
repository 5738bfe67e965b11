"""The storage of one turn: its journal, and the save at its end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from aloop.errors import StorageError
from aloop.llm.message_types import LLMMessage
from aloop.memory.conversation import Conversation
from aloop.memory.session import SaveReport
from aloop.memory.session_writer import SessionWriter


class JournaledTurn:
    """Writes a turn of ``conversation`` to its journal, off the event loop.

    ``disk_lock`` is held while the session file is read. ``save`` saves the session, and ``notify`` is called with each
    sentence that the user should read.
    """

    def __init__(
        self,
        writer: SessionWriter,
        conversation: Conversation,
        disk_lock: asyncio.Lock,
        save: Callable[[], Awaitable[SaveReport]],
        notify: Callable[[str], None],
    ) -> None:
        self._writer = writer
        self._conversation = conversation
        self._disk_lock = disk_lock
        self._save = save
        self._notify = notify
        self._has_lost_pieces = False

    async def begin(self) -> None:
        if self._writer.path is None and self._conversation.messages:
            # The journal contains only this turn, so the messages before it, in a fork, must be saved first. If that
            # fails, the journal or the end of the turn fails too and reports the reason.
            with contextlib.suppress(StorageError):
                await self._save()
        async with self._disk_lock:
            notices = await asyncio.to_thread(self._writer.begin_turn, self._conversation)
        for notice in notices:
            self._notify(notice)

    async def note(self, message: LLMMessage) -> None:
        """Write a finished message to the journal; report a failure once."""
        notice = await asyncio.to_thread(self._writer.note, message)
        if notice:
            self._notify(notice)

    async def note_piece(self, piece: LLMMessage, answer: int) -> None:
        """Write a piece of an unfinished answer to the journal; report a failure once."""
        notice = await asyncio.to_thread(self._writer.note_piece, piece, answer)
        if notice and not self._has_lost_pieces:
            self._has_lost_pieces = True
            self._notify(notice)

    async def drop(self) -> None:
        await asyncio.to_thread(self._writer.drop_turn)

    async def save(self) -> SaveReport:
        return await self._save()
