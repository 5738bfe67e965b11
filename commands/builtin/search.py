"""/search: find messages in all saved sessions."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aloop.memory.sessions_dir.ids import shown_id
from commands.pages import SearchHit
from commands.progress import Progress
from commands.registry import Argument, Command

if TYPE_CHECKING:
    from aloop.memory.search.search import Hit
    from commands.context import Context

_MOST = 50
"""Rows shown by one search; beyond that, another search word helps more."""

_MOST_PER_SESSION = 3
"""Rows shown for one session."""


async def search(context: Context, argument: str) -> None:
    """Show the messages that contain all words of ``argument``, as they are found.

    Ctrl-C ends the search and keeps the results so far.
    """
    if not argument:
        context.view.error('Type words to search for, with phrases in quotes, as in /search parser "line numbers".')
        return
    results, progress = _Results(context), Progress("searching", "sessions")
    memory = context.memory
    try:
        with context.view.working(progress):
            async for hit in memory.library.search(argument, progress.update):
                await results.show(hit)
                if len(context.rows) == _MOST:
                    break
    except asyncio.CancelledError:
        # The outermost coroutine of its task: the results so far are the outcome.
        results.end("Stopped.")
    else:
        results.end("There may be more results; add a word to narrow the search." if len(context.rows) == _MOST else "")


class _Results:
    """Shows hits as rows for /resume, a few for each session."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._session = ""
        self._of_session = 0
        context.rows = []

    async def show(self, hit: Hit) -> None:
        begins = hit.session.id != self._session
        if begins:
            self._end_session()
            self._session, self._of_session = hit.session.id, 0
        self._of_session += 1
        if self._of_session <= _MOST_PER_SESSION:
            await self._context.view.show(SearchHit(self._context.add_hit(hit), hit, begins))

    def end(self, note: str) -> None:
        self._end_session()
        rows = len(self._context.rows)
        hint = "" if note or rows else "No matches."
        if rows:
            which = "1" if rows == 1 else f"1 to {rows}"
            hint = f"/resume {which} opens the session and shows the message."
        self._context.view.info(" ".join(filter(None, (note, hint))))

    def _end_session(self) -> None:
        more = self._of_session - _MOST_PER_SESSION
        if more > 0:
            short = shown_id(self._session)
            self._context.view.info(f"      … {more} more in this session; /history {short} shows all of it.")


COMMAND = Command(
    name="search",
    summary="Search the messages of all saved sessions",
    handler=search,
    usage="WORDS",
    argument=Argument.TEXT,
    example='/search parser "line numbers"',
)
