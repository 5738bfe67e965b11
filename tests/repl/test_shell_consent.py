"""Questions of consent at the prompt of the shell, on a terminal in memory; the model is scripted."""

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
    """Return what is in a file of the working directory, None when there is none."""
    path = Path(name)
    return path.read_text() if path.exists() else None


def let_go(name: str) -> None:
    """Write to a pipe for which a command waits."""
    Path(name).write_text("go\n")


async def asked(shell: Stage) -> None:
    await shell.terminal.wait_until(lambda: shell.terminal.screen[-2:-1] == ["allow?"], "the question")


async def test_what_is_allowed_is_done_once_it_was_seen(play: SetStage) -> None:
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


async def test_a_no_is_told_to_the_model_with_its_reason(play: SetStage) -> None:
    async with play(writing("hello\n"), answer("As you like.")) as shell:
        shell.type("go\r")
        await asked(shell)
        shell.type("n, use b.txt\r")
        await shell.see("As you like.")
        await shell.rest()
        assert "  refused: use b.txt" in shell.terminal.scrollback
        assert "The user declined: use b.txt" in ((await shell.saved())[2] or "")
        assert content("a.txt") is None


async def test_a_yes_for_the_session_is_not_asked_again_and_what_is_done_is_shown(play: SetStage) -> None:
    scripts = (writing("one\n"), answer("Done."), writing("two\n", "call_2"), answer("Again."))
    async with play(*scripts) as shell:
        shell.type("go\r")
        await asked(shell)
        shell.type("a\r")
        await shell.see("Done.")
        await shell.rest()
        shell.type("go\r")
        await shell.see("Again.")
        assert content("a.txt") == "two\n"
        # Not asked for, it is shown when it is done.
        assert "  -one\n  +two\n" in shell.terminal.scrollback


async def test_a_new_session_asks_again(play: SetStage) -> None:
    scripts = (writing("one\n"), answer("Done."), writing("two\n", "call_2"), answer("Again."))
    async with play(*scripts) as shell:
        shell.type("go\r")
        await asked(shell)
        shell.type("a\r")
        await shell.see("Done.")
        await shell.rest()
        shell.type("/clear\r")
        await shell.see("Started a new session.")
        await shell.rest()
        shell.type("go\r")
        await asked(shell)


async def test_a_draft_is_no_answer_and_comes_back(play: SetStage, gate: None) -> None:
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


async def test_an_answer_that_is_not_clear_is_asked_for_again(play: SetStage) -> None:
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


async def test_ctrl_c_at_the_question_ends_the_turn_with_nothing_done(play: SetStage) -> None:
    async with play(writing("hello\n"), answer("Fine.")) as shell:
        shell.type("go\r")
        await asked(shell)
        shell.type("y\x03")
        await shell.see("Stopped. The partial answer is kept.")
        await shell.rest()
        assert content("a.txt") is None
        assert "interrupted" in ((await shell.saved())[-1] or "")
        shell.type("go on\r")
        await shell.see("Fine.")
        assert content("a.txt") is None


async def test_what_a_command_prints_is_seen_while_it_runs(play: SetStage, gate: None) -> None:
    async with play(running("echo begun; read go < gate; seq 12; exit 3"), answer("Done.")) as shell:
        shell.type("go\r")
        await asked(shell)
        shell.type("y\r")
        await shell.terminal.wait_until(lambda: "begun" in shell.terminal.screen, "output of the command")
        assert "Done." not in shell.terminal.scrollback
        let_go("gate")
        await shell.see("Done.")
        end = shell.terminal.scrollback.partition("→ exit code 3\n")[2]
        assert end.startswith("  … 3 lines before that\n  3\n")
        assert "\n  12\n" in end
