"""/mode: show or switch the permission mode."""

from __future__ import annotations

import asyncio
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
            raise UsageError(f"Unknown mode {argument!r}. The modes are {', '.join(MODES[:-1])} and {MODES[-1]}.")
        context.agent.mode = found
    mode = context.agent.mode
    context.view.info(f"The mode is {mode}. {MODE_EFFECTS[mode]} {await _sandbox(context)}".rstrip())


async def _sandbox(context: Context) -> str:
    """Return a sentence about the sandbox for commands."""
    agent = context.agent
    if agent.sandbox is None or agent.sandbox.mode == "off":
        return "Commands run without a sandbox."
    # Imported here, because it is needed only if the user asks for it.
    from aloop.sandbox.sandbox import find_state

    state = await asyncio.to_thread(find_state, agent.working_dir.resolve(), agent.sandbox)
    if state.works:
        return f"Commands run in a sandbox ({state.text})."
    if agent.sandbox.mode == "require":
        return f"Commands are refused: {state.sentence}"
    return f"Commands run without a sandbox: {state.sentence}"


COMMAND = Command(
    name="mode",
    summary="Show or switch the permission mode: ask, edits or plan",
    handler=switch_mode,
    usage="[MODE]",
    argument=Argument.MODE,
    group="Model",
    example="/mode plan",
)
