"""/clear: begin a new session; the one before stays as it was saved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aloop.errors import SHORT_ID
from commands.registry import Command, Outcome
from commands.selection import save_before_leaving

if TYPE_CHECKING:
    from commands.context import Context


async def clear(context: Context, _argument: str) -> Outcome:
    """Start a new session; raises StorageError, and stays, when the one before can not be saved."""
    memory = context.memory
    if not memory.message_count:
        context.view.info("This session is new already.")
        return Outcome()
    await save_before_leaving(memory)
    before = memory.session_id[:SHORT_ID]
    memory.start_new()
    context.view.info(f"A new session. The one before is saved as {before}: /resume {before} goes back to it.")
    return Outcome()


COMMAND = Command(
    name="clear", summary="Begin a new session; the one before stays saved", handler=clear, example="/clear"
)
