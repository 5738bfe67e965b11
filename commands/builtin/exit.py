"""/exit: leave the shell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aloop.errors import AloopError
from commands.registry import Command, Next, Outcome
from commands.session_browser import save_before_leaving

if TYPE_CHECKING:
    from commands.context import Context


async def leave(context: Context, _argument: str) -> Outcome | None:
    """End the shell; after a failed save, only the second call ends it."""
    try:
        await save_before_leaving(context.memory)
    except AloopError as error:
        context.view.error(str(error))
        if not context.warned_unsaved:
            context.warned_unsaved = True
            context.view.error(
                "The shell stays open because the last turns are not saved. Use /export json PATH to save them "
                "elsewhere, or /exit again to leave without them."
            )
            return None
    return Outcome(Next.LEAVE)


COMMAND = Command(
    name="exit",
    summary="Leave the shell (also Ctrl-D)",
    handler=leave,
    aliases=("quit",),
    group="Shell",
    example="/exit",
)
