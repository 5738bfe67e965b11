"""Pages as text for a View: the only place that knows how each page looks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from commands.pages import (
    Facts,
    Help,
    KeyHelp,
    ModelList,
    Page,
    Questions,
    Reminder,
    SearchContext,
    SearchHit,
    SessionList,
    SessionStream,
    Stats,
    ToolCalls,
    Transcript,
    TrashList,
)
from repl.pages.listing import (
    fact_lines,
    help_lines,
    hit_lines,
    key_lines,
    listing_lines,
    model_lines,
    question_lines,
    session_lines,
    stats_lines,
    trash_lines,
)
from repl.pages.transcript import Paper, conversation, reminder, search_context
from repl.turn.lines import call_lines


async def render(page: Page, paper: Paper) -> AsyncIterator[str]:
    """Yield the safe text of a page in pieces, each ending with a line feed."""
    now = datetime.now(UTC)
    match page:
        case SessionStream(rows):
            async for lines in listing_lines(rows, paper.list_width):
                yield paper.write(lines)
        case Transcript(session):
            for piece in conversation(session, paper, now):
                yield piece
                # Rendering takes time: let other tasks run between two messages.
                await asyncio.sleep(0)
        case Reminder(messages):
            yield "".join(reminder(messages, paper))
        case Questions(rows):
            yield paper.write(question_lines(rows, paper.list_width))
        case SearchContext(session, hit):
            yield "".join(search_context(session, hit, paper))
        case SessionList(rows):
            yield paper.write(session_lines(rows, paper.list_width, now))
        case TrashList(deleted):
            yield paper.write(trash_lines(deleted, paper.list_width, now))
        case SearchHit(number, hit, is_first):
            yield paper.write(hit_lines(number, hit, paper.list_width, now, is_first=is_first))
        case ToolCalls(messages):
            yield paper.write(call_lines(messages))
        case Stats(stats, month):
            yield paper.write(stats_lines(stats, month, paper.list_width))
        case Facts(facts, most_rows):
            yield paper.write(fact_lines(facts, paper.list_width, most_rows))
        case ModelList(choices):
            yield paper.write(model_lines(choices, paper.list_width))
        case KeyHelp(keys):
            yield paper.write(key_lines(keys, paper.list_width))
        case Help(commands):
            yield paper.write(help_lines(commands, paper.list_width))
