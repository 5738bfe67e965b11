"""/history: list saved sessions, or show one without opening it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from aloop.formatting import display_path
from commands.builtin.rewind import questions_of
from commands.pages import SessionStream, Transcript
from commands.registry import Argument, Command
from commands.selection import read_session

if TYPE_CHECKING:
    from aloop.memory import SessionSummary
    from commands.context import Context


async def history(context: Context, argument: str) -> None:
    """List all saved sessions as rows, or show the session in ``argument``.

    Without one, the numbers of the messages in the open session are shown before.
    """
    memory = context.memory
    if not argument:
        # First, because the sessions may fill many screens.
        if (page := questions_of(memory.messages)).rows:
            context.view.info("Your messages in this session, with the numbers for /rewind, /skip and /edit:")
            await context.view.show(page)
            context.view.info("\nSessions:")
        context.rows = []
        await context.view.show(SessionStream(_as_rows(context, memory.library.iterate_sessions())))
        if not context.rows:
            context.view.info(f"No sessions are saved in {display_path(memory.sessions_dir)} yet.")
        return
    session = await memory.library.load(read_session(context, argument))
    await context.view.show(Transcript(session))


async def _as_rows(context: Context, sessions: AsyncIterator[SessionSummary]) -> AsyncIterator[SessionSummary]:
    """Record each session as a row when it is shown."""
    async for session in sessions:
        context.rows.append(session.id)
        yield session


COMMAND = Command(
    name="history",
    summary="List your messages and all sessions, or show one session in full",
    handler=history,
    usage="[ID or ROW]",
    argument=Argument.SESSION,
    aliases=("sessions",),
    example="/history a1b2c3d4",
)
