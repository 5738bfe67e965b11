"""Text for the model: one turn of the agent, and a clear line when it does not end well."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aloop.errors import AloopError
from commands.attachments import Attachment, with_attachments
from commands.mentions import read_along
from commands.registry import Outcome
from commands.trust import remember_work

if TYPE_CHECKING:
    from commands.context import Context


async def chat(context: Context, text: str, typed: str | None = None) -> Outcome:
    """Run a turn; what came of it reaches the view as events.

    The files that are mentioned go along, if they are in what was ``typed`` (all of it, when None), and so does the
    output that was taken along. When the turn left no trace, the text is handed back for another try. Cancelling ends
    the turn, not the shell: this is the outermost coroutine of the turn's task, so the cancellation stops here.
    """
    before = context.memory.message_count
    remember_work(context.agent, context.trust, context.view.error)
    try:
        attachments = [*await _mentioned(context, text if typed is None else typed), *context.pending_output.taken]
        for attachment in attachments:
            context.view.info(f"attached {attachment.summary}")
        await context.agent.run(with_attachments(text, attachments))
    except asyncio.CancelledError:
        kept = context.memory.message_count != before
        context.view.info("Stopped. What there was is kept." if kept else "Stopped. Nothing had come back yet.")
    except AloopError as error:
        # Nothing of it is lost as long as the shell lives.
        comfort = (
            " What was said is still here, and the next save takes it along." if context.memory.has_unsaved else ""
        )
        context.view.error(f"{error}{comfort}")
    else:
        context.pending_output.taken.clear()
        return Outcome()
    if context.memory.message_count == before:
        return Outcome(prefill=text)
    context.pending_output.taken.clear()
    return Outcome()


async def _mentioned(context: Context, text: str) -> list[Attachment]:
    """Return the files that ``text`` mentions and does not hold already; what can not be read is told."""
    if not context.is_typed:
        return []
    found = await read_along(text, context.agent.working_dir)
    for refusal in found.refusals:
        context.view.error(refusal)
    return found.attachments
