"""/stats: what this session holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commands.pages import Stats
from commands.registry import Command, Outcome

if TYPE_CHECKING:
    from commands.context import Context


async def stats(context: Context, _argument: str) -> Outcome:
    """Show the counts of the open session, what is not saved yet included."""
    await context.view.show(Stats(context.memory.stats()))
    return Outcome()


COMMAND = Command(
    name="stats",
    summary="Count the messages, tool calls and tokens of this session",
    handler=stats,
    example="/stats",
)
