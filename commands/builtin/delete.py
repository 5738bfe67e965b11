"""/delete: move a session to the trash."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aloop.errors import AmbiguousPrefix, SessionNotFound
from commands.builtin.resume import find_id, show_candidates
from commands.registry import Argument, Command, Outcome
from commands.selection import save_before_leaving
from commands.session_browser import SessionBrowser

if TYPE_CHECKING:
    from commands.context import Context


async def delete(context: Context, argument: str) -> Outcome:
    """Move a session to the trash, after a question: the one that ``argument`` names, or the open one."""
    memory = context.memory
    if not argument and not memory.message_count and memory.path is None:
        context.view.info("This session is new: there is nothing to delete.")
        return Outcome()
    wanted = find_id(context, argument) if argument else await memory.find_own_name()
    if wanted is None:
        return Outcome()
    # Imported here, where the engine is loaded: at the top it would be, too, before the first prompt is drawn.
    from aloop.memory.session import require_prefix_length

    require_prefix_length(wanted)
    if memory.session_id.startswith(wanted):
        # What a failed save has left goes into the trash too: it may be wanted back.
        await save_before_leaving(memory)
    try:
        found = await memory.library.find_by_prefix(wanted)
    except AmbiguousPrefix as error:
        await show_candidates(context, error)
        return Outcome()
    if found is None:
        raise SessionNotFound(wanted)
    await _delete(context, found)
    return Outcome()


async def _delete(context: Context, session_id: str) -> None:
    memory = context.memory
    rows = await memory.library.list_sessions(1, prefix=session_id)
    if not rows:
        raise SessionNotFound(session_id)
    # As above.
    from aloop.formatting import describe

    if not await context.view.confirm(f"Delete {describe(rows[0])}?"):
        context.view.info("Nothing was deleted.")
        return
    context.view.info(await SessionBrowser(memory).trash(session_id))


COMMAND = Command(
    name="delete",
    summary="Move a session to the trash, this one or another",
    handler=delete,
    usage="[ID or ROW]",
    argument=Argument.SESSION,
    example="/delete a1b2c3d4",
)
