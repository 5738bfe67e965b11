"""/undo, /redo and /retry: remove the last turn, restore it, or repeat it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aloop.agent.instructions import without_notes
from aloop.errors import UsageError
from aloop.formatting import quantity
from commands.attachments import split_attachments
from commands.chat import chat
from commands.pages import Reminder
from commands.registry import Command, Outcome
from commands.selection import numbered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aloop.llm.content.parts import MediaFile
    from aloop.llm.message_types import LLMMessage
    from commands.context import Context

_MOST_NAMES = 5  # of changed files in a message
_COMMAND = "run_shell"


async def undo(context: Context, _argument: str) -> Outcome:
    """Remove the last turn and put its text on the prompt; raise UsageError."""
    taken = await context.memory.undo()
    left = context.memory.message_count
    removed = numbered(left + 1, left + len(taken))
    context.view.info(f"Removed the last turn ({removed}). /redo restores it.{remaining_changes(taken)}")
    keep_images(context, await context.memory.load_media(taken[0]))
    return Outcome(prefill=as_typed(taken[0].content or ""))


def remaining_changes(messages: Sequence[LLMMessage]) -> str:
    """Return a sentence, after a space, about files that ``messages`` changed.

    It is empty if they changed none. Which files a command has changed is not known.
    """
    changed = list(dict.fromkeys(change.path for message in messages for change in message.files))
    more = len(changed) - _MOST_NAMES
    names = [*changed[:_MOST_NAMES], *([quantity(more, "other file")] if more > 0 else [])]
    # Without a run time, the command was not allowed.
    has_run = any(message.name == _COMMAND and message.duration_ms is not None for message in messages)
    if not names:
        return " Files that commands changed are not restored." if has_run else ""
    names += ["those that commands changed"] if has_run else []
    listed = " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
    return f" Changed files are not restored: {listed}."


def as_typed(content: str) -> str:
    """Return a message to enter again: mentioned files are reattached, output stays."""
    content = without_notes(content)
    typed, attachments = split_attachments(content)
    return typed if all(attachment.kind != "output" for attachment in attachments) else content


async def redo(context: Context, _argument: str) -> None:
    """Restore what was undone last and show it; raise UsageError if there is nothing."""
    memory = context.memory
    done = await memory.redo()
    context.pending_output.put_back(())
    await context.view.show(Reminder(done.brought))
    restored = numbered(memory.message_count - len(done.brought) + 1, memory.message_count)
    if done.taken:
        context.view.info(f"Switched to the other answer ({restored}). /redo switches again.")
    else:
        context.view.info(f"Restored the turn that /undo removed ({restored}).")


def keep_images(context: Context, images: Sequence[MediaFile]) -> None:
    """Keep the images of a question that returns to the prompt for the next message."""
    context.pending_output.put_back(images)
    for media in images:
        context.view.info(f"{media.summary} will be sent with your next message.")


async def retry(context: Context, _argument: str) -> None:
    """Ask the last question again and keep the previous answer for /redo.

    If no new answer arrives, the previous one is restored.
    """
    # Imported late for startup time.
    from aloop.memory.conversation import last_turn

    memory, view = context.memory, context.view
    if last_turn(memory.messages) is None:
        raise UsageError("This session has no question to ask again.")
    question, *_ = taken = await memory.undo()
    before = memory.message_count
    pending = context.pending_output
    # Waiting output is for the next message, and this is an old one.
    outputs, images = list(pending.taken), list(pending.media)
    pending.taken.clear()
    try:
        await view.show(Reminder([question]))
        if unrestored := remaining_changes(taken).strip():
            view.info(unrestored)
        pending.media[:] = await memory.load_media(question)
        # The notes say what was true then; the new turn adds those that are true now. Mentioned files are in the text.
        await chat(context, without_notes(question.content or ""), "")
    finally:
        pending.taken[:], pending.media[:] = outputs, images
        if is_unanswered := memory.message_count == before:
            await memory.redo()
            view.info("The previous answer is unchanged.")
    if is_unanswered:
        return
    if _said(memory.messages[before:]) == _said(taken):
        view.info("The new answer is the same as the previous one.")
    else:
        view.info("The previous answer is kept; /redo switches between the two.")


def _said(messages: Sequence[LLMMessage]) -> list[object]:
    """Return the texts and tool calls, without times and counts."""
    return [(each.role, each.content, [(call.name, call.arguments) for call in each.tool_calls]) for each in messages]


UNDO = Command(
    name="undo",
    summary="Remove the last turn and put its text on the prompt",
    handler=undo,
    group="Editing",
    example="/undo",
)
REDO = Command(
    name="redo",
    summary="Restore what /undo removed, or the answer before /retry",
    handler=redo,
    group="Editing",
    example="/redo",
)
RETRY = Command(
    name="retry",
    summary="Ask the last question again; the previous answer is kept",
    handler=retry,
    group="Editing",
    example="/retry",
)
