"""/exit: leave the shell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aloop.errors import AloopError
from commands.registry import Command, Next, Outcome
from commands.selection import save_before_leaving

if TYPE_CHECKING:
    from commands.context import Context


async def leave(context: Context, _argument: str) -> Outcome:
    """Ask the shell to end; what can not be saved keeps it open, until it is told so a second time."""
    try:
        await save_before_leaving(context.memory)
    except AloopError as error:
        context.view.error(str(error))
        if not context.warned_unsaved:
            context.warned_unsaved = True
            context.view.error(
                "Not left: the last turns are in memory only. /export json PATH keeps them elsewhere, "
                "/exit once more leaves without them."
            )
            return Outcome()
    return Outcome(Next.LEAVE)


COMMAND = Command(
    name="exit", summary="Leave (Ctrl-D does too)", handler=leave, aliases=("quit",), group="Shell", example="/exit"
)
