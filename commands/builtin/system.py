"""/system: what the model is told before the conversation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commands.registry import Argument, Command, Outcome

if TYPE_CHECKING:
    from commands.context import Context


async def system(context: Context, argument: str) -> Outcome:
    """Show the system message, or put ``argument`` in its place; a session that has a file has it there at once."""
    if not argument:
        context.view.info(context.agent.system_text)
        return Outcome()
    memory = context.memory
    memory.set_system_message(argument)
    if memory.path is not None:
        await memory.save_memory()
    context.view.info("From the next turn on, this is what the model is told first.")
    return Outcome()


COMMAND = Command(
    name="system",
    summary="Show what the model is told before the conversation, or set it",
    handler=system,
    usage="[TEXT]",
    argument=Argument.TEXT,
    group="Model",
    example="/system Answer in French, in one sentence.",
)
