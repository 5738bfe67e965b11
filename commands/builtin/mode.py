"""/mode: show or switch the permission mode."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aloop.errors import UsageError
from aloop.permissions import MODE_EFFECTS, MODES
from commands.registry import Argument, Command

if TYPE_CHECKING:
    from commands.context import Context


async def switch_mode(context: Context, argument: str) -> None:
    """Switch to the mode in ``argument``, or show the current one; raises UsageError."""
    wanted = argument.lower()
    if wanted:
        found = next((mode for mode in MODES if mode == wanted), None)
        if found is None:
            raise UsageError(f"Unknown mode {argument!r}. The modes are {', '.join(MODES)}.")
        context.agent.mode = found
    mode = context.agent.mode
    context.view.info(f"The mode is {mode}. {MODE_EFFECTS[mode]}")


COMMAND = Command(
    name="mode",
    summary="Show or switch the permission mode: ask, edits or plan",
    handler=switch_mode,
    usage="[MODE]",
    argument=Argument.MODE,
    group="Model",
    example="/mode plan",
)
