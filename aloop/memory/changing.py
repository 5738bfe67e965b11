"""What can be done to the conversation that is open, beyond going on with it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TypeVar

from aloop.errors import UsageError
from aloop.llm.base import LLM
from aloop.llm.message_types import LLMMessage
from aloop.memory import draft as drafts
from aloop.memory.atomic import explain
from aloop.memory.beside import left_beside
from aloop.memory.conversation import Change, Conversation
from aloop.memory.draft import Draft
from aloop.memory.keeper import Amendment, Keeper
from aloop.memory.lookup import Lookup
from aloop.memory.session import SaveReport
from aloop.memory.turn import to_the_end
from aloop.memory.undo import Redo, Redone, Undo

T = TypeVar("T")


class Changing(Lookup):
    """The part of MemoryManager that changes what was said: in memory, and in the file just what differs."""

    llm: LLM | None
    on_notice: Callable[[str], None] | None
    _keeper: Keeper
    _conversation: Conversation
    _working: asyncio.Lock

    async def edit(self, change: Change) -> None:
        """Replace the messages by what ``change`` makes of all there are, in memory and in the file.

        Only what differs is written. ``change`` sees what others did to the file meanwhile, and may be called more than
        once. While a turn runs, the file follows at the turn's end. Raises as ``save_memory`` does, SessionFileError
        when the file can not be read, and what ``change`` raises; then nothing was changed.
        """
        model = self.llm.model if self.llm else None
        report = await self._work(lambda: self._keeper.edit(self._conversation, change, model))
        if report:
            self._report(report)

    async def rename(self, title: str) -> None:
        """Give the session a title, in memory and in the header of its file, if it has one yet.

        Raises UsageError for a title that is none, and as ``save_memory`` does; then the next save takes it along.
        """
        self._conversation.rename(title)
        if self._keeper.stored is not None:
            self._report(await self._work(lambda: self._keeper.save(self._conversation, None)))

    async def undo(self) -> tuple[LLMMessage, ...]:
        """Take the last turn out, from the last thing that the user said on, and return its messages.

        They are kept in a file beside the session's, for ``redo``. Raises UsageError when there is no turn, and as
        ``edit`` does.
        """
        if not self._conversation.messages and self._keeper.stored is None:
            raise UsageError("There is nothing to undo: nobody has said anything in this session.")
        undo = Undo(self._keeper.backend.port)
        await self._amend(undo)
        return undo.taken

    async def redo(self) -> Redone:
        """Put back the turn that ``undo`` took out last, also when that was in another process.

        Where the same question was asked again instead, its turn goes out for the one before. Raises UsageError when
        there is nothing to put back, or the conversation has gone on, and as ``edit`` does.
        """
        if self._keeper.stored is None:
            raise UsageError("There is nothing to redo.")
        redo = Redo(self._keeper.backend.port)
        await self._amend(redo)
        await self._work(redo.forget)
        return redo.result

    async def begin_edit(self, number: int | None = None) -> Draft:
        """Return a copy of the session's file for an editor, at message ``number`` (from 1, None for none).

        Raises UsageError when there is no such message or no file yet, StorageError, and as ``save_memory`` does.
        """
        port, target = self._keeper.backend.port, self._keeper.stored.path if self._keeper.stored else None
        if target is None:
            raise UsageError("This session has no file yet: it gets one with its first turn.")
        # What others did to the file is told as theirs, and not later as part of this edit.
        await self._refresh()
        try:
            return await self._work(lambda: drafts.begin(port, target, self._conversation.head.id, number))
        except OSError as error:
            raise explain(error, "copy the session for the editor", target.parent) from error

    async def finish_edit(self, draft: Draft) -> bool:
        """Make an edited copy the session's file and go on with what it says; False when nothing was changed.

        Raises SessionFileError, with the place, when it is fit to be no session, or another one; StorageError,
        SessionBusy. Then the copy stays where it is, and the session as it was.
        """
        try:
            is_changed, notice = await self._work(lambda: drafts.finish(self._keeper.backend.port, draft))
        except OSError as error:
            raise explain(error, "take the edited session over", draft.target.parent) from error
        if is_changed:
            if notice:
                self._tell(notice)
            await self._refresh(own=notice is None)
        return is_changed

    async def drop_edit(self, draft: Draft) -> bool:
        """Give an edit up; return whether its copy stays, for something was written into it. Raises StorageError."""
        try:
            return await self._work(lambda: drafts.drop(self._keeper.backend.port, draft))
        except OSError as error:
            raise explain(error, "look at the edited session", draft.path.parent) from error

    async def _find_left_behind(self) -> tuple[str, ...]:
        """Return a sentence for each edit that was never taken over, and for turns that session.yaml could not take."""
        keeper = self._keeper
        if keeper.stored is None or not keeper.hold:  # else another shell may be at them
            return ()
        folder = keeper.stored.path.parent
        with contextlib.suppress(OSError):  # the session is open all the same, and a check finds them too
            port = keeper.backend.port
            return await self._work(lambda: (*drafts.left_over(port, folder), *left_beside(port, folder)))
        return ()

    async def _refresh(self, *, own: bool = False) -> None:
        for notice in await self._work(lambda: self._keeper.refresh(self._conversation, own=own)):
            self._tell(notice)

    async def _amend(self, amendment: Amendment) -> None:
        self._report(await self._work(lambda: self._keeper.amend(self._conversation, None, amendment)))

    async def _work(self, work: Callable[[], T]) -> T:
        """Do something on the disk, off the event loop and alone, and to its end, whoever cancels meanwhile."""
        async with self._working:
            return await to_the_end(asyncio.to_thread(work))

    def _report(self, report: SaveReport) -> None:
        if report.notice:
            self._tell(report.notice)

    def _tell(self, notice: str) -> None:
        if self.on_notice is not None:
            self.on_notice(notice)
