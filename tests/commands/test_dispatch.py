from __future__ import annotations

from pathlib import Path

import pytest

from commands.dispatch import dispatch
from commands.registry import FAILED, Next, Outcome
from tests.agent.scripted import answer
from tests.commands.conftest import SetUp


async def test_text_is_sent_to_the_model(bench: SetUp) -> None:
    stage = bench(answer("Hello."))
    assert await dispatch("Hi", stage.context) == Outcome()
    assert [message.content for message in stage.memory.messages] == ["Hi", "Hello."]


async def test_shell_command_runs_in_a_folder_that_was_moved(
    bench: SetUp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, moved = tmp_path / "before", tmp_path / "moved"
    before.mkdir()
    monkeypatch.chdir(before)
    stage = bench()
    before.rename(moved)
    await dispatch("!touch here", stage.context)
    assert stage.context.agent.working_dir == moved
    assert (moved / "here").exists()


async def test_blank_line_does_nothing(bench: SetUp) -> None:
    stage = bench()
    assert await dispatch("  ", stage.context) == Outcome()
    assert stage.view.shown == []


async def test_unknown_command_gets_a_suggestion_and_does_nothing(bench: SetUp) -> None:
    stage = bench()
    assert await dispatch("/resum a1b2", stage.context) == FAILED
    [(kind, text)] = stage.view.shown
    assert kind == "error"
    assert "Did you mean /resume?" in str(text)
    assert "type a space before it" in str(text)
    assert stage.llm.requests == []


async def test_unknown_command_without_a_match_points_to_help(bench: SetUp) -> None:
    stage = bench()
    await dispatch("/zzzzz", stage.context)
    assert "/help lists the commands" in str(stage.view.of("error")[0])


@pytest.mark.parametrize("line", ["/clear now", "/exit please", "/stats a1b2"])
async def test_command_without_argument_refuses_one(bench: SetUp, line: str) -> None:
    stage = bench()
    assert (await dispatch(line, stage.context)).next is Next.READ
    assert "takes no argument" in str(stage.view.of("error")[0])


async def test_error_of_a_command_is_shown(bench: SetUp) -> None:
    stage = bench()
    await dispatch("/resume ffffffff", stage.context)
    assert stage.view.of("error") == ["No session matches 'ffffffff'. /history lists the sessions."]


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (
            "/import",
            (
                "/import is not a command of the prompt. Run `aloop import` in a shell. "
                "The last row of /resume imports single sessions."
            ),
        ),
        ("/Doctor now", "/doctor is not a command of the prompt. Run `aloop doctor` in a shell."),
    ],
)
async def test_command_of_the_shell_is_named_as_such(bench: SetUp, line: str, error: str) -> None:
    stage = bench()
    await dispatch(line, stage.context)
    assert stage.view.of("error") == [error]
