"""Tool calls and thinking as lines."""

from __future__ import annotations

import io

import pytest

from aloop.agent.events import AnswerDelta, Retrying, ThoughtDelta, ToolFinished, ToolStarted, TurnEnded
from aloop.errors import LLMError
from aloop.llm.message_types import LLMMessage, ToolCall, Usage
from aloop.tools.base import ToolResult
from aloop.width import text_width
from commands.context import Verbosity
from repl.output.styled import Line, to_text
from repl.output.theme import Style
from repl.plain.views import PlainView
from repl.task_report import Progress
from repl.turn.lines import (
    MOST_RESULT_LINES,
    argument_lines,
    call_lines,
    finished_line,
    finished_text,
    retrying_text,
    started_line,
    whole_result_lines,
)

CALL = ToolCall("call_1", "calculator", "{}")


def finished(text: str, headline: str = "2+2", *, is_error: bool = False) -> ToolFinished:
    return ToolFinished(CALL, headline, ToolResult(text, is_error), 0.12)


def test_finished_line_shows_argument_time_and_result() -> None:
    assert to_text([finished_line(finished("4"))]) == "✓ calculate 2+2  0.1s → 4\n"


def test_finished_line_shows_the_first_line_of_a_long_result() -> None:
    assert to_text([finished_line(finished("4\nand more"))]) == "✓ calculate 2+2  0.1s → 4  +1 line\n"


def test_finished_line_on_a_narrow_screen_keeps_the_number_of_lines() -> None:
    event = finished("a long result " * 9 + "\nand more", headline="a long argument " * 3)
    shown = to_text([finished_line(event, 40)])
    assert shown == "✓ calculate a long argum…  0.1s  +1 line\n"
    assert to_text([finished_line(finished("4 " * 40 + "\nx"), 40)]) == "✓ calculate 2+2  0.1s → 4 4 4…  +1 line\n"


def test_reason_of_a_failure_has_room_beside_a_long_argument() -> None:
    event = finished("'a.txt' does not exist.", headline="x" * 100, is_error=True)
    shown = to_text([finished_line(event, 80)])
    assert shown.rstrip().endswith("…  0.1s → 'a.txt' does not exist")
    assert text_width(shown.rstrip()) <= 80


def test_finished_line_shows_escape_codes_as_text_on_one_line() -> None:
    shown = to_text([finished_line(finished("\x1b[2J" + "x" * 500, headline="a\nb"))])
    assert shown.count("\n") == 1
    assert "\x1b" not in shown
    assert len(shown) < 300


def test_finished_line_of_an_empty_result_shows_no_output() -> None:
    assert to_text([finished_line(finished("", headline=""))]) == "✓ calculate  0.1s → (no output)\n"


def test_finished_line_of_a_failure_is_styled_bad() -> None:
    line = finished_line(finished("no", is_error=True))
    assert (line[0], (Style.BAD, "no") in line) == ((Style.BAD, "✗ "), True)


def test_started_line_shows_action_and_argument() -> None:
    assert to_text([started_line(ToolStarted(CALL, "2+2"))]) == "calculate 2+2\n"
    own = ToolCall("call_1", "my_tool", "{}")
    assert to_text([started_line(ToolStarted(own, ""))]) == "my_tool\n"


def test_finished_text_has_words_in_place_of_marks() -> None:
    assert finished_text(finished("4")) == "calculate 2+2: 4 (0.1 s)"
    assert finished_text(finished("4\nand more")) == "calculate 2+2: 4 (1 more line, 0.1 s)"
    assert finished_text(finished("no", is_error=True)) == "calculate 2+2 failed: no (0.1 s)"


def rows(lines: list[Line]) -> list[str]:
    return to_text(lines).splitlines()


def test_argument_lines_has_at_least_a_line_per_argument() -> None:
    call = ToolCall("1", "write_file", '{"path": "a", "text": "one\\ntwo\\u001b[2J", "limit": 3, "deep": {"a": [1]}}')
    assert rows(argument_lines(call)) == [
        "  path: a",
        "  text: one",
        "    two^[[2J",
        "  limit: 3",
        '  deep: {"a": [1]}',
    ]


def test_argument_lines_shows_invalid_arguments_as_text() -> None:
    assert rows(argument_lines(ToolCall("1", "x", '{"broken'))) == ['  {"broken']
    assert rows(argument_lines(ToolCall("1", "x", "[" * 100_000)))[0].startswith("  [[[")
    assert rows(argument_lines(ToolCall("1", "x", ""))) == []


def test_whole_result_lines_cuts_a_very_long_result() -> None:
    shown = rows(whole_result_lines("\n".join(map(str, range(500)))))
    assert len(shown) == MOST_RESULT_LINES
    assert shown[-1] == "  … 301 more lines"
    assert len(rows(whole_result_lines("x" * 10_000))[0]) < 1_100


def test_call_lines_shows_calls_with_their_results() -> None:
    calls = (ToolCall("1", "first", '{"a": "b"}'), ToolCall("2", "second"))
    messages = [
        LLMMessage("user", "Do it"),
        LLMMessage("assistant", tool_calls=calls),
        LLMMessage("tool", "done\nall", tool_call_id="1"),
    ]
    assert rows(call_lines(messages)) == ["✓ first", "  a: b", "  →", "  done", "  all", "● second"]


THINKING_CALL = ToolCall("call_1", "read_file", '{"path": "a.txt"}')
EVENTS = (
    ThoughtDelta("Let me\n\x1b[2Jse"),
    ThoughtDelta("e."),
    ToolFinished(THINKING_CALL, "a.txt", ToolResult("one\ntwo"), 0.1),
    AnswerDelta("So."),
    TurnEnded("completed", kept=True, usage=Usage(), seconds=1.0),
)
VERBOSE_LINES = "read a.txt: one (0.1 s)\n  path: a.txt\n  one\n  two\n"


@pytest.mark.parametrize("thinking", [True, False])
def test_plain_view_shows_thinking_once_it_is_complete(thinking: bool) -> None:
    out, err = io.StringIO(), io.StringIO()
    view = PlainView(out, err, Verbosity(verbose=True, thinking=thinking))
    for event in EVENTS:
        view.event(event)
    assert err.getvalue() == ("  Let me\n  ^[[2Jsee.\n" if thinking else "") + VERBOSE_LINES
    assert out.getvalue() == "So.\n"


@pytest.mark.parametrize("thinking", [True, False])
def test_task_progress_shows_thinking_on_standard_error(thinking: bool, capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(Verbosity(verbose=True, thinking=thinking))
    for event in EVENTS:
        progress.show(event)
    out, err = capsys.readouterr()
    assert (out, err) == ("", ("  Let me\n  ^[[2Jsee.\n" if thinking else "") + VERBOSE_LINES)


def test_reason_for_a_retry_is_whole_or_loses_its_details_first() -> None:
    error = LLMError("127.0.0.1 is overloaded (overloaded_error, request 12). Try again later.")
    event = Retrying(error, 2, 5, 1.0, 1.0)
    assert retrying_text(event) == "127.0.0.1 is overloaded (overloaded_error, request 12): retry in 1 s (2/5)"
    assert retrying_text(event, is_short=True) == "retry in 1 s (2/5): 127.0.0.1 is overloaded"
    assert retrying_text(event, is_short=True, width=80) == "retry in 1 s (2/5): 127.0.0.1 is overloaded"
    whole = "retry in 1 s (2/5): 127.0.0.1 is overloaded (overloaded_error, request 12)"
    assert retrying_text(event, is_short=True, width=120) == whole
