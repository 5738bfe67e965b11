"""run_shell: results, environment, and the end of every process it starts."""

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


async def test_result_has_the_output_and_the_exit_code(shell: RunShell) -> None:
    assert await run(shell, "echo out; echo err >&2") == ToolResult("out\nerr\n[exit code 0]", form="output")
    assert await run(shell, "exit 3") == ToolResult("[exit code 3]", is_error=True, form="output")
    assert (await run(shell, "kill -9 $$")).text == "[ended by SIGKILL]"


async def test_colors_are_removed_from_the_output(shell: RunShell) -> None:
    assert (await run(shell, r"printf '\033[1;31mred\033[0m\033]0;title\007\n'")).text == "red\n[exit code 0]"


async def test_command_runs_in_the_working_directory(shell: RunShell, workspace: Workspace) -> None:
    assert (await run(shell, "pwd; cat README.md")).text.startswith(f"{workspace.root}\n# A project\n")


async def test_request_contains_the_exact_command(shell: RunShell) -> None:
    command = "make \\\n  all  # \x1b[2K"
    action = await shell.prepare({"command": command})
    assert action.request is not None
    assert (action.request.kinds, action.request.detail) == (("shell",), command)
    assert "120 s" in action.request.summary


@pytest.mark.parametrize("command", [" \n", "echo a\0b"])
async def test_invalid_command_is_refused(shell: RunShell, command: str) -> None:
    with pytest.raises(ToolError):
        await shell.prepare({"command": command})


async def test_command_has_empty_input_and_no_terminal(shell: RunShell) -> None:
    assert (await run(shell, "cat; test -t 0 || echo none; cat /dev/tty 2>/dev/null || echo none")).text == (
        "none\nnone\n[exit code 0]"
    )


async def test_credentials_are_not_passed_to_the_command(shell: RunShell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-secret")
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "secret")
    monkeypatch.setenv("HARMLESS", "yes")
    text = (await run(shell, "env")).text
    assert "secret" not in text
    assert "HARMLESS=yes" in text
    assert environment({"ANTHROPIC_BASE_URL": "x", "TERM": "xterm"})["TERM"] == "dumb"


async def test_output_is_streamed_while_the_command_runs(shell: RunShell, workspace: Workspace) -> None:
    os.mkfifo(workspace.root / "gate")
    received: list[str] = []

    def on_output(text: str) -> None:
        received.append(text)
        if "".join(received) == "first\n":
            (workspace.root / "gate").write_text("go\n")

    action = await shell.prepare({"command": "echo first; read answer < gate; echo $answer"})
    result = await action.run(on_output)
    assert "".join(received) == "first\ngo\n"
    assert result.text == "first\ngo\n[exit code 0]"


async def test_character_split_between_pieces_is_streamed_whole(shell: RunShell, workspace: Workspace) -> None:
    os.mkfifo(workspace.root / "gate")
    received: list[str] = []

    def on_output(text: str) -> None:
        received.append(text)
        if received == ["a"]:
            (workspace.root / "gate").write_text("go\n")

    action = await shell.prepare({"command": "printf 'a\\303'; read answer < gate; printf '\\274b\\377'"})
    await action.run(on_output)
    assert "".join(received) == "aüb\N{REPLACEMENT CHARACTER}"


async def test_command_that_times_out_is_ended_and_its_output_kept(shell: RunShell) -> None:
    result = await run(shell, "echo begun; exec sleep 1000", seconds=1)
    assert result == ToolResult(
        "begun\n[Stopped: the command did not finish within 1 second.]", is_error=True, form="output"
    )


async def test_cancelling_ends_all_started_processes(
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


async def test_command_gets_sigterm_before_sigkill(shell: RunShell, workspace: Workspace) -> None:
    command = "trap 'echo tidied > tidy; exit' TERM; touch ready; while :; do sleep 0.01; done"
    task = asyncio.ensure_future(run(shell, command))
    await until((workspace.root / "ready").exists)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    tidy = workspace.root / "tidy"
    await until(lambda: tidy.exists() and tidy.read_text() == "tidied\n")


async def test_cancelling_does_not_wait_for_a_command_that_ignores_sigterm(
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
    [left] = processes._ABANDONED
    left.cancel()  # as the end of the event loop does
    await until(left.done)
    assert not is_running(int(pid.read_text()))


async def test_background_processes_end_with_the_command(shell: RunShell, workspace: Workspace) -> None:
    result = await run(shell, "sleep 1000 & echo $! > pid; echo started")
    assert result.text == "started\n[exit code 0]"
    process = int((workspace.root / "pid").read_text())
    await until(lambda: not is_running(process))


async def test_process_outside_the_group_that_holds_the_pipe_is_not_awaited(
    shell: RunShell, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "_DRAIN", 0.1)
    result = await run(shell, "setsid sh -c 'echo $$ > pid; exec sleep 1000' & until [ -s pid ]; do :; done; echo done")
    assert result.text == "done\n[exit code 0]"
    os.kill(int((workspace.root / "pid").read_text()), signal.SIGKILL)


async def test_long_output_loses_its_middle(shell: RunShell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "MOST_CHARACTERS", 1_000)
    text = (await run(shell, "echo begin; head -c 100000 /dev/zero | tr '\\0' x; echo; echo end")).text
    assert text.startswith("begin\nx")
    assert text.endswith("x\nend\n[exit code 0]")
    assert "[… 98,011 characters left out …]" in text
    assert len(text) < 2_200


async def test_missing_working_directory_raises_a_tool_error(shell: RunShell, workspace: Workspace) -> None:
    workspace.root.rename(workspace.root.with_name("moved"))
    with pytest.raises(ToolError, match="could not be started"):
        await run(shell, "true")
