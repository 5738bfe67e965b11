"""/compact: replace older messages with a summary in requests, or undo that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aloop.formatting import quantity
from commands.builtin.context import sent_tokens, size_change
from commands.registry import Argument, Command

if TYPE_CHECKING:
    from commands.context import Context

_UNDO = "undo"


async def compact(context: Context, argument: str) -> None:
    """Summarize the older messages, focused on ``argument``; ``undo`` reverts that."""
    # Imported late for start-up time.
    from aloop.agent.compaction import undo_summary

    agent, view = context.agent, context.view
    if argument.lower() == _UNDO:
        await context.memory.edit(undo_summary)
        view.info("The original messages are sent again. The summary stays in the session, marked skip: true.")
        return
    before = sent_tokens(context)
    done = await agent.compact(argument)
    if done is None:
        view.info("There is nothing to summarize yet, because the last turns are always sent in full.")
    else:
        view.info(
            f"{quantity(done.messages, 'older message')} will be sent as a summary, which makes the context "
            f"{size_change(before, sent_tokens(context))}. The session keeps the originals; /compact undo "
            "sends them again."
        )


COMMAND = Command(
    name="compact",
    summary="Send a summary instead of the older messages, or undo that",
    handler=compact,
    usage="[FOCUS or undo]",
    argument=Argument.TEXT,
    group="Model",
    example="/compact the decisions about the parser",
)
