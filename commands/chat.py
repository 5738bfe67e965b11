"""Sends text to the model: runs one turn of the agent and reports how it ended."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from aloop.agent.loop import early_end_of
from aloop.errors import AloopError
from commands.attachments import with_attachments
from commands.mentions import MentionedFiles, attach_mentions
from commands.project.instructions import refresh_instructions
from commands.registry import FAILED, Outcome
from commands.trust import remember_work

if TYPE_CHECKING:
    from commands.context import Context


async def chat(context: Context, text: str, typed: str | None = None, *, outside: bool = True) -> Outcome:
    """Run a turn, which reaches the view as events.

    Attaches the files that ``typed`` mentions (``text`` if None) and the accepted command output. Unless ``outside`` is
    set, files outside the working directory are refused. If the turn left no messages, the outcome returns the text to
    the prompt. Cancelling ends the turn but not the shell: this is the outermost coroutine of the turn's task, so it
    does not re-raise the cancellation.
    """
    before = context.memory.message_count
    try:
        await refresh_instructions(context)
    except asyncio.CancelledError:
        context.view.info("Stopped before any answer arrived.")
        return Outcome(prefill=text, is_done=False)
    work = (context.memory.session_id, context.memory.sessions_dir, context.agent.system_text)
    if work != context.remembered_work:
        remember_work(context.agent, context.trust, context.view.error, context.view.info)
        context.remembered_work = work
    try:
        found = await _mentioned(context, text if typed is None else typed, outside=outside)
        attachments = [*found.attachments, *context.pending_output.taken]
        # A question that is asked again comes with its images, and may mention them, too.
        media = list({each.file: each for each in (*found.media, *context.pending_output.media)}.values())
        for summary in (*(each.summary for each in attachments), *(each.summary for each in media)):
            context.view.info(f"attached {summary}")
        for note in found.notes:
            context.view.info(note)
        await context.agent.run(with_attachments(text, attachments) if attachments else text, media)
    except asyncio.CancelledError:
        kept = context.memory.message_count != before
        context.view.info("Stopped. The work so far is kept." if kept else "Stopped before any answer arrived.")
    except AloopError as error:
        # Nothing is lost as long as the shell runs.
        unsaved = (
            " The messages are still in memory; the next save includes them." if context.memory.has_unsaved else ""
        )
        context.view.error(f"{error}{unsaved}")
    else:
        context.pending_output.clear()
        if early_end_of(context.memory.messages) and not context.is_typed:
            return FAILED  # a script must be able to tell
        return await after_answer(context)
    if context.memory.message_count == before:
        return Outcome(prefill=text, is_done=False)
    context.pending_output.clear()
    return FAILED


_PLAN = re.compile(
    r"^(?:#{1,6} +[^\n]{0,80}?\bplan\b"  # a heading
    r"|(?:\*\*|__)[^*_\n]{0,80}?\bplan\b[^*_\n]{0,80}(?:\*\*|__):? *$"  # a line in bold
    r"|plan:"
    r"|[^\n]{0,80}?\bplan(?:\*\*|__)?:(?:\*\*|__)? *$)",  # “Here is my plan:”
    re.MULTILINE | re.IGNORECASE,
)


_LEAVE_PLAN_MODE = "To let the model make changes, run /mode ask."


async def after_answer(context: Context) -> Outcome:
    """In plan mode, ask about the plan, or explain once how to leave the mode."""
    if context.agent.mode != "plan":
        context.has_explained_plan_mode = False
    elif has_plan(context):
        return await carry_out_plan(context)
    elif context.is_typed and not context.has_explained_plan_mode:
        context.has_explained_plan_mode = True
        context.view.info(f"\nPlan mode stays on: nothing is changed. {_LEAVE_PLAN_MODE}")
    return Outcome()


def has_plan(context: Context) -> bool:
    """Return True if plan mode is on and the last answer has a section with a plan."""
    if context.agent.mode != "plan" or not context.memory.messages:
        return False
    return _PLAN.search(context.memory.messages[-1].content or "") is not None


async def carry_out_plan(context: Context) -> Outcome:
    """Ask if the plan is approved; if so, leave plan mode and send the next message."""
    if context.is_typed:
        context.view.info("")  # a blank line between the plan and the question
    try:
        is_approved = context.is_typed and await context.view.confirm("Carry out this plan?")
    except asyncio.CancelledError:  # the answer to the last message is complete
        is_approved = False
    if not is_approved:
        context.view.info(f"Plan mode stays on. Say what to change. {_LEAVE_PLAN_MODE}")
        return Outcome()
    context.agent.mode = "ask"
    context.view.info("Plan mode is off.")
    return await chat(context, "Carry out the plan.", "")


async def steering_text(context: Context, text: str, typed: str) -> str:
    """Return a message for the running turn, with the files that ``typed`` mentions."""
    found = await _mentioned(context, typed)
    attachments = found.attachments
    for media in found.media:
        context.view.error(f"{media.name} was not attached: images can be sent only after this turn.")
    for attachment in attachments:
        context.view.info(f"attached {attachment.summary}")
    return with_attachments(text, attachments)


async def _mentioned(context: Context, text: str, *, outside: bool = True) -> MentionedFiles:
    """Return the files that ``text`` mentions; report those that cannot be read."""
    if not context.is_typed or "@" not in text:
        return MentionedFiles()
    folder, advice = context.agent.working_dir, "Mention it in your own message."
    found = await attach_mentions(text, folder, outside=outside, advice=advice)
    for refusal in found.refusals:
        context.view.error(refusal)
    return found
