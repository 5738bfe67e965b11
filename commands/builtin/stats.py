"""/stats: statistics of the session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commands.pages import Stats
from commands.registry import Command

if TYPE_CHECKING:
    from commands.context import Context


async def stats(context: Context, _argument: str) -> None:
    """Show the statistics of the open session, including unsaved messages."""
    await context.view.show(Stats(context.memory.stats()))


COMMAND = Command(
    name="stats",
    summary="Show the messages, tool calls and tokens of this session",
    handler=stats,
    example="/stats",
)
