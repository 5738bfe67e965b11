"""/compact: replace older messages with a summary in requests, or undo that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aloop.formatting import quantity
from commands.builtin.context import sent_tokens, size_change
from commands.registry import Argument, Command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aloop.llm.message_types import LLMMessage
    from commands.context import Context

_UNDO = "undo"


async def compact(context: Context, argument: str) -> None:
    """Summarize the older messages, focused on ``argument``; ``undo`` reverts that."""
    # Imported late for startup time.
    from aloop.agent.compaction import undo_summary

    agent, view = context.agent, context.view
    if argument.lower() == _UNDO:
        earlier = context.memory.messages
        await context.memory.edit(undo_summary)
        view.info(_undone(earlier, context.memory.messages))
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


def _undone(before: Sequence[LLMMessage], after: Sequence[LLMMessage]) -> str:
    """Return what undoing a summary has changed."""
    # Imported late for startup time.
    from aloop.memory.context import live

    skipped = [at for at, (then, now) in enumerate(zip(before, after, strict=False)) if now.skip and not then.skip]
    earlier = len(live(after[: skipped[0]])) if skipped else 0
    said = (
        f"{quantity(earlier, 'earlier message')} {'is' if earlier == 1 else 'are'} sent again."
        if earlier
        else "No earlier message is sent again, because all of them are skipped."
    )
    said += " The summary stays in the session, marked skip: true."
    if answers := len(skipped) - 1:
        after_it = "message after it is" if answers == 1 else f"{answers:,} messages after it are"
        said += f" The {after_it} skipped, too, because an answer is not sent without a question before it."
    return said


COMMAND = Command(
    name="compact",
    summary="Send a summary instead of the older messages, or undo that",
    handler=compact,
    usage="[FOCUS or undo]",
    argument=Argument.TEXT,
    group="Model",
    example="/compact the decisions about the parser",
)
