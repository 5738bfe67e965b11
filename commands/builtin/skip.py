"""/skip and /unskip: leave messages out of what the model is sent, and take them in again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aloop.errors import UsageError
from commands.registry import Argument, Command, Outcome
from commands.selection import numbered, read_range, require_in_range

if TYPE_CHECKING:
    from aloop.llm.message_types import LLMMessage
    from commands.context import Context


async def skip(context: Context, argument: str) -> Outcome:
    """Mark the messages that ``argument`` numbers; raises UsageError when there are none such."""
    if not argument:
        raise UsageError("Which messages? /skip 3 leaves out one, /skip 3-5 several; /history shows their numbers.")
    await _mark(context, _Marking(*read_range(argument), skip=True))
    return Outcome()


async def unskip(context: Context, argument: str) -> Outcome:
    """Take the mark from the messages that ``argument`` numbers, without it from all."""
    if not argument:
        await _unskip_all(context)
    else:
        await _mark(context, _Marking(*read_range(argument), skip=False))
    return Outcome()


@dataclass(slots=True)
class _Marking:
    """A change of messages by their numbers; ``changed`` is how many got another mark, once it was made."""

    first: int
    last: int
    skip: bool
    changed: int = 0

    def __call__(self, messages: Sequence[LLMMessage]) -> Sequence[LLMMessage]:
        # Imported here for start-up time: the engine is there by the time that there are messages.
        from aloop.memory.conversation import expand_to_tool_calls, marked

        require_in_range(self.last, len(messages))
        first, last = expand_to_tool_calls(messages, self.first - 1, self.last - 1)
        self.first, self.last = first + 1, last + 1
        self.changed = sum(message.skip is not self.skip for message in messages[first : last + 1])
        return marked(messages, first, last, skip=self.skip)


async def _mark(context: Context, marking: _Marking) -> None:
    asked, before = (marking.first, marking.last), context.agent.context_use.tokens
    await context.memory.edit(marking)
    what = numbered(marking.first, marking.last).capitalize()
    are = "is" if marking.first == marking.last else "are"
    if not marking.changed:
        context.view.info(f"{what} {are} {'skipped' if marking.skip else 'sent'} already.")
        return
    together = "" if asked == (marking.first, marking.last) else " A tool call and its results go together."
    done = "left out of what the model is sent" if marking.skip else "sent to the model again"
    context.view.info(f"{what} {are} {done}.{together} {_difference(context, before)}")


async def _unskip_all(context: Context) -> None:
    # As above.
    from aloop.memory.conversation import all_sent

    before, count = context.agent.context_use.tokens, context.memory.messages
    await context.memory.edit(all_sent)
    changed = sum(now.skip is not then.skip for now, then in zip(context.memory.messages, count, strict=False))
    if changed:
        what = "1 message is" if changed == 1 else f"{changed} messages are"
        context.view.info(f"{what} sent to the model again. {_difference(context, before)}")
    else:
        context.view.info("No message is skipped.")


def _difference(context: Context, before: int) -> str:
    return f"The context was about {before:,} tokens, and is about {context.agent.context_use.tokens:,} now."


SKIP = Command(
    name="skip",
    summary="Leave messages out of what the model is sent",
    handler=skip,
    usage="N or N-M",
    argument=Argument.TEXT,
    group="Changing",
    example="/skip 3-6",
)
UNSKIP = Command(
    name="unskip",
    summary="Send skipped messages to the model again",
    handler=unskip,
    usage="[N or N-M]",
    argument=Argument.TEXT,
    group="Changing",
    example="/unskip 3-6",
)
