"""/compact: make room in the model's window, and take that back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commands.registry import Argument, Command, Outcome

if TYPE_CHECKING:
    from commands.context import Context

_UNDO = "undo"


async def compact(context: Context, argument: str) -> Outcome:
    """Have all but the last turns summarised, ``argument`` kept above all; ``undo`` brings them back."""
    # Imported here for start-up time: the engine is there by the time that anybody can compact.
    from aloop.agent.compaction import undo_summary

    agent, view = context.agent, context.view
    if argument.lower() == _UNDO:
        await context.memory.edit(undo_summary)
        view.info("What the summary stood for is sent again. The summary stays in the session, marked skip: true.")
        return Outcome()
    before = agent.context_use.tokens
    done = await agent.compact(argument)
    if done is None:
        view.info("There is nothing to summarise yet: the last turns always stay as they are.")
    else:
        now = agent.context_use
        # Where no window is known, it is not known either what is sent besides the messages.
        saved = f": about {now.tokens:,} tokens in place of {before:,}" if now.window else ""
        view.info(
            f"{done.messages} older messages are sent as a summary from now on{saved}. They stay in the session; "
            "/compact undo brings them back."
        )
    return Outcome()


COMMAND = Command(
    name="compact",
    summary="Send a summary in place of the older messages, or undo that",
    handler=compact,
    usage="[FOCUS or undo]",
    argument=Argument.TEXT,
    group="Model",
    example="/compact the decisions about the parser",
)
