"""/undo, /redo and /retry: take the last turn out, put it back, and have its question answered again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aloop.errors import UsageError
from commands.attachments import split_attachments
from commands.chat import chat
from commands.pages import Reminder
from commands.registry import Command, Outcome
from commands.selection import numbered

if TYPE_CHECKING:
    from commands.context import Context


async def undo(context: Context, _argument: str) -> Outcome:
    """Take the last turn out, and put its text on the prompt; raises UsageError when there is none."""
    taken = await context.memory.undo()
    left = context.memory.message_count
    what = numbered(left + 1, left + len(taken))
    context.view.info(f"Took out the last turn, {what}; /redo puts it back.")
    return Outcome(prefill=_as_typed(taken[0].content or ""))


def _as_typed(content: str) -> str:
    """Return a message as it may be entered again: files are attached anew by their names, other texts stay in it."""
    typed, attachments = split_attachments(content)
    return typed if all(attachment.kind == "file" for attachment in attachments) else content


async def redo(context: Context, _argument: str) -> Outcome:
    """Put back what was undone last and show it; raises UsageError when there is nothing to be put back."""
    memory = context.memory
    done = await memory.redo()
    await context.view.show(Reminder(done.brought))
    what = numbered(memory.message_count - len(done.brought) + 1, memory.message_count)
    if done.taken:
        context.view.info(f"This answer has changed places with the one that stood there ({what}). /redo goes on.")
    else:
        context.view.info(f"Put back the turn that was undone last, {what}.")
    return Outcome()


async def retry(context: Context, _argument: str) -> Outcome:
    """Ask the last question again; the answer before comes back when there is none, and is kept when there is."""
    # Imported here for start-up time: the engine is there by the time that anything was asked.
    from aloop.memory.conversation import last_turn

    memory, view = context.memory, context.view
    if last_turn(memory.messages) is None:
        raise UsageError("There is no question in this session that could be asked again.")
    question, *_ = taken = await memory.undo()
    before = memory.message_count
    await view.show(Reminder([question]))
    await chat(context, question.content or "")
    if memory.message_count == before:
        await memory.redo()
        view.info("The answer before stands as it was.")
    elif memory.messages[before:] == taken:
        view.info("That is the same answer as before.")
    else:
        view.info("The answer before is kept: /redo has the two change places.")
    return Outcome()


UNDO = Command(
    name="undo",
    summary="Take the last turn out, and put its text on the prompt",
    handler=undo,
    group="Changing",
    example="/undo",
)
REDO = Command(
    name="redo",
    summary="Put back what /undo took out, or the answer before /retry",
    handler=redo,
    group="Changing",
    example="/redo",
)
RETRY = Command(
    name="retry",
    summary="Ask the last question again; the answer before is kept",
    handler=retry,
    group="Changing",
    example="/retry",
)
