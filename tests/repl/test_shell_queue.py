"""Tests of lines that are entered while a turn runs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from aloop.config.settings import Settings
from aloop.errors import ConnectionFailed
from aloop.llm.base import TextDelta
from aloop.llm.message_types import ToolCall
from aloop.tools.base import Tool, ToolResult
from repl.input import prompt
from repl.input.history import HistoryFile
from repl.input.pastes import PasteGuard
from tests.agent.scripted import Hang, Line, answer, calls
from tests.repl.conftest import SetStage, Stage

UP, ESCAPE, CTRL_C, CTRL_ENTER = "\x1b[A", "\x1b[27u", "\x03", "\x1b[13;5u"


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Treat every key as typed by itself."""
    monkeypatch.setattr(PasteGuard, "paste", lambda _: None)


class Gate(Tool):
    """A tool that ends when the test opens it."""

    name = "gate"
    description = "Waits."
    parameters: ClassVar[Mapping[str, Any]] = {"type": "object", "properties": {}}

    def __init__(self) -> None:
        self.reached, self.open = asyncio.Event(), asyncio.Event()

    async def run(self, arguments: Mapping[str, Any]) -> ToolResult:
        self.reached.set()
        await self.open.wait()
        return ToolResult("opened")


def using_gate() -> list[Line]:
    return calls(ToolCall("call_1", "gate", json.dumps({})))


async def busy(shell: Stage, hang: Hang) -> None:
    """Start a turn that hangs."""
    shell.type("one\r")
    await hang.reached.wait()


async def waiting(shell: Stage, text: str) -> None:
    await shell.terminal.wait_until(lambda: any(text in row for row in shell.terminal.screen), text)


async def line_is(shell: Stage, *rows: str) -> None:
    """Wait until the input line is ``rows`` above the toolbar."""
    count = len(rows)
    await shell.terminal.wait_until(lambda: shell.terminal.screen[-1 - count : -1] == [*rows], "the line")


async def test_queued_lines_are_sent_one_by_one_after_the_turn(stage: SetStage) -> None:
    gate = Gate()
    async with stage(using_gate(), answer("First."), answer("Second."), answer("Third."), tools=[gate]) as shell:
        shell.type("one\r")
        await gate.reached.wait()
        shell.type("two\rthree\r")
        await waiting(shell, "queued: two")
        await waiting(shell, "queued: three")
        assert len(shell.llm.requests) == 1
        gate.open.set()
        await shell.see("Third.")
        await shell.rest()
        assert [text for text in await shell.saved() if text] == [
            *("one", "opened", "First."),
            *("two", "Second.", "three", "Third."),
        ]
        assert "queued:" not in "\n".join(shell.terminal.screen)


@pytest.mark.parametrize("keys", ["hurry\r\r", f"hurry{CTRL_ENTER}"])
async def test_message_that_steers_reaches_the_model_at_its_next_step(stage: SetStage, keys: str) -> None:
    gate = Gate()
    async with stage(using_gate(), answer("Hurried."), tools=[gate]) as shell:
        shell.type("one\r")
        await gate.reached.wait()
        shell.type(keys)
        await waiting(shell, "next step: hurry")
        gate.open.set()
        await shell.see("Hurried.")
        await shell.rest()
        assert [(message.role, message.content) for message in shell.llm.requests[1]][-2:] == [
            ("tool", "opened"),
            ("user", "hurry"),
        ]
        assert "> hurry\n" in shell.terminal.scrollback
        assert (await shell.saved())[-2:] == ["hurry", "Hurried."]


async def test_message_that_came_too_late_to_steer_starts_the_next_turn(stage: SetStage) -> None:
    gate = Gate()
    async with stage([TextDelta("Half"), hang := Hang()], answer("Again."), tools=[gate]) as shell:
        await busy(shell, hang)
        shell.type("late\r\r")
        await waiting(shell, "next step: late")
        shell.type(CTRL_C)
        await waiting(shell, "not sent: late")
        shell.type("\r")
        await shell.see("Again.")
        assert shell.llm.requests[1][-1].content == "late"


async def test_command_that_waits_never_steers(stage: SetStage) -> None:
    gate = Gate()
    async with stage(using_gate(), answer("Done."), tools=[gate]) as shell:
        shell.type("one\r")
        await gate.reached.wait()
        shell.type("/stats\r\r")
        await waiting(shell, "queued: /stats")
        gate.open.set()
        await shell.see("Done.")
        await shell.see("tool calls  gate 1")
        assert len(shell.llm.requests) == 2


async def test_up_takes_back_the_last_queued_line(stage: SetStage) -> None:
    async with stage([hang := Hang()]) as shell:
        await busy(shell, hang)
        shell.type("two\rthree\r")
        await waiting(shell, "queued: three")
        shell.type(UP)
        await line_is(shell, "> three")
        assert "queued: three" not in "\n".join(shell.terminal.screen)
        assert "  queued: two" in shell.terminal.screen


@pytest.mark.parametrize("key", [CTRL_C, ESCAPE])
async def test_stopped_turn_keeps_queued_lines_and_the_draft(stage: SetStage, key: str) -> None:
    async with stage([TextDelta("Half"), hang := Hang()], answer("Two."), answer("Three.")) as shell:
        await busy(shell, hang)
        shell.type("two\r/stats\rthree\rfour")
        await waiting(shell, "> four")
        shell.type(key)
        await waiting(shell, "  not sent: three")
        await line_is(shell, "  not sent: two", "  not sent: /stats", "  not sent: three", "> four")
        assert "\n\nStopped. The work so far is kept." in shell.terminal.scrollback
        shell.type(CTRL_C)
        await waiting(shell, "Enter sends the lines one by one")
        assert len(shell.llm.requests) == 1
        shell.type("\r")
        await shell.see("Two.")
        await shell.see("Three.")
        await shell.rest()
        assert [request[-1].content for request in shell.llm.requests[1:]] == ["two", "three"]
        assert "messages" in shell.terminal.scrollback.partition("> /stats")[2].partition("> three")[0]
        assert "not sent" not in "\n".join(shell.terminal.screen)


async def test_lines_that_were_not_sent_are_removed_one_by_one(stage: SetStage) -> None:
    async with stage([TextDelta("Half"), hang := Hang()], answer("Three.")) as shell:
        await busy(shell, hang)
        shell.type("first\rsecond\rthird\r")
        await waiting(shell, "queued: third")
        shell.type(CTRL_C)
        await waiting(shell, "not sent: third")
        shell.type(UP + UP)
        await line_is(shell, "  not sent: first", "  not sent: third", "> second")
        shell.type(CTRL_C)
        await line_is(shell, "  not sent: first", "  not sent: third", ">")
        shell.type(f"{UP}\r")
        await shell.see("Three.")
        await line_is(shell, "  not sent: first", ">")
        assert [request[-1].content for request in shell.llm.requests[1:]] == ["third"]


async def test_stopped_first_turn_returns_its_text_and_keeps_queued_lines(stage: SetStage) -> None:
    async with stage([hang := Hang()]) as shell:
        await busy(shell, hang)
        shell.type("/stats\r")
        await waiting(shell, "queued: /stats")
        await shell.terminal.wait_until(lambda: shell.terminal.screen[-1] == "Up edits or removes", "the help")
        shell.type("two\r!make\r")
        await waiting(shell, "queued: !make")
        shell.type(CTRL_C)
        await waiting(shell, "not sent: !make")
        await line_is(shell, "  not sent: /stats", "  not sent: two", "  not sent: !make", "> one")


async def test_failed_turn_holds_the_queued_lines(stage: SetStage) -> None:
    gate = Gate()
    async with stage(using_gate(), [ConnectionFailed("No network.")], tools=[gate]) as shell:
        shell.type("one\r")
        await gate.reached.wait()
        shell.type("two\r")
        await waiting(shell, "queued: two")
        gate.open.set()
        await shell.see("No network.")
        await waiting(shell, "not sent: two")
        assert len(shell.llm.requests) == 2


async def test_failed_command_does_not_run_the_lines_behind_it(stage: SetStage) -> None:
    gate = Gate()
    async with stage(using_gate(), answer("Done."), answer("Wrong."), tools=[gate]) as shell:
        shell.type("one\r")
        await gate.reached.wait()
        shell.type("/resume ffffffff\rtell me more\r")
        await waiting(shell, "queued: tell me more")
        gate.open.set()
        await waiting(shell, "not sent: tell me more")
        assert len(shell.llm.requests) == 2


async def test_lines_that_were_not_sent_are_in_the_history_after_leaving(stage: SetStage) -> None:
    gate = Gate()
    async with stage(using_gate(), answer("Done."), tools=[gate]) as shell:
        shell.type("one\r")
        await gate.reached.wait()
        shell.type("exit\rafter that\r")
        await waiting(shell, "queued: after that")
        gate.open.set()
        assert await shell.ends() == 0
        assert "Not sent: 1 queued line." in shell.terminal.scrollback
    assert HistoryFile(Settings.from_env().history_file).read()[-1] == "after that"


@pytest.mark.parametrize("word", ["exit", "quit"])
async def test_exit_and_quit_leave(stage: SetStage, word: str) -> None:
    async with stage() as shell:
        shell.type(f"{word}\r")
        assert await shell.ends() == 0
        assert shell.llm.requests == []


async def test_second_ctrl_c_leaves_unless_another_key_came_between(stage: SetStage) -> None:
    async with stage() as shell:
        shell.type(CTRL_C)
        await shell.see("Press Ctrl-C again to quit.")
        shell.type(f"x\x7f{CTRL_C}")
        await shell.rest()
        assert not shell.running.done()
        shell.type(CTRL_C)
        assert await shell.ends() == 0


async def test_second_ctrl_c_after_the_hint_is_gone_does_not_leave(
    stage: SetStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prompt, "AGAIN_SECONDS", 0.2)
    async with stage() as shell:
        for _ in range(2):
            shell.type(CTRL_C)
            await shell.see("Press Ctrl-C again to quit.")
            await shell.terminal.wait_until(lambda: "Ctrl-C" not in shell.terminal.screen[-1], "the toolbar again")
        assert not shell.running.done()


async def test_second_escape_on_an_empty_line_goes_back_to_an_earlier_message(stage: SetStage) -> None:
    async with stage(answer("Uno."), answer("Dos.")) as shell:
        for question in ("one", "two"):
            shell.type(f"{question}\r")
            await shell.see("Uno." if question == "one" else "Dos.")
            await shell.rest()
        shell.type(ESCAPE)
        await shell.see("Press Esc again to go back to an earlier message.")
        shell.type(ESCAPE)
        await shell.see("Enter go back")
        await waiting(shell, "   3  two")
        await waiting(shell, "   1  one")
        shell.type(ESCAPE)
        await line_is(shell, ">")
        assert "Dos.\n\n>" in "\n".join(shell.terminal.screen)
        shell.type(ESCAPE)
        await shell.see("Press Esc again")
        shell.type(ESCAPE)
        await waiting(shell, "   1  one")
        shell.type("\x1b[B\r")
        await line_is(shell, "> one")
        assert "Removed 2 turns (messages 1-4). /redo restores them one by one." in shell.terminal.scrollback
        assert "Enter go back" not in "\n".join(shell.terminal.screen)


async def test_alt_key_during_a_turn_does_not_stop_it(stage: SetStage) -> None:
    gate = Gate()
    async with stage(using_gate(), answer("Done."), tools=[gate]) as shell:
        shell.type("one\r")
        await gate.reached.wait()
        shell.type("a b\x1bb\x1b\rc")
        await line_is(shell, "> a", "  cb")
        gate.open.set()
        await shell.see("Done.")
