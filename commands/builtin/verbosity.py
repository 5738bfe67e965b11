"""/verbose and /thinking: change how much of a turn is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commands.pages import ToolCalls
from commands.registry import Command

if TYPE_CHECKING:
    from commands.context import Context


async def verbose(context: Context, _argument: str) -> None:
    """Toggle full tool calls; if switched on, also show those of the last turn."""
    verbosity = context.view.verbosity
    verbosity.verbose = not verbosity.verbose
    if not verbosity.verbose:
        context.view.info("Each tool call is now shown in one line.")
        return
    messages = context.memory.messages
    last = max((index for index, message in enumerate(messages) if message.role == "user"), default=0)
    if any(message.tool_calls for message in messages[last:]):
        await context.view.show(ToolCalls(messages[last:]))
    context.view.info("Tool calls are now shown with arguments and results. /verbose switches back.")


async def thinking(context: Context, _argument: str) -> None:
    """Toggle the display of the model's thinking."""
    verbosity = context.view.verbosity
    verbosity.thinking = not verbosity.thinking
    context.view.info(
        "The model's thinking is now shown, if the model provides it. /thinking hides it again."
        if verbosity.thinking
        else "The model's thinking is now hidden."
    )


VERBOSE = Command(
    name="verbose",
    summary="Show tool calls with arguments and results, or in one line",
    handler=verbose,
    group="Shell",
    example="/verbose",
)
THINKING = Command(
    name="thinking",
    summary="Show or hide the model's thinking",
    handler=thinking,
    group="Shell",
    example="/thinking",
)
