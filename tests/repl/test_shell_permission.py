"""Tests of permission questions in the shell, with a scripted model."""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path

import pytest

from aloop.llm.message_types import ToolCall
from tests.agent.scripted import Line, answer, calls
from tests.repl.conftest import SetStage, Stage


def writing(text: str, identity: str = "call_1") -> list[Line]:
    return calls(ToolCall(identity, "write_file", json.dumps({"path": "a.txt", "content": text})))


def running(command: str, identity: str = "call_1") -> list[Line]:
    return calls(ToolCall(identity, "run_shell", json.dumps({"command": command})))


@pytest.fixture
def play(stage: SetStage) -> SetStage:
    """A stage whose agent has the standard tools."""
    return partial(stage, tools=None)


@pytest.fixture
def gate() -> None:
    """A pipe in the working directory."""
    os.mkfifo("gate")


def content(name: str) -> str | None:
    """Return the text of a file in the working directory, None if it does not exist."""
    path = Path(name)
    return path.read_text() if path.exists() else None


def let_go(name: str) -> None:
    """Write to a pipe that a command waits for."""
    Path(name).write_text("go\n")


async def asked(shell: Stage) -> None:
    await shell.terminal.wait_until(lambda: shell.terminal.screen[-2:-1] == ["allow?"], "the question")


async def test_allowed_call_runs_after_it_was_shown(play: SetStage) -> None:
    async with play(writing("hello\n"), answer("Done.")) as shell:
        shell.type("go\r")
        await asked(shell)
        assert "● write_file a.txt (new, 1 line)\n" in shell.terminal.scrollback
        assert "+hello" in shell.terminal.scrollback
        assert content("a.txt") is None
        shell.type("y\r")
        await shell.see("Done.")
        assert "  allowed\n● write_file a.txt … 0.0s → Created a.txt (1 line).\n" in shell.terminal.scrollback
        assert content("a.txt") == "hello\n"


async def test_refusal_and_its_reason_reach_the_model(play: SetStage) -> None:
    async with play(writing("hello\n"), answer("As you like.")) as shell:
        shell.type("go\r")
        await asked(shell)
        shell.type("n, use b.txt\r")
        await shell.see("As you like.")
        await shell.rest()
        assert "  denied: use b.txt" in shell.terminal.scrollback
        assert "The user denied this call: use b.txt" in ((await shell.saved())[2] or "")
        assert content("a.txt") is None


async def allow_for_the_session(shell: Stage) -> None:
    """Send a message, and allow the call it leads to for the session."""
    shell.type("go\r")
    await asked(shell)
    shell.type("a\r")
    await shell.see("Done.")
    await shell.rest()


async def test_permission_for_the_session_shows_later_calls_without_asking(play: SetStage) -> None:
    scripts = (writing("one\n"), answer("Done."), writing("two\n", "call_2"), answer("Again."))
    async with play(*scripts) as shell:
        await allow_for_the_session(shell)
        shell.type("go\r")
        await shell.see("Again.")
        assert content("a.txt") == "two\n"
        # Not asked for, it is shown when it is done.
        assert "  -one\n  +two\n" in shell.terminal.scrollback


async def test_new_session_asks_again(play: SetStage) -> None:
    scripts = (writing("one\n"), answer("Done."), writing("two\n", "call_2"), answer("Again."))
    async with play(*scripts) as shell:
        await allow_for_the_session(shell)
        shell.type("/clear\r")
        await shell.see("Started a new session.")
        await shell.rest()
        shell.type("go\r")
        await asked(shell)


async def test_draft_is_not_an_answer_and_returns(play: SetStage, gate: None) -> None:
    async with play(running("read go < gate"), writing("hello\n", "call_2"), answer("Done.")) as shell:
        shell.type("go\r")
        await asked(shell)
        shell.type("y\r")
        await shell.see("● run_shell read go")
        shell.type("y")
        await shell.terminal.wait_until(lambda: "> y" in shell.terminal.screen, "the draft")
        let_go("gate")
        await asked(shell)
        shell.type("\r")
        await shell.see("Please answer y, a or n.")
        assert content("a.txt") is None
        shell.type("n\r")
        await shell.see("Done.")
        await shell.terminal.wait_until(lambda: shell.terminal.screen[-2] == "> y", "the draft again")


async def test_unclear_answer_is_asked_for_again(play: SetStage) -> None:
    async with play(writing("hello\n"), answer("Done.")) as shell:
        shell.type("go\r")
        await asked(shell)
        shell.type("yes please\r")
        await shell.see("Please answer y, a or n.")
        await asked(shell)
        assert content("a.txt") is None
        shell.type("\x1b[200~y\r\x1b[201~")
        await shell.see("allow? y")
        assert content("a.txt") is None


async def test_ctrl_c_at_the_question_stops_the_turn_without_the_call(play: SetStage) -> None:
    async with play(writing("hello\n"), answer("Fine.")) as shell:
        shell.type("go\r")
        await asked(shell)
        shell.type("y\x03")
        await shell.see("Stopped. The partial answer is kept.")
        await shell.rest()
        assert content("a.txt") is None
        assert "interrupted" in ((await shell.saved())[-1] or "")
        shell.type("continue\r")
        await shell.see("Fine.")
        assert content("a.txt") is None


async def test_command_output_is_shown_while_it_runs(play: SetStage, gate: None) -> None:
    async with play(running("echo begun; read go < gate; seq 12; exit 3"), answer("Done.")) as shell:
        shell.type("go\r")
        await asked(shell)
        shell.type("y\r")
        await shell.terminal.wait_until(lambda: "begun" in shell.terminal.screen, "output of the command")
        assert "Done." not in shell.terminal.scrollback
        let_go("gate")
        await shell.see("Done.")
        end = shell.terminal.scrollback.partition("→ exit code 3\n")[2]
        assert end.startswith("  … 3 earlier lines\n  3\n")
        assert "\n  12\n" in end
