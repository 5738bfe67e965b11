"""/resume: go on in an earlier session."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from aloop.errors import SHORT_ID, AmbiguousPrefix, DuplicateSessionId, SessionBusy, SessionDeclined, SessionError
from commands.builtin.model import follow
from commands.pages import Reminder, SearchContext, SessionList
from commands.registry import Argument, Command, Outcome
from commands.selection import save_before_leaving
from commands.session_browser import Choice, SessionBrowser
from commands.trust import confirm_trust

if TYPE_CHECKING:
    from aloop.llm.message_types import LLMMessage
    from aloop.memory import Session
    from aloop.memory.search.search import Hit
    from commands.context import Context

RECENT = 20
"""Sessions that /resume lists."""

_REMINDED = 2
"""Exchanges shown of a session that was resumed."""

_ROW_DIGITS = 3
_NOTHING_CHANGED = "Nothing was changed."


async def resume(context: Context, argument: str) -> Outcome:
    """Let a session be picked, or load the one that ``argument`` names: a row of the list shown last, or an id."""
    if argument:
        wanted = find_id(context, argument)
        if wanted is not None:
            await _go_on(context, wanted, context.hit_in_row(argument))
    elif choice := await _pick(context):
        await (_fork(context, choice.session_id) if choice.fork else _go_on(context, choice.session_id))
    return Outcome()


async def _go_on(context: Context, wanted: str, place: Hit | None = None) -> None:
    await save_before_leaving(context.memory)
    try:
        session = await context.memory.resume(wanted, admit=partial(confirm_trust, context))
    except AmbiguousPrefix as error:
        await show_candidates(context, error)
    except SessionDeclined:
        context.view.info(_NOTHING_CHANGED)
    except (SessionBusy, DuplicateSessionId) as error:
        await _offer_a_copy(context, wanted, error)
    else:
        await report_resumed(context, session, place)
        if not context.keeps_model and (notice := await follow(context.agent, session)):
            context.view.info(notice)


async def _offer_a_copy(context: Context, wanted: str, why: SessionError) -> None:
    """Ask whether to go on in a copy of a session that is not to be gone on in; without a yes all stays as it is."""
    if not await context.view.confirm(f"{str(why).rstrip('.')}. Go on in a copy?"):
        context.view.info(_NOTHING_CHANGED)
        return
    await _fork(context, wanted)


async def _fork(context: Context, wanted: str) -> None:
    memory = context.memory
    await save_before_leaving(memory)
    try:
        await confirm_trust(context, await memory.library.load(wanted))
    except SessionDeclined:
        context.view.info(_NOTHING_CHANGED)
        return
    session = await memory.fork(wanted)
    await context.view.show(Reminder(last_exchanges(session.messages, _REMINDED)))
    copy, original = session.id[:SHORT_ID], (session.forked_from or "")[:SHORT_ID]
    context.view.info(f"Going on in {copy}, a copy of {original}. It is saved with its first turn.")


def find_id(context: Context, argument: str, lister: str = "/resume") -> str | None:
    """Return the id or prefix that ``argument`` means; None, once the view has been told, for a row not shown.

    Up to three digits are a row number, bound to the id that stood in that row; anything else begins an id. ``lister``
    is the command that shows such rows.
    """
    if not (argument.isascii() and argument.isdigit() and len(argument) <= _ROW_DIGITS):
        return argument.lower()
    row = int(argument)
    if 1 <= row <= len(context.rows):
        return context.rows[row - 1]
    if context.rows:
        context.view.error(f"The list shown last has no row {row}; it has {len(context.rows)}.")
    else:
        context.view.error(f"No list was shown yet that could have a row {row}. {lister} shows one.")
    return None


async def show_candidates(context: Context, error: AmbiguousPrefix) -> None:
    """Say that a prefix is not enough, and list the sessions it could mean, as rows to choose from."""
    memory = context.memory
    found = set(error.candidates)
    listed = await memory.library.list_sessions(None, prefix=error.prefix)
    rows = [row for row in listed if row.id in found]
    context.view.error(f"{len(error.candidates)} sessions begin with {error.prefix}. Type more of the id, or a row:")
    context.rows = [row.id for row in rows]
    await context.view.show(SessionList(rows))


async def report_resumed(context: Context, session: Session, place: Hit | None = None) -> None:
    """Show where the conversation was, or the ``place`` in it that was searched for, and what is odd about it."""
    if place and 0 < place.message <= len(session.messages):
        await context.view.show(SearchContext(session, place))
    else:
        await context.view.show(Reminder(last_exchanges(session.messages, _REMINDED)))
    for warning in session.warnings:
        context.view.info(warning)
    count = len(session.messages)
    context.view.info(f"Resumed {session.id[:SHORT_ID]} · {count} {'message' if count == 1 else 'messages'}")


def last_exchanges(messages: Sequence[LLMMessage], count: int) -> Sequence[LLMMessage]:
    """Return the end of ``messages`` from the user's ``count``-th last message on (all, when there are fewer)."""
    questions = [index for index, message in enumerate(messages) if message.role == "user"]
    return messages[questions[-count] :] if len(questions) >= count else messages


async def _pick(context: Context) -> Choice | None:
    """Return what was picked of all sessions; where nothing was, the recent ones stand on the screen, as rows."""
    shelf = SessionBrowser(context.memory, RECENT)
    try:
        choice = await context.view.pick(shelf)
    finally:
        # The picker shows it until the next key, and then is gone.
        for told in shelf.told:
            context.view.info(told)
    if choice is None:
        await _list_recent(context, [] if shelf.told else shelf.rows)
    else:
        context.rows = shelf.rows
    return choice


async def _list_recent(context: Context, known: Sequence[str]) -> None:
    """List the recent sessions; those ``known`` to be that need not be looked for among all."""
    memory = context.memory
    if known:
        rows = await memory.library.summarize(known)
    else:
        rows = await memory.library.list_sessions(RECENT)
    context.rows = [row.id for row in rows]
    if not rows:
        context.view.info(f"There are no saved sessions in {memory.sessions_dir} yet.")
        return
    # A pager would take the screen on which the rows are to stay.
    await context.view.show(SessionList(rows, paged=False))
    context.view.info("/resume 1 loads the first row, /resume a1b2 the session whose id begins so.")


COMMAND = Command(
    name="resume",
    summary="Pick an earlier session to go on in, or name it",
    handler=resume,
    usage="[ID or ROW]",
    argument=Argument.SESSION,
    example="/resume a1b2c3d4",
)
