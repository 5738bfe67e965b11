"""/delete: move a session to the trash."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aloop.errors import SHORT_ID, SessionNotFound, UsageError
from commands.builtin.model import leave_resumed
from commands.context import drop
from commands.registry import Argument, Command
from commands.selection import read_session
from commands.session_browser import SessionBrowser, save_before_leaving

if TYPE_CHECKING:
    from commands.context import Context


async def delete(context: Context, argument: str) -> None:
    """Ask, then move the session in ``argument``, or the open one, to the trash."""
    memory = context.memory
    if not argument and not memory.message_count and memory.path is None:
        context.view.info("This session is new, so there is nothing to delete.")
        return
    wanted = read_session(context, argument) if argument else await memory.find_own_name()
    # Imported late for startup time.
    from aloop.memory.session import require_prefix_length

    require_prefix_length(wanted)
    if memory.session_id.startswith(wanted):
        # Messages left by a failed save go to the trash too, in case the session is restored.
        await save_before_leaving(memory)
    found = await memory.library.find_by_prefix(wanted)
    if found is None and wanted != argument.lower():
        # Names the session: the user may have meant a row of an earlier list.
        gone = f"Row {argument} of the last list is session {wanted[:SHORT_ID]}, which is not among the saved sessions."
        raise UsageError(f"{gone} /history lists them.")
    if found is None:
        raise SessionNotFound(wanted)
    await _delete(context, found)


async def _delete(context: Context, session_id: str) -> None:
    memory = context.memory
    rows = await memory.library.list_sessions(1, prefix=session_id)
    if not rows:
        raise SessionNotFound(session_id)
    # Imported late for startup time.
    from aloop.cli.sessions.output import describe

    if not await context.view.confirm(f"Delete {describe(rows[0])}?"):
        context.view.info("Nothing was deleted.")
        return
    before = memory.session_id
    context.view.info(await SessionBrowser(memory).trash(session_id))
    if memory.session_id != before:
        drop(context)
        await leave_resumed(context)


COMMAND = Command(
    name="delete",
    summary="Move this or another session to the trash",
    handler=delete,
    usage="[ID or ROW]",
    argument=Argument.SESSION,
    example="/delete a1b2c3d4",
)
