"""/history: look at what is saved, without changing what is open."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from aloop.errors import AmbiguousPrefix
from commands.builtin.resume import find_id, show_candidates
from commands.pages import SessionStream, Transcript
from commands.registry import Argument, Command, Outcome

if TYPE_CHECKING:
    from aloop.memory import SessionSummary
    from commands.context import Context


async def history(context: Context, argument: str) -> Outcome:
    """Show all saved sessions as rows, or the whole conversation that ``argument`` names."""
    memory = context.memory
    if not argument:
        context.rows = []
        await context.view.show(SessionStream(_as_rows(context, memory.library.iterate_sessions())))
        if not context.rows:
            context.view.info(f"There are no saved sessions in {memory.sessions_dir} yet.")
        return Outcome()
    wanted = find_id(context, argument)
    if wanted is None:
        return Outcome()
    try:
        session = await memory.library.load(wanted)
    except AmbiguousPrefix as error:
        await show_candidates(context, error)
    else:
        await context.view.show(Transcript(session))
    return Outcome()


async def _as_rows(context: Context, sessions: AsyncIterator[SessionSummary]) -> AsyncIterator[SessionSummary]:
    """Note each session as a row, as it is shown."""
    async for session in sessions:
        context.rows.append(session.id)
        yield session


COMMAND = Command(
    name="history",
    summary="List all saved sessions, or read one from start to end",
    handler=history,
    usage="[ID or ROW]",
    argument=Argument.SESSION,
    aliases=("sessions",),
    example="/history a1b2c3d4",
)
