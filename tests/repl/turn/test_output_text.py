"""The output of running calls as text."""

from __future__ import annotations

import json

from aloop.agent.events import ToolFinished, ToolOutput
from aloop.llm.message_types import ToolCall
from aloop.tools.base import ToolResult
from repl.turn.lines import finished_text
from repl.turn.output_text import OutputText


def test_output_of_several_calls_has_the_name_of_each_above_it() -> None:
    one, other = (ToolCall(name, "run_shell", json.dumps({"command": name})) for name in ("make", "ls\x1b[2J"))
    output = OutputText()
    pieces = [ToolOutput(one, "a\n"), ToolOutput(one, "b"), ToolOutput(other, "c\x1b[2J\n"), ToolOutput(one, "d")]
    shown = "".join(map(output.add, pieces)) + output.end()
    assert shown == "run make:\na\nb\nrun ls^[[2J:\nc^[[2J\nrun make:\nd\n"
    assert output.end() == ""


def test_name_above_the_output_of_a_call_is_as_long_as_in_the_row_of_its_result() -> None:
    call = ToolCall("call_1", "run_shell", json.dumps({"command": "x" * 100}))
    named = OutputText().add(ToolOutput(call, "a\n")).partition(":")[0]
    assert finished_text(ToolFinished(call, call.brief, ToolResult("a\n[exit code 0]"), 0)).partition(":")[0] == named


def test_output_below_the_result_of_another_call_has_its_name_again() -> None:
    output = OutputText()
    piece = ToolOutput(ToolCall("make", "run_shell", '{"command": "make"}'), "a\n")
    assert output.add(piece) == "run make:\na\n"
    assert output.end() == ""
    assert output.add(piece) == "run make:\na\n"


def test_long_output_shows_its_first_and_last_lines_and_counts_the_others() -> None:
    make = ToolCall("make", "run_shell", '{"command": "make"}')
    output = OutputText()
    text = "".join(f"{number}\n" for number in range(1, 401))
    shown = "".join(output.add(ToolOutput(make, text[at : at + 7])) for at in range(0, len(text), 7))
    assert shown == "run make:\n1\n2\n3\n4\n5\n"
    assert output.finish(make) == "… 390 more lines\n396\n397\n398\n399\n400\n"
    assert output.finish(make) == ""


def test_output_of_ten_lines_is_whole() -> None:
    make = ToolCall("make", "run_shell", '{"command": "make"}')
    output = OutputText()
    text = "".join(f"{number}\n" for number in range(9)) + "last"
    assert output.add(ToolOutput(make, text)) + output.finish(make) == f"run make:\n{text}\n"


def test_last_lines_of_a_call_below_another_have_its_name() -> None:
    one, other = (ToolCall(name, "run_shell", json.dumps({"command": name})) for name in ("make", "ls"))
    output = OutputText()
    text = "".join(f"{number}\n" for number in range(7))
    output.add(ToolOutput(one, text))
    assert output.add(ToolOutput(other, text)) == "run ls:\n0\n1\n2\n3\n4\n"
    assert output.finish_all() == "run make:\n5\n6\nrun ls:\n5\n6\n"


def test_verbose_output_is_whole() -> None:
    make = ToolCall("make", "run_shell", '{"command": "make"}')
    text = "a line\n" * 400
    output = OutputText()
    assert output.add(ToolOutput(make, text), is_whole=True) + output.finish(make) == f"run make:\n{text}"
