from __future__ import annotations

from aloop.agent.events import ToolFinished, ToolStarted
from aloop.llm.message_types import ToolCall
from aloop.tools.base import ToolResult
from repl.output.styled import Tone, to_text
from repl.turn.lines import finished_line, started_text

CALL = ToolCall("call_1", "calculator", "{}")


def finished(text: str, headline: str = "2+2", *, is_error: bool = False) -> ToolFinished:
    return ToolFinished(CALL, headline, ToolResult(text, is_error), 0.12)


def test_a_tool_is_one_line_with_its_argument_its_time_and_its_result() -> None:
    assert to_text([finished_line(finished("4"))]) == "● calculator 2+2 … 0.1s → 4\n"


def test_of_a_long_result_only_the_first_line_is_told() -> None:
    assert to_text([finished_line(finished("4\nand more"))]) == "● calculator 2+2 … 0.1s → 4 …\n"


def test_a_result_can_not_bring_codes_or_lines_along() -> None:
    shown = to_text([finished_line(finished("\x1b[2J" + "x" * 500, headline="a\nb"))])
    assert shown.count("\n") == 1
    assert "\x1b" not in shown
    assert len(shown) < 300


def test_no_result_is_told_as_nothing() -> None:
    assert to_text([finished_line(finished("", headline=""))]) == "● calculator … 0.1s → (nothing)\n"


def test_a_failure_stands_out() -> None:
    assert finished_line(finished("no", is_error=True))[-1] == (Tone.BAD, "no")


def test_a_running_tool_is_told_by_name_and_argument() -> None:
    assert started_text(ToolStarted(CALL, "2+2")) == "calculator 2+2"
