from __future__ import annotations

import io
from pathlib import Path

import pytest

from aloop.agent.events import AnswerDelta, AnswerFinished, Notice, ToolFinished, TurnEnded, Waiting
from aloop.errors import UsageError
from aloop.llm.message_types import LLMMessage, ToolCall, Usage
from aloop.tools.base import ToolResult
from repl.plain.views import PlainView

FINISHED = AnswerFinished(LLMMessage("assistant", "text"))
TOOL = ToolFinished(ToolCall("1", "calculator", "{}"), "2+2", ToolResult("4"), 0.1)


class Streams:
    def __init__(self) -> None:
        self.out, self.err = io.StringIO(), io.StringIO()
        self.view = PlainView(self.out, self.err)


@pytest.fixture
def streams() -> Streams:
    return Streams()


def test_an_answer_is_written_as_it_comes_and_its_last_line_ended(streams: Streams) -> None:
    streams.view.event(AnswerDelta("Hel"))
    assert streams.out.getvalue() == "Hel"
    streams.view.event(AnswerDelta("lo"))
    streams.view.event(FINISHED)
    assert streams.out.getvalue() == "Hello\n"


def test_a_line_that_is_ended_is_not_ended_again(streams: Streams) -> None:
    streams.view.event(AnswerDelta("Hello\n"))
    streams.view.event(FINISHED)
    streams.view.event(TurnEnded("completed", kept=True, usage=Usage(), seconds=0.1))
    assert streams.out.getvalue() == "Hello\n"


def test_how_it_went_goes_to_the_other_stream(streams: Streams) -> None:
    streams.view.event(TOOL)
    streams.view.event(Waiting("loading Toy"))
    streams.view.event(Waiting(""))
    streams.view.event(Notice("Something was mended."))
    streams.view.error("It failed.")
    assert streams.out.getvalue() == ""
    assert streams.err.getvalue() == "● calculator 2+2 … 0.1s → 4\nLoading Toy …\nSomething was mended.\nIt failed.\n"


def test_a_message_in_mid_answer_begins_on_a_line_of_its_own(streams: Streams) -> None:
    streams.view.event(AnswerDelta("Half"))
    streams.view.info("Stopped.")
    assert streams.out.getvalue() == "Half\nStopped.\n"


def test_no_codes_get_through(streams: Streams) -> None:
    streams.view.event(AnswerDelta("\x1b[2J"))
    streams.view.error("\x1b[2J")
    assert "\x1b" not in streams.out.getvalue() + streams.err.getvalue()


async def test_without_a_terminal_there_is_no_editor(streams: Streams) -> None:
    assert not await streams.view.edit(Path("session.yaml"), 1)
    assert streams.err.getvalue() == "An editor needs a terminal, and there is none here.\n"


def test_what_a_command_prints_is_written_as_it_comes_and_made_safe(streams: Streams) -> None:
    with streams.view.printing("make") as tell:
        tell("one\n\x1b[2Jtw")
        assert streams.out.getvalue() == "one\n^[[2Jtw"
        tell("o")
    assert streams.out.getvalue() == "one\n^[[2Jtwo\n"


async def test_there_is_no_terminal_to_hand_over(streams: Streams, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no terminal"):
        await streams.view.hand_over(["vi"], tmp_path)
