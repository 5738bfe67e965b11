from __future__ import annotations

from aloop.llm.message_types import LLMMessage, ToolCall
from repl.output.styled import Line, to_text
from repl.turn import lines as unfolded
from repl.turn.lines import argument_lines, call_lines, whole_result_lines


def rows(lines: list[Line]) -> list[str]:
    return to_text(lines).splitlines()


def test_each_argument_has_a_line_or_more() -> None:
    call = ToolCall("1", "write_file", '{"path": "a", "text": "one\\ntwo\\u001b[2J", "limit": 3, "deep": {"a": [1]}}')
    assert rows(argument_lines(call)) == [
        "  path: a",
        "  text: one",
        "    two^[[2J",
        "  limit: 3",
        '  deep: {"a": [1]}',
    ]


def test_arguments_that_are_no_object_are_shown_as_they_are() -> None:
    assert rows(argument_lines(ToolCall("1", "x", '{"broken'))) == ['  {"broken']
    assert rows(argument_lines(ToolCall("1", "x", "[" * 100_000)))[0].startswith("  [[[")
    assert rows(argument_lines(ToolCall("1", "x", ""))) == []


def test_a_very_long_result_is_cut_and_says_so() -> None:
    shown = rows(whole_result_lines("\n".join(map(str, range(500)))))
    assert len(shown) == unfolded.MOST_RESULT_LINES
    assert shown[-1] == "  … 301 more lines"
    assert len(rows(whole_result_lines("x" * 10_000))[0]) < 1_100


def test_the_calls_of_a_turn_come_with_their_results() -> None:
    calls = (ToolCall("1", "first", '{"a": "b"}'), ToolCall("2", "second"))
    messages = [
        LLMMessage("user", "Do it"),
        LLMMessage("assistant", tool_calls=calls),
        LLMMessage("tool", "done\nall", tool_call_id="1"),
    ]
    assert rows(call_lines(messages)) == ["● first", "  a: b", "  →", "  done", "  all", "● second"]
