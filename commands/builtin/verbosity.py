"""/verbose and /thinking: how much of a turn is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commands.pages import ToolCalls
from commands.registry import Command, Outcome

if TYPE_CHECKING:
    from commands.context import Context


async def verbose(context: Context, _argument: str) -> Outcome:
    """Unfold tool calls from now on, those of the last turn at once; or fold them again."""
    detail = context.view.verbosity
    detail.verbose = not detail.verbose
    if not detail.verbose:
        context.view.info("Tool calls are one line each again.")
        return Outcome()
    messages = context.memory.messages
    last = max((place for place, message in enumerate(messages) if message.role == "user"), default=0)
    if any(message.tool_calls for message in messages[last:]):
        await context.view.show(ToolCalls(messages[last:]))
    context.view.info("Tool calls are shown with their arguments and results from now on. /verbose folds them again.")
    return Outcome()


async def thinking(context: Context, _argument: str) -> Outcome:
    """Show what the model thinks from now on, or no longer."""
    detail = context.view.verbosity
    detail.thinking = not detail.thinking
    context.view.info(
        "What the model thinks is shown from now on, where the model tells it. /thinking hides it again."
        if detail.thinking
        else "What the model thinks is not shown any more."
    )
    return Outcome()


VERBOSE = Command(
    name="verbose",
    summary="Show tool calls with arguments and results, or one line each",
    handler=verbose,
    group="Shell",
    example="/verbose",
)
THINKING = Command(
    name="thinking",
    summary="Show what the model thinks, or hide it",
    handler=thinking,
    group="Shell",
    example="/thinking",
)
