"""/skip and /unskip: leave messages out of requests, or include them again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aloop.errors import UsageError
from aloop.formatting import quantity
from commands.builtin.context import sent_tokens, size_change
from commands.registry import Argument, Command
from commands.selection import numbered, read_range, require_in_range

if TYPE_CHECKING:
    from aloop.llm.message_types import LLMMessage
    from commands.context import Context


async def skip(context: Context, argument: str) -> None:
    """Skip the messages numbered in ``argument``; raise UsageError if there are none."""
    if not argument:
        raise UsageError("Type message numbers, such as /skip 3 or /skip 3-5. /history ID shows the numbers.")
    await _mark(context, _Marking(*read_range(argument), skip=True))


async def unskip(context: Context, argument: str) -> None:
    """Stop skipping the messages numbered in ``argument``, by default all."""
    if not argument:
        await _unskip_all(context)
    else:
        await _mark(context, _Marking(*read_range(argument), skip=False))


@dataclass(slots=True)
class _Marking:
    """Marks messages by their numbers.

    ``changed`` then counts those that changed, from ``first`` to ``last``. ``together`` is the reason for more than
    were asked.
    """

    asked_first: int
    asked_last: int
    skip: bool
    first: int = 0
    last: int = 0
    changed: int = 0
    together: str = ""

    def __call__(self, messages: Sequence[LLMMessage]) -> Sequence[LLMMessage]:
        # Imported late for startup time.
        from aloop.memory.conversation import expand_to_sendable, expand_to_tool_calls, marked

        require_in_range(self.asked_last, len(messages))
        asked = self.asked_first - 1, self.asked_last - 1
        calls = expand_to_tool_calls(messages, *asked)
        first, last = expand_to_sendable(messages, *asked, skip=self.skip)
        self.together = " A tool call stays with its results." if calls != asked else ""
        if (first, last) != calls:
            self.together += " An answer stays with its question, because it cannot be sent without one."
        self.first, self.last = first + 1, last + 1
        self.changed = sum(message.skip is not self.skip for message in messages[first : last + 1])
        return marked(messages, first, last, skip=self.skip)


async def _mark(context: Context, marking: _Marking) -> None:
    before = sent_tokens(context)
    await context.memory.edit(marking)
    messages = numbered(marking.first, marking.last).capitalize()
    are = "is" if marking.first == marking.last else "are"
    if not marking.changed:
        context.view.info(f"{messages} {are} already {'skipped' if marking.skip else 'sent'}.")
        return
    done = "no longer sent to the model" if marking.skip else "sent to the model again"
    context.view.info(f"{messages} {are} {done}.{marking.together} {_difference(context, before)}")


async def _unskip_all(context: Context) -> None:
    # Imported late for startup time.
    from aloop.memory.conversation import all_sent

    before, earlier = sent_tokens(context), context.memory.messages
    await context.memory.edit(all_sent)
    changed = sum(now.skip is not then.skip for now, then in zip(context.memory.messages, earlier, strict=False))
    if changed:
        are = "is" if changed == 1 else "are"
        context.view.info(
            f"{quantity(changed, 'message')} {are} sent to the model again. {_difference(context, before)}"
        )
    else:
        context.view.info("No messages are skipped.")


def _difference(context: Context, before: int) -> str:
    return f"The context is {size_change(before, sent_tokens(context))}."


SKIP = Command(
    name="skip",
    summary="Exclude messages from the model's context",
    handler=skip,
    usage="N or N-M",
    argument=Argument.TEXT,
    group="Editing",
    example="/skip 3-6",
)
UNSKIP = Command(
    name="unskip",
    summary="Include skipped messages in the context again",
    handler=unskip,
    usage="[N or N-M]",
    argument=Argument.TEXT,
    group="Editing",
    example="/unskip 3-6",
)
