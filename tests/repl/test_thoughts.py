from __future__ import annotations

import pytest

from aloop.agent.events import (
    AnswerDelta,
    AnswerFinished,
    ThoughtDelta,
    ToolFinished,
    ToolStarted,
    TurnEnded,
    TurnStarted,
)
from aloop.llm.message_types import LLMMessage, ToolCall, Usage
from aloop.tools.base import ToolResult
from commands.context import Detail
from repl.output.live import Live
from repl.output.screen import Screen
from repl.output.styled import line
from repl.turn.turn_view import TurnDisplay
from tests.repl.terminal import Terminal

FINISHED = AnswerFinished(LLMMessage("assistant", "text", usage=Usage(10, 300)))
ENDED = TurnEnded("completed", kept=True, usage=Usage(), seconds=1.0)
CALL = ToolCall("call_1", "read_file", '{"path": "a.txt"}')
RESULT = ToolFinished(CALL, "a.txt", ToolResult("one\ntwo"), 0.1)


class Stage:
    def __init__(self) -> None:
        self.terminal = Terminal()
        self.live = Live()
        self.detail = Detail(thinking=True)
        self.display = TurnDisplay(Screen(self.terminal.output), self.live, self.detail)


@pytest.fixture
async def stage() -> Stage:
    return Stage()


async def test_thinking_is_dim_and_stands_apart_from_the_answer(stage: Stage) -> None:
    for event in (TurnStarted("m"), ThoughtDelta("Let me\nsee."), AnswerDelta("It is **so**."), FINISHED, ENDED):
        stage.display.show(event)
    assert stage.terminal.screen == ["  Let me", "  see.", "", "It is so."]
    assert any("\\x1b[2m  Let me" in repr(written) for written in stage.terminal.writes)


async def test_a_thought_is_seen_while_it_is_thought(stage: Stage) -> None:
    stage.display.show(TurnStarted("m"))
    stage.display.show(ThoughtDelta("one\n\ntwo is not"))
    await stage.terminal.wait_for("one")
    assert stage.live.rows(80, 24, 24)[0] == line("  two is not")
    stage.display.show(ENDED)
    assert stage.terminal.screen == ["  one", "  two is not"]


async def test_thinking_that_is_hidden_shows_in_the_status_only(stage: Stage) -> None:
    stage.detail.thinking = False
    stage.live.begin("")
    for event in (TurnStarted("m"), ThoughtDelta("Let me see, for long enough.")):
        stage.display.show(event)
    assert stage.live.status == "thinking · ~7 tokens · Ctrl-C stops"
    stage.display.show(ENDED)
    assert stage.terminal.screen == []


async def test_the_status_counts_the_tokens_of_the_turn(stage: Stage) -> None:
    stage.live.begin("")
    for event in (TurnStarted("m"), AnswerDelta("x" * 40), FINISHED):
        stage.display.show(event)
    assert stage.live.status == "waiting for the answer · 300 tokens · Ctrl-C stops"


async def test_verbose_shows_what_went_in_and_what_came_out(stage: Stage) -> None:
    stage.detail.verbose = True
    for event in (TurnStarted("m"), ToolStarted(CALL, "a.txt"), RESULT, ENDED):
        stage.display.show(event)
    assert stage.terminal.screen == ["● read_file a.txt … 0.1s → one …", "  path: a.txt", "  one", "  two"]
