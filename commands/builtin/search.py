"""/search: find what was said, in all saved sessions."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aloop.errors import SHORT_ID
from commands.pages import SearchHit
from commands.registry import Argument, Command, Outcome

if TYPE_CHECKING:
    from aloop.memory.search.search import Hit
    from commands.context import Context

_MOST = 50
"""Rows that one search shows: who gets more of them is better served by one word more."""

_OF_ONE = 3
"""Rows that one session may take of these."""


async def search(context: Context, argument: str) -> Outcome:
    """Show the messages that hold all words of ``argument``, as they are found; Ctrl-C keeps those that are shown."""
    if not argument:
        context.view.error('/search takes the words to look for, and phrases in quotes: /search parser "line numbers"')
        return Outcome()
    found = _Found(context)
    memory = context.memory
    try:
        async for hit in memory.library.search(argument):
            await found.show(hit)
            if len(context.rows) == _MOST:
                break
    except asyncio.CancelledError:
        # The outermost coroutine of its task: what was found by now is the result.
        found.end("Stopped.")
    else:
        found.end("There may be more: add a word." if len(context.rows) == _MOST else "")
    return Outcome()


class _Found:
    """Shows hits as rows that /resume takes, a few of each session."""

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
        if self._of_session <= _OF_ONE:
            await self._context.view.show(SearchHit(self._context.add_hit(hit), hit, begins))

    def end(self, remark: str) -> None:
        self._end_session()
        rows = len(self._context.rows)
        told = "" if remark or rows else "Nothing was found."
        if rows:
            which = "1" if rows == 1 else f"1 to {rows}"
            told = f"/resume {which} shows the place and goes on in its session."
        self._context.view.info(" ".join(filter(None, (remark, told))))

    def _end_session(self) -> None:
        more = self._of_session - _OF_ONE
        if more > 0:
            short = self._session[:SHORT_ID]
            self._context.view.info(f"      … {more} more in this session: /history {short} shows all of it.")


COMMAND = Command(
    name="search",
    summary="Find what was said, in all saved sessions",
    handler=search,
    usage="WORDS",
    argument=Argument.TEXT,
    example='/search parser "line numbers"',
)
