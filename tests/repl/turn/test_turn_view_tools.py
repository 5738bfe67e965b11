"""Tools in a turn on a terminal, without a running application."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from aloop.agent.events import ToolFinished, ToolOutput, ToolStarted, TurnEnded, TurnStarted
from aloop.llm.message_types import ToolCall, Usage
from aloop.permissions import Form, PermissionRequest
from aloop.tools.base import ToolResult
from aloop.tools.todo import OpenSteps, Step
from repl.output.screen import Screen
from repl.output.styled import to_text
from repl.output.theme import Style
from tests.repl.turn.test_turn_view import Stage

ENDED = TurnEnded("completed", kept=True, usage=Usage(), seconds=1.0)
DIFF = "Changed a.txt: 1 line added, 1 removed.\n--- a.txt\n+++ a.txt\n@@ -1 +1 @@\n-old\n+new"


def call(name: str, number: int = 1) -> ToolCall:
    return ToolCall(f"call_{number}", name, "{}")


def finished(name: str, text: str, form: Form, *, is_error: bool = False) -> ToolFinished:
    return ToolFinished(call(name), "a.txt", ToolResult(text, is_error, form), 0.1)


@pytest.fixture
async def stage() -> Stage:
    stage = Stage()
    stage.live.begin("")
    stage.show(TurnStarted("m"))
    return stage


def planned(number: int, *statuses: str) -> ToolFinished:
    """Return a finished call of todo, with one step for each status."""
    items = [{"content": f"Step {at}", "status": status} for at, status in enumerate(statuses, 1)]
    todo = ToolCall(f"call_{number}", "todo", json.dumps({"todos": items}))
    return ToolFinished(todo, "", ToolResult("a summary"), 0.1)


async def test_steps_are_live_until_all_are_done(stage: Stage) -> None:
    stage.show(planned(1, "in_progress", "pending"))
    assert live_rows(stage)[:2] == ["▸ Step 1", "☐ Step 2"]
    stage.show(planned(2, "completed", "in_progress"))
    assert live_rows(stage)[:2] == ["☑ Step 1", "▸ Step 2"]
    stage.show(planned(3, "completed", "completed"))
    assert not any("Step" in row for row in live_rows(stage))
    stage.show(ENDED)
    assert stage.rows == ["✓ todo  0.1s → a summary"] * 3


async def test_steps_that_are_left_stay_on_the_screen_once(stage: Stage) -> None:
    stage.show(planned(1, "completed", "pending"), ENDED)
    folded = "☐ 1 of 2 steps done, next: Step 2"
    assert stage.rows == ["✓ todo  0.1s → a summary", "", folded]
    stage.live.begin("")
    steps = (Step("Step 1", "completed"), Step("Step 2", "pending"))
    stage.show(TurnStarted("m", OpenSteps(steps)))
    assert live_rows(stage)[:2] == ["☑ Step 1", "☐ Step 2"]
    stage.show(TurnStarted("m", OpenSteps(steps, is_idle=True)))
    assert live_rows(stage)[0] == folded
    stage.show(planned(2, "completed", "in_progress"))
    assert live_rows(stage)[:2] == ["☑ Step 1", "▸ Step 2"]
    stage.show(ENDED)
    stage.live.begin("")
    stage.show(TurnStarted("m", OpenSteps((Step("Step 1", "completed"), Step("Step 2", "in_progress")))))
    stage.show(ENDED)
    # A turn that does not touch the list leaves nothing of it.
    assert stage.terminal.scrollback.count("steps done") == 2


async def test_refused_list_changes_nothing(stage: Stage) -> None:
    stage.show(planned(1, "in_progress"))
    refused = planned(2, "completed")
    stage.show(replace(refused, result=ToolResult("no", is_error=True)))
    assert live_rows(stage)[0] == "▸ Step 1"


async def test_unasked_change_is_shown_when_finished(stage: Stage) -> None:
    stage.show(finished("edit_file", DIFF, "diff"))
    assert stage.rows == [
        "✓ edit a.txt  0.1s  +1 −1",
        *("  1 - old", "  1 + new"),
    ]


async def test_diff_shown_in_the_question_is_not_repeated(stage: Stage) -> None:
    stage.display.show_question(
        PermissionRequest(("write",), "edit_file a.txt (+1 −1)", DIFF.partition("\n")[2], "diff")
    )
    stage.show(finished("edit_file", DIFF, "diff"))
    assert sum("+ new" in row for row in stage.rows) == 1
    stage.show(finished("edit_file", DIFF, "diff"))
    assert sum("+ new" in row for row in stage.rows) == 2


async def test_large_diff_is_cut_to_its_start(stage: Stage) -> None:
    stage.show(finished("edit_file", DIFF + "\n+x" * 100, "diff"))
    rows = stage.terminal.scrollback.splitlines()[1:]
    assert (len(rows), rows[-2:]) == (39, [" 36 + x", "  … 65 more lines"])


async def test_command_shows_exit_code_and_last_lines(stage: Stage) -> None:
    printed = "\n".join(map(str, range(30)))
    stage.show(finished("run_shell", f"{printed}\n[exit code 1]", "output", is_error=True))
    assert stage.rows == [
        "✗ run a.txt  0.1s  exit code 1  +25 lines · Ctrl-O",
        *(f"  {number}" for number in range(25, 30)),
    ]


async def test_command_without_output_is_one_line(stage: Stage) -> None:
    stage.show(finished("run_shell", "[exit code 0]", "output"))
    assert stage.rows == ["✓ run a.txt  0.1s"]


def live_rows(stage: Stage, height: int = 24) -> list[str]:
    """Return the live rows above the status."""
    return to_text(stage.live.rows(80, height, height).all).splitlines()[:-1]


async def test_parallel_tools_have_a_row_each(stage: Stage) -> None:
    for number in range(3):
        stage.show(ToolStarted(call("read_file", number), f"{number}.txt"))
    assert live_rows(stage) == ["", "● read 0.txt", "● read 1.txt", "● read 2.txt"]
    stage.show(ToolFinished(call("read_file", 0), "0.txt", ToolResult("x"), 0.1))
    assert live_rows(stage) == ["● read 1.txt", "● read 2.txt"]
    assert stage.rows == ["✓ read 0.txt  0.1s → x"]
    stage.show(ToolFinished(call("read_file", 1), "1.txt", ToolResult("no", is_error=True), 0.1))
    assert stage.rows[-1] == "✗ read 1.txt  0.1s → no"


async def test_output_of_a_running_tool_is_below_its_row_and_can_be_expanded(stage: Stage) -> None:
    stage.show(ToolStarted(call("run_shell", 1), "a"), ToolStarted(call("run_shell", 2), "b"))
    stage.show(ToolOutput(call("run_shell", 1), "".join(f"{number}\n" for number in range(30))))
    stage.display.expand()
    assert live_rows(stage)[1] == "● run a"
    assert live_rows(stage)[-2:] == ["  29", "● run b"]
    assert len(live_rows(stage)) > 12
    stage.display.expand()
    assert live_rows(stage) == ["", "● run a", *(f"  {number}" for number in range(25, 30)), "● run b"]


async def test_last_block_with_more_lines_is_kept_until_the_next_call(stage: Stage) -> None:
    long, short = (finished("run_shell", "x\n" * count + "[exit code 0]", "output") for count in (30, 1))
    kept = []
    for event in (long, ToolStarted(call("run_shell"), "make"), short):
        stage.show(event)
        kept.append(stage.display.block)
    assert kept == [long, None, None]


async def test_each_stopped_tool_leaves_a_line(stage: Stage) -> None:
    stage.show(ToolStarted(call("read_file", 1), "a"), ToolStarted(call("read_file", 2), "b"), ENDED)
    assert stage.rows == ["✗ read a  stopped", "✗ read b  stopped"]


async def test_output_of_a_stopped_tool_is_printed(stage: Stage) -> None:
    output = "".join(f"{number}\n" for number in range(20)) + "10%\r20%\x1b[2J"
    stage.show(ToolStarted(call("run_shell"), "make"), ToolOutput(call("run_shell"), output), ENDED)
    assert stage.rows == [
        "✗ run make  stopped",
        *(f"  {number}" for number in range(11, 20)),
        "  20%^[[2J",
    ]


async def test_blank_row_separates_the_output_of_a_stopped_tool_from_the_reason(stage: Stage) -> None:
    stage.show(ToolStarted(call("run_shell"), "make"), ToolOutput(call("run_shell"), "so far\n"))
    stage.show(TurnEnded("interrupted", kept=True, usage=Usage(), seconds=1.0))
    Screen(stage.terminal.output).say(Style.QUIET, "Stopped.")
    assert stage.rows[-3:] == ["  so far", "", "Stopped."]


async def test_live_output_disappears_when_its_tool_ends(stage: Stage) -> None:
    stage.show(ToolStarted(call("run_shell"), "make"), ToolOutput(call("run_shell"), "so far\n"))
    stage.show(finished("run_shell", "so far\n[exit code 0]", "output"), ENDED)
    assert not stage.live.has_tail


async def test_no_spinner_turns_during_a_question(stage: Stage) -> None:
    stage.show(ToolStarted(call("run_shell"), "make"))
    stage.display.show_question(PermissionRequest(("shell",), "run_shell", "make"))
    assert stage.live.status == ""
    stage.display.end_question()
    assert live_rows(stage) == ["● run make"]
