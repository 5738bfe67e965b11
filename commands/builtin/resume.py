"""/resume: open a saved session."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from aloop.errors import (
    SHORT_ID,
    DuplicateSessionId,
    InvalidPrefix,
    Problem,
    SessionBusy,
    SessionDeclined,
    SessionNotFound,
)
from aloop.formatting import display_path, quantity
from aloop.memory.projects import Place
from commands.builtin.model import describe_followed, follow, leave_resumed
from commands.context import drop
from commands.elsewhere import describe_place, require_project
from commands.pages import Reminder, SearchContext, SessionList
from commands.registry import Argument, Command, Next, Outcome
from commands.selection import read_session
from commands.session_browser import ROW, BrowserWithImports, Choice, ForeignBrowser, save_before_leaving
from commands.trust import Acceptance, confirm_trust, remember_copy

if TYPE_CHECKING:
    from aloop.llm.message_types import LLMMessage
    from aloop.memory import Session
    from aloop.memory.search.search import Hit
    from commands.context import Context

RECENT = 20
"""Sessions that /resume lists."""

_WORDS = re.compile(r"[^0-9a-fA-F-]")
"""A character that IDs do not have."""
_REMINDER = 2
"""Exchanges shown when a session is resumed."""

_NOTHING_CHANGED = "Nothing was changed."


async def resume(context: Context, argument: str) -> Outcome | None:
    """Open the session in ``argument``, a row or an ID; otherwise, show the picker.

    Other words are its filter.
    """
    refusal = _NOTHING_CHANGED
    try:
        if argument and await _open_named(context, argument):
            return None
        if choice := await _choose(context, argument):
            if choice.is_imported:
                short = choice.session_id[:SHORT_ID]
                refusal = f"Session {short} is saved, but was not resumed. /resume {short} opens it."
            if choice.sessions_dir is not None:
                return await _move(context, Place(choice.session_id, choice.sessions_dir))
            await (_fork(context, choice.session_id) if choice.fork else _open(context, choice.session_id, choice.hit))
    except SessionDeclined:
        context.view.info(refusal)
    return None


async def _open_named(context: Context, argument: str) -> bool:
    """Open the session that ``argument`` names; return False if it can only be words."""
    try:
        await _open(context, read_session(context, argument), context.find_hit(argument))
    except (InvalidPrefix, SessionNotFound):
        if not _WORDS.search(argument):
            raise
        return False
    return True


async def _move(context: Context, place: Place) -> Outcome | None:
    """Offer to change to the project of a session, and to resume it there."""
    require_project(place)
    if not await context.view.confirm(f"{describe_place(place)} Change to that folder and resume it?"):
        context.view.info(_NOTHING_CHANGED)
        return None
    await save_before_leaving(context.memory)
    return Outcome(Next.LEAVE, place=place)


async def _open(context: Context, wanted: str, hit: Hit | None = None) -> None:
    await save_before_leaving(context.memory)
    try:
        session = await context.memory.resume(wanted, admit=partial(confirm_trust, context))
    except (SessionBusy, DuplicateSessionId) as error:
        if not await context.view.confirm(f"{str(error).rstrip('.')}. Open a copy?"):
            raise SessionDeclined(wanted) from error
        await _fork(context, wanted)
        return
    drop(context)
    await report_resumed(context, session, hit)
    if not context.keeps_model and (
        notice := await follow(context.agent, session, context.trust, context.default_model)
    ):
        context.view.info(notice)


async def _fork(context: Context, wanted: str) -> None:
    memory = context.memory
    await save_before_leaving(memory)
    await confirm_trust(context, await memory.library.load(wanted))
    session = await memory.fork(wanted)
    remember_copy(context, session.forked_from or "", session.id)
    drop(context)
    await context.view.show(Reminder(last_exchanges(session.messages, _REMINDER)))
    copy, original = session.id[:SHORT_ID], (session.forked_from or "")[:SHORT_ID]
    context.view.info(f"This is now {copy}, a copy of {original}. It is saved with its first turn or change.")


async def report_resumed(context: Context, session: Session, hit: Hit | None = None) -> None:
    """Show the end of the conversation, or the message of ``hit``, and any warnings."""
    if hit and 0 < hit.message <= len(session.messages):
        await context.view.show(SearchContext(session, hit))
    else:
        await context.view.show(Reminder(last_exchanges(session.messages, _REMINDER)))
    for warning in session.warnings:
        context.view.info(Problem(warning))
    context.view.info(f"Resumed {session.id[:SHORT_ID]} · {quantity(len(session.messages), 'message')}")


def report_model(context: Context) -> None:
    """Show the model of a session resumed at the start, unless it is the default."""
    if (name := context.agent.llm.model) != context.default_model:
        context.view.info(describe_followed(name))


def last_exchanges(messages: Sequence[LLMMessage], count: int) -> Sequence[LLMMessage]:
    """Return the messages from the user's ``count``-th last message on; all if fewer."""
    questions = [index for index, message in enumerate(messages) if message.role == "user"]
    return messages[questions[-count] :] if len(questions) >= count else messages


async def _choose(context: Context, words: str) -> Choice | None:
    """Let the user choose a session, and start a new one if the open one was deleted.

    ``words`` are the filter at first. Raises InvalidPrefix if there are some, but no picker to filter.
    """
    before = context.memory.visit
    choice = await _pick(context, words)
    if choice is None and context.memory.visit != before:
        await leave_resumed(context)
    return choice


async def _pick(context: Context, words: str) -> Choice | None:
    """Let the user pick a session; list the recent ones if the view has no picker."""
    browser = BrowserWithImports(context.memory, RECENT, words)
    try:
        choice = await context.view.pick(browser)
    finally:
        # The picker shows each report only until the next key.
        for report in browser.reports:
            context.view.info(report)
    if (browser.rows and browser.reports) or (browser.was_shown and not browser.rows):
        # The rows have changed since they were numbered, or the picker was closed before they were read, perhaps
        # because there turned out to be none.
        context.rows = [row.id for row in await context.memory.library.list_sessions(RECENT)]
        if choice is None and not (browser.rows or context.rows):
            _report_none(context)
    elif browser.rows:
        # The picker showed the rows, and leaves nothing behind.
        context.rows = browser.rows
    elif choice is None and words:
        raise InvalidPrefix(f"{words!r} is not a session ID. /search {words} finds sessions with these words.")
    elif choice is None:
        await _list_recent(context)
        await _name_imports(context, browser)
    return await _import(context, browser) if choice is not None and choice.session_id == ROW else choice


async def _import(context: Context, saved: BrowserWithImports) -> Choice | None:
    """Let the user pick a session of another tool, and import it."""
    browser = ForeignBrowser(context.memory, saved.found)
    choice = await context.view.pick(browser)
    if choice is None:
        return None
    # A file in the project may come with a clone, so that its messages are not the user's own.
    acceptance = Acceptance(context.trust, only_notes=browser.is_in_project(choice.session_id))
    session_id, sentence = await browser.take_in(choice.session_id, acceptance.add)
    if acceptance.problem:
        context.view.error(acceptance.problem)
    context.view.info(sentence)
    return replace(choice, session_id=session_id, is_imported=True)


async def _list_recent(context: Context) -> None:
    memory = context.memory
    rows = await memory.library.list_sessions(RECENT)
    context.rows = [row.id for row in rows]
    if not rows:
        _report_none(context)
        return
    # Not in a pager, because the rows must stay on the screen.
    await context.view.show(SessionList(rows, paged=False))
    context.view.info("/resume 1 opens the first row, /resume a1b2 the session with that ID prefix.")


async def _name_imports(context: Context, browser: BrowserWithImports) -> None:
    """Name the sessions of other tools, which only a picker can import."""
    await browser.last_row()
    if browser.summary:
        context.view.info(f"Other tools have sessions here: {browser.summary}. `aloop import` in a shell imports them.")


def _report_none(context: Context) -> None:
    context.view.info(f"No sessions are saved in {display_path(context.memory.sessions_dir)} yet.")


COMMAND = Command(
    name="resume",
    summary="Open a saved session",
    handler=resume,
    usage="[ID or ROW]",
    argument=Argument.SESSION,
    example="/resume a1b2c3d4",
)
