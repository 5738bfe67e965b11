"""A turn on a terminal, event by event, without a running application."""

from __future__ import annotations

import pytest

from aloop.agent.events import (
    AgentEvent,
    AnswerDelta,
    AnswerFinished,
    Compacting,
    Notice,
    ReadingQuestion,
    Retrying,
    ThoughtDelta,
    ToolFinished,
    ToolStarted,
    TurnEnded,
    TurnStarted,
    Waiting,
)
from aloop.errors import Problem, ServerFailed
from aloop.llm.message_types import LLMMessage, ToolCall, Usage
from aloop.tools.base import ToolResult
from repl.output.live import Live
from repl.output.screen import Screen
from repl.output.styled import to_text
from repl.turn.turn_view import TokenCount, TurnDisplay
from tests.repl.terminal import Terminal

CALL = ToolCall("call_1", "calculator", "{}")
FINISHED = AnswerFinished(LLMMessage("assistant", "text"))
ENDED = TurnEnded("completed", kept=True, usage=Usage(), seconds=1.0)


class Stage:
    def __init__(self) -> None:
        self.terminal = Terminal()
        self.live = Live()
        self.display = TurnDisplay(Screen(self.terminal.output), self.live)

    @property
    def rows(self) -> list[str]:
        """The rows on the screen without the blank one that begins a turn."""
        screen = self.terminal.screen
        return screen[1:] if screen[:1] == [""] else screen

    def show(self, *events: AgentEvent) -> None:
        for event in events:
            self.display.show(event)


@pytest.fixture
async def stage() -> Stage:
    return Stage()


async def test_answer_is_rendered_once_complete(stage: Stage) -> None:
    stage.live.begin("")
    stage.show(TurnStarted("m"), AnswerDelta("**one**\n\ntw"), AnswerDelta("o"))
    assert stage.rows == []
    stage.show(FINISHED, ENDED)
    assert stage.rows == ["one", "", "two"]


@pytest.mark.parametrize(("continues", "status"), [(True, "waiting for the answer"), (False, "saving")])
async def test_status_after_an_answer_shows_whether_another_one_follows(
    stage: Stage, continues: bool, status: str
) -> None:
    stage.live.begin("")
    stage.show(TurnStarted("m"), AnswerDelta("First, "), AnswerFinished(LLMMessage("assistant", "First, "), continues))
    assert stage.live.status.startswith(status)


async def test_status_shows_the_reason_for_a_wait_until_it_ends(stage: Stage) -> None:
    stage.live.begin("")
    stage.show(TurnStarted("m"), Waiting("loading Toy"))
    assert stage.live.status.startswith("loading Toy")
    stage.show(Waiting(""))
    assert stage.live.status.startswith("waiting for the answer")
    stage.show(ReadingQuestion(0.4))
    assert stage.live.status.startswith("reading the conversation, 40%")
    stage.show(ReadingQuestion(1))
    assert stage.live.status.startswith("waiting for the answer")


async def test_finished_block_is_printed_and_the_rest_is_live(stage: Stage) -> None:
    stage.show(TurnStarted("m"), AnswerDelta("one\n\ntwo is not"))
    await stage.terminal.wait_for("one")
    assert stage.rows == ["one"]
    assert to_text(stage.live.rows(80, 24, 24).all).startswith("\ntwo is not\n")
    stage.show(AnswerDelta(" whole yet"), FINISHED)
    assert stage.rows == ["one", "", "two is not whole yet"]
    assert not stage.live.has_tail


async def test_status_counts_down_to_a_retry_below_the_partial_answer(stage: Stage) -> None:
    stage.live.begin("")
    error = ServerFailed("The API is overloaded (529). Try again in a minute.")
    stage.show(TurnStarted("m"), AnswerDelta("Once upon"), Retrying(error, 2, 5, 4.0, 2.3))
    assert stage.rows == ["Once upon"]
    assert stage.live.status == "retry in 3 s (2/5): The API is overloaded (529) · ~2 tokens · Ctrl-C stops"
    assert stage.live.status_in(36).startswith("retry in 3 s (2/5)")
    stage.show(Retrying(error, 2, 5, 4.0, 0))
    assert stage.live.status.startswith("waiting for the answer")


async def test_status_shows_a_running_compaction(stage: Stage) -> None:
    stage.live.begin("")
    stage.show(Compacting(34))
    assert stage.live.status.startswith("summarizing 34 older messages")
    stage.show(ReadingQuestion(0.4), ReadingQuestion(1))
    assert stage.live.status.startswith("summarizing 34 older messages")
    stage.show(Notice("34 older messages are a summary now."), ReadingQuestion(1))
    assert stage.live.status.startswith("waiting for the answer")


async def test_tool_lines_are_separated_from_text(stage: Stage) -> None:
    result = ToolFinished(CALL, "2+2", ToolResult("4"), 0.1)
    stage.show(TurnStarted("m"), AnswerDelta("Let me see."), FINISHED, ToolStarted(CALL, "2+2"), result, result)
    stage.show(AnswerDelta("It is 4."), FINISHED, ENDED)
    step = "✓ calculate 2+2  0.1s → 4"
    assert stage.rows == ["Let me see.", "", step, step, "", "It is 4."]


async def test_status_follows_the_events_of_a_turn(stage: Stage) -> None:
    stage.live.begin("")
    seen = []
    for event in (TurnStarted("m"), ThoughtDelta("hm"), AnswerDelta("text"), FINISHED, ToolStarted(CALL, "2+2")):
        stage.show(event)
        seen.append(stage.live.status.partition(" · ")[0])
    waiting = "waiting for the answer"
    assert seen == [waiting, "thinking", "answering", "saving", "working"]
    stage.show(
        ToolFinished(CALL, "2+2", ToolResult("4"), 0.1), AnswerFinished(LLMMessage("assistant", "", (CALL,)), True)
    )
    assert stage.live.status.startswith(waiting)


async def test_compaction_after_a_turn_does_not_show_its_tokens(stage: Stage) -> None:
    stage.live.begin("")
    stage.show(TurnStarted("m"), AnswerDelta("a long answer"), FINISHED, ENDED, Compacting(12_345))
    assert stage.live.status.startswith("summarizing 12,345 older messages · Ctrl-C stops")


async def test_stopped_tool_leaves_a_line(stage: Stage) -> None:
    stage.show(TurnStarted("m"), ToolStarted(CALL, "2+2"), ENDED)
    assert stage.rows == ["✗ calculate 2+2  stopped"]


async def test_stopped_tool_with_a_long_argument_is_marked_as_stopped(stage: Stage) -> None:
    stage.show(ToolStarted(CALL, "1 + " * 40), TurnEnded("interrupted", kept=True, usage=Usage(), seconds=1.0))
    [row] = stage.rows
    assert row.startswith("✗ calculate 1 + 1")
    assert row.endswith("…  stopped")


async def test_tool_line_wider_than_the_screen_is_cut(stage: Stage) -> None:
    stage.show(TurnStarted("m"), ToolFinished(CALL, "2+2", ToolResult("日本" * 90), 0.1))
    assert len(stage.rows) == 1


async def test_notice_is_printed_after_the_text_before_it(stage: Stage) -> None:
    stage.show(TurnStarted("m"), AnswerDelta("text"), Notice("Something was repaired."))
    assert stage.rows == ["text", "", "Something was repaired."]


def test_token_count_is_estimated_until_counted() -> None:
    tokens = TokenCount()
    assert tokens.text == ""
    tokens.add("x" * 40)
    assert tokens.text == "~10 tokens"
    tokens.count(Usage(output_tokens=12))
    assert tokens.text == "12 tokens"
    tokens.add("x" * 8_000)
    assert tokens.text == "~2.0k tokens"
    tokens.begin()
    assert tokens.text == ""


def test_token_count_keeps_the_estimate_without_usage() -> None:
    tokens = TokenCount()
    tokens.add("x" * 40)
    tokens.count(None)
    tokens.count(Usage())
    assert tokens.text == "~10 tokens"


def test_token_count_has_the_rate_of_an_answer_that_streams() -> None:
    now = [0.0]
    tokens = TokenCount(lambda: now[0])
    tokens.add("x" * 400)
    assert tokens.text == "~100 tokens"
    now[0] = 2.0
    tokens.add("x" * 400)
    assert tokens.text == "~200 tokens, 100/s"
    tokens.count(Usage(output_tokens=210))
    assert tokens.text == "210 tokens"


async def test_problem_is_marked_unlike_other_notices(stage: Stage) -> None:
    stage.show(Notice("A turn was recovered."), Notice(Problem("The disk is full.")))
    assert stage.rows == ["A turn was recovered.", "✗ The disk is full."]
