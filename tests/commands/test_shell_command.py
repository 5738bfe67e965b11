from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from aloop.errors import ConnectionFailed
from commands import shell_command as run
from commands.context import drop
from commands.dispatch import dispatch
from commands.shell_command import CapturedOutput
from tests.agent.scripted import answer
from tests.commands.conftest import Bench, SetUp


def printed(stage: Bench) -> str:
    return "".join(str(text) for text in stage.view.of("printed"))


def told(stage: Bench) -> str:
    return str(stage.view.of("info")[-1])


async def test_a_command_runs_in_the_users_shell_and_its_output_is_shown(
    bench: SetUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHELL", "/bin/bash")
    stage = bench()
    await dispatch('! echo "${BASH_VERSION:+bash}"; pwd; exit 3', stage.context)
    assert printed(stage) == f"bash\n{Path.cwd()}\n"
    assert told(stage).startswith("exit code 3 · ")
    assert told(stage).endswith("2 lines · Enter adds the output to your next message")


async def test_nothing_of_it_is_sent_without_a_yes(bench: SetUp) -> None:
    stage = bench(answer("Hello."))
    await dispatch("!echo secret", stage.context)
    await dispatch("Hi", stage.context)
    assert [message.content for message in stage.memory.messages] == ["Hi", "Hello."]
    await dispatch("", stage.context)
    assert stage.context.pending_output.taken == []  # the offer ended with the line that was entered after it


async def test_an_empty_line_takes_it_along_with_the_next_message(bench: SetUp) -> None:
    stage = bench(answer("Hello."), answer("Again."))
    await dispatch("!echo one; exit 1", stage.context)
    await dispatch(" ", stage.context)
    await dispatch("Why?", stage.context)
    assert stage.memory.messages[0].content == (
        'Why?\n\n<output command="echo one; exit 1" note="exit code 1">\none\n</output>'
    )
    assert stage.memory.title == "Why?"
    await dispatch("And?", stage.context)
    assert stage.memory.messages[2].content == "And?"


async def test_several_outputs_go_along_and_all_may_be_left(bench: SetUp) -> None:
    stage = bench(answer("Hello."))
    for line in ("!echo one", "", "!echo two", ""):
        await dispatch(line, stage.context)
    assert [output.text for output in stage.context.pending_output.taken] == ["one", "two"]
    assert drop(stage.context)
    assert not drop(stage.context)
    await dispatch("Hi", stage.context)
    assert stage.memory.messages[0].content == "Hi"


async def test_output_stays_at_hand_when_a_turn_left_no_trace(bench: SetUp) -> None:
    stage = bench([ConnectionFailed("No network.")], answer("Hello."))
    for line in ("!echo one", "", "Why?"):
        await dispatch(line, stage.context)
    assert len(stage.context.pending_output.taken) == 1
    await dispatch("Why?", stage.context)
    assert "<output" in str(stage.memory.messages[0].content)


async def test_no_output_is_not_offered(bench: SetUp) -> None:
    stage = bench()
    await dispatch("!true", stage.context)
    assert "Enter" not in told(stage)
    assert stage.context.pending_output.offer is None


async def test_stopped_it_offers_what_it_had_said(bench: SetUp) -> None:
    stage = bench()
    turn = asyncio.ensure_future(dispatch("!echo begun; exec sleep 1000", stage.context))
    async with asyncio.timeout(20):
        while not printed(stage):  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # other processes have no event to wait for
    turn.cancel()
    await turn
    assert told(stage).startswith("stopped · ")
    assert stage.context.pending_output.offer is not None
    assert stage.context.pending_output.offer.text == "begun"


async def test_two_marks_give_the_command_the_terminal(bench: SetUp) -> None:
    stage = bench()
    await dispatch("!!vi notes.txt", stage.context)
    assert stage.view.of("hand_over") == ["vi notes.txt"]


async def test_lines_that_nobody_typed_run_nothing_and_attach_nothing(bench: SetUp) -> None:
    stage = bench(answer("Hello."))
    Path("notes.txt").write_text("text")
    stage.context.is_typed = False
    await dispatch("!touch ran", stage.context)
    await dispatch("@notes.txt", stage.context)
    assert not Path("ran").exists()
    assert "Nothing was run" in str(stage.view.of("error")[0])
    assert stage.memory.messages[0].content == "@notes.txt"


async def test_a_mark_alone_says_what_it_is_for(bench: SetUp) -> None:
    stage = bench()
    await dispatch("!", stage.context)
    assert "!COMMAND" in told(stage)


def test_of_very_much_output_the_beginning_and_the_end_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "MOST_CHARACTERS", 4)
    kept = CapturedOutput()
    for piece in ("12", "3456", "789", "0ab"):
        kept.add(piece)
    assert kept.text == "1234\n[… 4 characters left out …]\n90ab"
    assert "4 characters" in kept.note


def test_of_a_line_that_was_written_over_the_last_state_is_kept() -> None:
    kept = CapturedOutput()
    kept.add("10%\r20%\r\nend\r\n\n")
    assert kept.text == "20%\nend"
