"""Text for the model: one turn of the agent, and a clear line when it does not end well."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aloop.errors import AloopError
from commands.registry import Outcome
from commands.trust import remember_work

if TYPE_CHECKING:
    from commands.context import Context


async def chat(context: Context, text: str) -> Outcome:
    """Run a turn; what came of it reaches the view as events.

    When the turn left no trace, the text is handed back for another try. Cancelling ends the turn, not the shell:
    this is the outermost coroutine of the turn's task, so the cancellation stops here.
    """
    before = context.memory.message_count
    remember_work(context.agent, context.trust, context.view.error)
    try:
        await context.agent.run(text)
    except asyncio.CancelledError:
        kept = context.memory.message_count != before
        context.view.info("Stopped. What there was is kept." if kept else "Stopped. Nothing had come back yet.")
    except AloopError as error:
        context.view.error(str(error))
    else:
        return Outcome()
    return Outcome(prefill="" if context.memory.message_count != before else text)
