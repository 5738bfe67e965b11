"""/stats: statistics of the session."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from commands.pages import Stats
from commands.registry import Command

if TYPE_CHECKING:
    from commands.context import Context


async def stats(context: Context, _argument: str) -> None:
    """Show the counts and the cost of the session, including unsaved messages."""
    budget = context.agent.budget
    await budget.flush()
    # In threads, because the first cost loads the price list.
    counts = await asyncio.to_thread(context.memory.stats, budget.prices)
    await context.view.show(Stats(counts, await asyncio.to_thread(budget.month_cost)))


COMMAND = Command(
    name="stats",
    summary="Show the messages, tool calls, tokens and cost of this session",
    handler=stats,
    example="/stats",
)
