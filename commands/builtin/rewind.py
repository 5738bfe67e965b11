"""/rewind: go back to an earlier message, and ask it again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aloop.agent.instructions import without_notes
from aloop.errors import UsageError
from aloop.formatting import quantity
from aloop.memory.conversation import is_question
from commands.attachments import split_attachments
from commands.builtin.clear import clear
from commands.builtin.fork import fork
from commands.builtin.undo import as_typed, keep_images, remaining_changes
from commands.pages import Question, Questions
from commands.registry import Argument, Command, Outcome
from commands.selection import numbered, read_number, require_in_range

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aloop.llm.message_types import LLMMessage
    from commands.context import Context


def questions_of(messages: Sequence[LLMMessage]) -> Questions:
    """Return the messages of the user with their numbers."""
    return Questions(
        [
            Question(number, split_attachments(without_notes(message.content or ""))[0], message.skip)
            for number, message in enumerate(messages, 1)
            if is_question(message)
        ]
    )


async def rewind(context: Context, argument: str) -> Outcome | None:
    """Remove the turns from message ``argument`` on, and put its text on the prompt.

    Without a number, let the user choose. Raises UsageError.
    """
    messages = context.memory.messages
    if not any(map(is_question, messages)):
        raise UsageError("There is nothing to go back to: this session has no messages of yours.")
    if argument:
        number = read_number(argument)
        require_in_range(number, len(messages))
        if not is_question(messages[number - 1]):
            raise UsageError(f"Message {number} is not one of yours. Run /rewind to see their numbers.")
        return await _go_back(context, number)
    page = questions_of(messages)
    choice = await context.view.pick_message(page)
    if choice is None:
        return None
    question, in_copy = choice
    if not in_copy:
        return await _go_back(context, question.number)
    asked = messages[question.number - 1]
    text = as_typed(asked.content or "")
    images = await context.memory.load_media(asked)
    await (fork(context, str(question.number - 1)) if question.number > 1 else clear(context, ""))
    keep_images(context, images)  # afterward, because /clear drops what waits
    return Outcome(prefill=text)


async def _go_back(context: Context, number: int) -> Outcome:
    """Undo one turn after another, so that /redo can restore each."""
    memory = context.memory
    count = memory.message_count
    turns = sum(map(is_question, memory.messages[number - 1 :]))
    text, asked = "", memory.messages[number - 1]
    unrestored = remaining_changes(memory.messages[number - 1 :])
    for _ in range(turns):
        asked = (await memory.undo())[0]
        text = as_typed(asked.content or "")
    how = "/redo restores it." if turns == 1 else "/redo restores them one by one."
    context.view.info(f"Removed {quantity(turns, 'turn')} ({numbered(number, count)}). {how}{unrestored}")
    keep_images(context, await memory.load_media(asked))
    return Outcome(prefill=text)


COMMAND = Command(
    name="rewind",
    summary="Go back to one of your earlier messages (also Esc Esc)",
    handler=rewind,
    usage="[N]",
    argument=Argument.TEXT,
    group="Editing",
    example="/rewind 5",
)
