"""/clear: start a new session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aloop.errors import SHORT_ID
from commands.builtin.model import leave_resumed
from commands.context import drop
from commands.registry import Command
from commands.session_browser import save_before_leaving

if TYPE_CHECKING:
    from commands.context import Context


async def clear(context: Context, _argument: str) -> None:
    """Save the open session and start a new one; raise StorageError if that fails."""
    memory = context.memory
    if not memory.message_count:
        context.view.info("This is already a new session.")
        return
    await save_before_leaving(memory)
    before = memory.session_id[:SHORT_ID]
    memory.start_new()
    drop(context)
    context.view.info(f"Started a new session. The previous one is saved; /resume {before} returns to it.")
    await leave_resumed(context)


COMMAND = Command(
    name="clear", summary="Start a new session; the current one stays saved", handler=clear, example="/clear"
)
