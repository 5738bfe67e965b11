"""/system: show or set the system message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commands.registry import Argument, Command

if TYPE_CHECKING:
    from commands.context import Context


_DEFAULT = "default"


async def system(context: Context, argument: str) -> None:
    """Show the system message, or replace it and save the session.

    ``default`` restores the standard message.
    """
    if not argument:
        context.view.info(context.agent.system_text)
        return
    memory = context.memory
    if argument == _DEFAULT:
        argument = context.agent.standard_system_text
    memory.set_system_message(argument)
    if memory.path is not None:
        await memory.save_memory()
    context.view.info("The new system message applies from the next turn.")


COMMAND = Command(
    name="system",
    summary="Show or set the system message",
    handler=system,
    usage="[TEXT or default]",
    argument=Argument.TEXT,
    group="Model",
    example="/system Answer in French, in one sentence.",
)
