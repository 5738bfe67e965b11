from __future__ import annotations

import asyncio
from pathlib import Path
from unittest.mock import AsyncMock

import pytest

from aloop.errors import ConnectionFailed
from commands import shell_command
from commands.context import drop
from commands.dispatch import dispatch
from commands.shell_command import printed_lines
from tests.agent.scripted import answer
from tests.commands.conftest import Bench, SetUp
from tests.saved_sessions import FIRST, save


def printed(stage: Bench) -> str:
    return "".join(str(text) for text in stage.view.of("printed"))


def last_info(stage: Bench) -> str:
    return str(stage.view.of("info")[-1])


async def test_command_runs_in_the_users_shell_and_its_output_is_shown(
    bench: SetUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHELL", "/bin/bash")
    stage = bench()
    await dispatch('! echo "${BASH_VERSION:+bash}"; pwd; exit 3', stage.context)
    assert printed(stage) == f"bash\n{Path.cwd()}\n"
    assert last_info(stage).startswith("exit code 3 · ")
    assert last_info(stage).endswith("2 lines · Enter adds the output to your next message")


async def test_output_is_not_sent_unless_accepted(bench: SetUp) -> None:
    stage = bench(answer("Hello."))
    await dispatch("!echo secret", stage.context)
    await dispatch("Hi", stage.context)
    assert [message.content for message in stage.memory.messages] == ["Hi", "Hello."]
    await dispatch("", stage.context)
    assert stage.context.pending_output.taken == []  # the offer ended with the line that was entered after it


async def test_colors_are_removed_from_the_output_that_is_sent(bench: SetUp) -> None:
    stage = bench(answer("Hello."))
    await dispatch(r"!printf '\033[31mred\033[0m\n'", stage.context)
    await dispatch("", stage.context)
    await dispatch("Why?", stage.context)
    assert "\nred\n</output>" in (stage.memory.messages[0].content or "")


async def test_empty_line_sends_the_output_with_the_next_message(bench: SetUp) -> None:
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


async def test_several_outputs_can_be_accepted_and_dropped(bench: SetUp) -> None:
    stage = bench(answer("Hello."))
    for line in ("!echo one", "", "!echo two", ""):
        await dispatch(line, stage.context)
    assert [output.text for output in stage.context.pending_output.taken] == ["one", "two"]
    assert drop(stage.context)
    assert not drop(stage.context)
    await dispatch("Hi", stage.context)
    assert stage.memory.messages[0].content == "Hi"


@pytest.mark.parametrize("line", ["/clear", f"/resume {FIRST}", "/delete"])
async def test_accepted_output_does_not_go_to_another_session(
    bench: SetUp, sessions_dir: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    save(sessions_dir, FIRST)
    stage = bench(answer("Hello."), hold=True)
    monkeypatch.setattr(stage.view, "confirm", AsyncMock(return_value=True))
    for each in ("Hi", "!echo one", "", line):
        await dispatch(each, stage.context)
    assert stage.context.pending_output.taken == []
    assert "No output or image will be sent with your next message." in stage.view.of("info")


async def test_accepted_output_is_kept_after_a_failed_turn(bench: SetUp) -> None:
    stage = bench([ConnectionFailed("No network.")], answer("Hello."))
    for line in ("!echo one", "", "Why?"):
        await dispatch(line, stage.context)
    assert len(stage.context.pending_output.taken) == 1
    await dispatch("Why?", stage.context)
    assert "<output" in str(stage.memory.messages[0].content)


async def test_empty_output_is_not_offered(bench: SetUp) -> None:
    stage = bench()
    await dispatch("!true", stage.context)
    assert "Enter" not in last_info(stage)
    assert stage.context.pending_output.offer is None


async def test_stopped_command_offers_its_output_so_far(bench: SetUp) -> None:
    stage = bench()
    turn = asyncio.ensure_future(dispatch("!echo begun; exec sleep 1000", stage.context))
    async with asyncio.timeout(20):
        while not printed(stage):  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # other processes have no event to wait for
    turn.cancel()
    await turn
    assert last_info(stage).startswith("stopped · ")
    assert stage.context.pending_output.offer is not None
    assert stage.context.pending_output.offer.text == "begun"


async def test_two_exclamation_marks_give_the_command_the_terminal(bench: SetUp) -> None:
    stage = bench()
    await dispatch("!!vi notes.txt", stage.context)
    assert stage.view.of("hand_over") == ["vi notes.txt"]


async def test_lines_from_a_program_run_and_attach_nothing(bench: SetUp) -> None:
    stage = bench(answer("Hello."))
    Path("notes.txt").write_text("text")
    stage.context.is_typed = False
    await dispatch("!touch ran", stage.context)
    await dispatch("@notes.txt", stage.context)
    assert not Path("ran").exists()
    assert "Nothing was run" in str(stage.view.of("error")[0])
    assert stage.memory.messages[0].content == "@notes.txt"


async def test_exclamation_mark_alone_explains_its_use(bench: SetUp) -> None:
    stage = bench()
    await dispatch("!", stage.context)
    assert "!COMMAND" in last_info(stage)


async def test_long_output_loses_its_middle(bench: SetUp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell_command, "MOST_CHARACTERS", 4)
    stage = bench()
    await dispatch("!printf 1234567890ab", stage.context)
    offer = stage.context.pending_output.offer
    assert offer is not None
    assert offer.text == "1234\n[… 4 characters left out …]\n90ab"
    assert offer.note == "exit code 0, cut: 4 characters in the middle are left out"
    assert "the middle left out" in last_info(stage)


def test_overwritten_lines_keep_their_last_state() -> None:
    assert printed_lines("10%\r20%\r\nend\r\n\n") == "20%\nend"
