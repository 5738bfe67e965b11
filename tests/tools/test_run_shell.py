"""Commands: what comes back of them, what they may know, and that nothing of them is left."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable

import pytest

from aloop.errors import ToolError
from aloop.tools import process as processes
from aloop.tools.base import ToolResult
from aloop.tools.files.workspace import Workspace
from aloop.tools.run_shell import RunShell, environment
from tests.processes import is_running


@pytest.fixture
def shell(workspace: Workspace) -> RunShell:
    return RunShell(workspace)


async def run(shell: RunShell, command: str, seconds: int = 60) -> ToolResult:
    return await shell.run({"command": command, "seconds": seconds})


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # other processes have no event to wait for


async def test_what_a_command_prints_comes_back_with_its_exit_code(shell: RunShell) -> None:
    assert await run(shell, "echo out; echo err >&2") == ToolResult("out\nerr\n[exit code 0]", form="output")
    assert await run(shell, "exit 3") == ToolResult("[exit code 3]", is_error=True, form="output")
    assert (await run(shell, "kill -9 $$")).text == "[ended by SIGKILL]"


async def test_it_runs_in_the_working_directory(shell: RunShell, workspace: Workspace) -> None:
    assert (await run(shell, "pwd; cat README.md")).text.startswith(f"{workspace.root}\n# A project\n")


async def test_the_question_holds_the_command_as_it_is(shell: RunShell) -> None:
    command = "make \\\n  all  # \x1b[2K"
    action = await shell.prepare({"command": command})
    assert action.request is not None
    assert (action.request.kinds, action.request.detail) == (("shell",), command)
    assert "120 s" in action.request.summary


@pytest.mark.parametrize("command", [" \n", "echo a\0b"])
async def test_a_command_that_is_none_is_refused(shell: RunShell, command: str) -> None:
    with pytest.raises(ToolError):
        await shell.prepare({"command": command})


async def test_there_is_nothing_to_read_and_no_terminal(shell: RunShell) -> None:
    assert (await run(shell, "cat; test -t 0 || echo none; cat /dev/tty 2>/dev/null || echo none")).text == (
        "none\nnone\n[exit code 0]"
    )


async def test_credentials_are_not_handed_on(shell: RunShell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-secret")
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "secret")
    monkeypatch.setenv("HARMLESS", "yes")
    text = (await run(shell, "env")).text
    assert "secret" not in text
    assert "HARMLESS=yes" in text
    assert environment({"ANTHROPIC_BASE_URL": "x", "TERM": "xterm"})["TERM"] == "dumb"


async def test_output_is_told_while_the_command_runs(shell: RunShell, workspace: Workspace) -> None:
    os.mkfifo(workspace.root / "gate")
    told: list[str] = []

    def tell(text: str) -> None:
        told.append(text)
        if "".join(told) == "first\n":
            (workspace.root / "gate").write_text("go\n")

    action = await shell.prepare({"command": "echo first; read answer < gate; echo $answer"})
    result = await action.run(tell)
    assert "".join(told) == "first\ngo\n"
    assert result.text == "first\ngo\n[exit code 0]"


async def test_a_character_that_comes_in_two_pieces_is_told_whole(shell: RunShell, workspace: Workspace) -> None:
    os.mkfifo(workspace.root / "gate")
    told: list[str] = []

    def tell(text: str) -> None:
        told.append(text)
        if told == ["a"]:
            (workspace.root / "gate").write_text("go\n")

    action = await shell.prepare({"command": "printf 'a\\303'; read answer < gate; printf '\\274b\\377'"})
    await action.run(tell)
    assert "".join(told) == "aüb\N{REPLACEMENT CHARACTER}"


async def test_when_its_time_is_over_it_is_ended_and_what_it_said_is_kept(shell: RunShell) -> None:
    result = await run(shell, "echo begun; exec sleep 1000", seconds=1)
    assert result == ToolResult("begun\n[Stopped: it was not done after 1 seconds.]", is_error=True, form="output")


async def test_cancelled_it_ends_with_all_that_it_has_started(
    shell: RunShell, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "_GRACE", 0.1)
    command = """
        trap '' TERM
        (trap '' TERM; sh -c 'echo $$ >> pids; while :; do sleep 1; done') &
        sh -c 'echo $$ >> pids; exec sleep 1000' &
        echo $$ >> pids
        while :; do sleep 1; done
    """
    task = asyncio.ensure_future(run(shell, command))
    pids = workspace.root / "pids"
    await until(lambda: pids.exists() and pids.read_text().count("\n") == 3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: not any(is_running(int(line)) for line in pids.read_text().split()))


async def test_it_is_told_to_end_before_it_is_killed(shell: RunShell, workspace: Workspace) -> None:
    command = "trap 'echo tidied > tidy; exit' TERM; touch ready; while :; do sleep 0.01; done"
    task = asyncio.ensure_future(run(shell, command))
    await until((workspace.root / "ready").exists)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    tidy = workspace.root / "tidy"
    await until(lambda: tidy.exists() and tidy.read_text() == "tidied\n")


async def test_who_cancels_does_not_wait_for_a_command_that_will_not_end(
    shell: RunShell, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "_GRACE", 1_000.0)
    task = asyncio.ensure_future(run(shell, "trap '' TERM; echo $$ > pid; while :; do sleep 0.01; done"))
    pid = workspace.root / "pid"
    await until(lambda: pid.exists() and pid.read_text().endswith("\n"))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert is_running(int(pid.read_text()))
    [left] = processes._LEFT
    left.cancel()  # as the end of the event loop does
    await until(left.done)
    assert not is_running(int(pid.read_text()))


async def test_what_it_leaves_in_the_background_ends_with_it(shell: RunShell, workspace: Workspace) -> None:
    result = await run(shell, "sleep 1000 & echo $! > pid; echo started")
    assert result.text == "started\n[exit code 0]"
    process = int((workspace.root / "pid").read_text())
    await until(lambda: not is_running(process))


async def test_one_that_has_left_the_group_and_holds_the_pipe_is_not_waited_for(
    shell: RunShell, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "_LAST_WORDS", 0.1)
    result = await run(shell, "setsid sh -c 'echo $$ > pid; exec sleep 1000' & until [ -s pid ]; do :; done; echo done")
    assert result.text == "done\n[exit code 0]"
    os.kill(int((workspace.root / "pid").read_text()), signal.SIGKILL)


async def test_of_very_much_output_the_middle_is_not_kept(shell: RunShell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "MOST_BYTES", 1_000)
    text = (await run(shell, "echo begin; head -c 100000 /dev/zero | tr '\\0' x; echo; echo end")).text
    assert text.startswith("begin\nx")
    assert text.endswith("x\nend\n[exit code 0]")
    assert "[… 98,011 bytes were not kept …]" in text
    assert len(text) < 2_200


async def test_a_directory_that_is_gone_is_an_error_and_no_crash(shell: RunShell, workspace: Workspace) -> None:
    workspace.root.rename(workspace.root.with_name("moved"))
    with pytest.raises(ToolError, match="could not be started"):
        await run(shell, "true")
