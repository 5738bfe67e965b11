"""Every kind of page as text."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aloop.llm.cost.pricing import Cost
from aloop.llm.message_types import LLMMessage, ToolCall
from aloop.memory import Session, SessionStats, SessionSummary, SessionTitle
from aloop.memory.search.search import Hit
from aloop.memory.sessions_dir.trash import TrashedSession
from commands.builtin import REGISTRY
from commands.pages import (
    Facts,
    Help,
    Page,
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
from repl.output.styled import to_text
from repl.pages.render import render
from repl.pages.transcript import Paper
from tests.repl.pages.test_listing import summary

NOW = datetime(2025, 6, 15, tzinfo=UTC)
CALL = ToolCall("call_1", "calculator", '{"expression": "2+2"}')
MESSAGES = (
    LLMMessage("user", "What is 2+2?"),
    LLMMessage("assistant", tool_calls=(CALL,)),
    LLMMessage("tool", "4", tool_call_id="call_1", name="calculator"),
    LLMMessage("assistant", "It is 4."),
)
SESSION = Session("id-1", NOW, NOW, (), MESSAGES, Path("x"), "A title")
HIT = Hit(SessionTitle("id-1", NOW, "A title"), 4, "assistant", "It is 4.", ((6, 7),))


async def stream(*rows: SessionSummary) -> AsyncIterator[SessionSummary]:
    for row in rows:
        yield row


async def rendered(page: Page, gap: str = "") -> list[str]:
    paper = Paper(80, None, to_text, lambda text, _width: f"{text}\n", gap)
    return [piece async for piece in render(page, paper)]


@pytest.mark.parametrize(
    ("page", "last"),
    [
        (SessionList([summary()]), "Fix the build"),
        (TrashList([TrashedSession(summary(), NOW, 1)]), "Fix the build"),
        (Transcript(SESSION), "4  It is 4."),
        (Reminder(MESSAGES), "It is 4."),
        (SearchHit(1, HIT, is_first=True), "  1  #4    assistant  It is 4."),
        (SearchContext(SESSION, HIT), "4  It is 4."),
        (ToolCalls(MESSAGES), "  4"),
        (Stats(SessionStats("id-1", NOW, NOW, 0, {}, {}), Cost()), "not saved yet"),
        (Facts([("tools", "1,200"), ("messages", "34")]), "messages  34"),
        (Help(REGISTRY.commands[:1]), REGISTRY.commands[0].example),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_render_ends_each_page_with_its_last_line(page: Page, last: str) -> None:
    assert "".join(await rendered(page)).endswith(f"{last}\n")


async def test_render_yields_a_session_stream_row_by_row() -> None:
    pieces = await rendered(SessionStream(stream(summary("one"), summary("two"))))
    assert [piece.splitlines()[-1].split()[-1] for piece in pieces] == ["one", "two"]
    assert await rendered(SessionStream(stream())) == []


@pytest.mark.parametrize("page", [Reminder(MESSAGES), SearchContext(SESSION, HIT)], ids=["reminder", "context"])
async def test_render_ends_a_short_page_with_the_gap_of_the_paper(page: Page) -> None:
    assert "".join(await rendered(page, gap="\n")).endswith("It is 4.\n\n")
