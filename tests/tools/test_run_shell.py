"""run_shell: results, environment, and the end of every process it starts."""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
import textwrap
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from aloop.errors import ToolError
from aloop.tools import process as processes
from aloop.tools.base import ToolResult
from aloop.tools.files.workspace import Workspace
from aloop.tools.run_shell import RunShell, environment, secret_names
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


def marked(root: Path) -> list[int]:
    """Return the processes that have MARK in their environment."""
    mark = f"MARK={root}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark in (folder / "environ").read_bytes().split(b"\0") and is_running(int(folder.name)):
                found.append(int(folder.name))
    return found


async def test_result_has_the_output_and_the_exit_code(shell: RunShell) -> None:
    assert await run(shell, "echo out; echo err >&2") == ToolResult(
        "out\nerr\n[exit code 0]", form="output", fact="exit code 0"
    )
    assert await run(shell, "exit 3") == ToolResult("[exit code 3]", True, "output", fact="exit code 3")
    assert (await run(shell, "kill -9 $$")).text == "[ended by SIGKILL]"


async def test_shell_is_not_a_program_that_is_left_in_the_working_directory(
    shell: RunShell, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = workspace.root / "bin" / "bash"
    planted.parent.mkdir()
    planted.write_text("#!/bin/sh\necho planted\n")
    planted.chmod(0o755)
    monkeypatch.setenv("PATH", str(planted.parent), prepend=os.pathsep)
    assert (await run(shell, "echo right")).text == "right\n[exit code 0]"


async def test_colors_are_removed_from_the_output(shell: RunShell) -> None:
    assert (await run(shell, r"printf '\033[1;31mred\033[0m\033]0;title\007\n'")).text == "red\n[exit code 0]"


async def test_command_runs_in_the_working_directory(shell: RunShell, workspace: Workspace) -> None:
    assert (await run(shell, "pwd; cat README.md")).text.startswith(f"{workspace.root}\n# A project\n")


async def test_request_contains_the_exact_command(shell: RunShell, workspace: Workspace) -> None:
    command = "make \\\n  all  # \x1b[2K"
    action = await shell.prepare({"command": command})
    assert action.request is not None
    assert (action.request.kinds, action.request.detail) == (("shell",), command)
    assert action.request.summary == f"run_shell in {workspace.root}"
    limited = (await shell.prepare({"command": command, "seconds": 600})).request
    assert limited is not None
    assert limited.summary.endswith(", for at most 600 s")


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


SECRETS = {
    "GITHUB_TOKEN": "x",
    "AWS_ACCESS_KEY_ID": "x",
    "AWS_SECRET_ACCESS_KEY": "x",
    "OPENAI_API_KEY": "x",
    "PGPASSWORD": "x",
    "SSHPASS": "x",
    "GOOGLE_APPLICATION_CREDENTIALS": "/x",
    "npm_config__auth": "x",
    "DATABASE_URL": "postgres://me:secret@host/db",
}
HARMLESS = {
    "PATH": "/bin",
    "SSH_AUTH_SOCK": "/run/x",
    "XAUTHORITY": "/x",
    "KEYBOARD": "de",
    "TOKENIZERS_PARALLELISM": "false",
    "MONKEY": "x",
    "PWD": "/work",
    "HTTPS_PROXY": "http://me:secret@proxy:1",
    "HOMEPAGE": "https://example.com/a:b@c",
}


def test_variables_that_look_like_secrets_are_not_passed() -> None:
    assert secret_names(SECRETS | HARMLESS | {"ANTHROPIC_API_KEY": "x"}) == sorted(SECRETS)
    passed = environment(SECRETS | HARMLESS | {"ANTHROPIC_API_KEY": "x"})
    assert not passed.keys() & (SECRETS.keys() | {"ANTHROPIC_API_KEY"})
    assert passed.items() >= HARMLESS.items()


def test_variables_named_by_the_user_are_passed() -> None:
    env = SECRETS | {"ANTHROPIC_API_KEY": "x", "ALOOP_PASS_ENV": "GITHUB_TOKEN, AWS_*"}
    assert environment(env).keys() & SECRETS.keys() == {"GITHUB_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    assert environment(env | {"ALOOP_PASS_ENV": "*"}).keys() >= SECRETS.keys()
    assert "ANTHROPIC_API_KEY" not in environment(env | {"ALOOP_PASS_ENV": "*"})


async def test_request_names_the_variables_that_are_not_passed(
    shell: RunShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALOOP_PASS_ENV", "*")
    monkeypatch.setenv("A_TOKEN", "x")
    action = await shell.prepare({"command": "ls"})
    assert action.request is not None
    assert action.request.summary.endswith("work")
    monkeypatch.setenv("ALOOP_PASS_ENV", "B*")
    for name in ("A_KEY", "A_PASSWORD", "A_SECRET", "B_TOKEN"):
        monkeypatch.setenv(name, "x")
    action = await shell.prepare({"command": "ls"})
    assert action.request is not None
    assert ", without A_KEY, A_PASSWORD, A_SECRET and " in action.request.summary
    assert "B_TOKEN" not in action.request.summary


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
    ending = "Stopped: the command did not finish within 1 second."
    assert result == ToolResult(f"begun\n[{ending}]", is_error=True, form="output", fact=ending)


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


@pytest.mark.parametrize(
    "start",
    [
        "setsid sleep 1000 &",
        "setsid -f sleep 1000",
        "timeout 1000 sleep 1000 &",
        "set -m; sleep 1000 &",
        "(setsid sh -c 'sleep 1000 & exec sleep 1000' &)",
        f'{sys.executable} -c \'import subprocess as s; s.Popen(["sleep", "1000"], start_new_session=True)\'',
    ],
)
async def test_process_in_another_group_or_session_ends_with_the_command(
    shell: RunShell, workspace: Workspace, start: str
) -> None:
    result = await run(shell, f"export MARK={workspace.root}; {start}\nsleep 0.2; echo done")
    assert result.text == "done\n[exit code 0]"
    assert not marked(workspace.root)


async def test_process_in_another_session_ends_at_the_timeout(shell: RunShell, workspace: Workspace) -> None:
    await run(shell, f"export MARK={workspace.root}; setsid -f sleep 1000; sleep 1000", seconds=1)
    assert not marked(workspace.root)


async def test_process_in_another_session_ends_without_a_subreaper(
    shell: RunShell, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    supervisor = tmp_path / "supervisor.py"
    supervisor.write_text(
        f"import os, sys\nsys.path.insert(0, {str(Path(__file__).parents[2])!r})\n"
        "from aloop.tools import command_supervisor as program\n"
        "program._prctl = lambda *_: False\nprogram._TABLE_INTERVAL = 0.1\nos._exit(program.main())\n"
    )
    monkeypatch.setattr(processes, "_SUPERVISOR", supervisor)
    result = await run(shell, f"export MARK={workspace.root}; setsid sleep 1000 & sleep 1; echo done")
    assert result.text == "done\n[exit code 0]"
    assert not marked(workspace.root)


async def test_command_that_kills_its_supervisor_ends(shell: RunShell, workspace: Workspace) -> None:
    result = await run(shell, f"export MARK={workspace.root}; kill -9 $PPID; sleep 1000")
    assert result.is_error
    await until(lambda: not marked(workspace.root))


async def test_command_ends_when_aloop_is_killed(workspace: Workspace) -> None:
    program = """
        import asyncio, sys
        from aloop.tools import RunShell, Workspace
        command = f"export MARK={sys.argv[1]}; setsid -f sleep 1000; touch ready; sleep 1000"
        asyncio.run(RunShell(Workspace(sys.argv[1])).run({"command": command}))
    """
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", textwrap.dedent(program), str(workspace.root))
    await until((workspace.root / "ready").exists)
    assert marked(workspace.root)
    process.kill()
    await process.wait()
    await until(lambda: not marked(workspace.root))


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is part of Linux")
async def test_parent_of_a_command_has_no_credentials(shell: RunShell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-secret")
    text = (await run(shell, "tr '\\0' '\\n' < /proc/$PPID/environ")).text
    assert "PAGER=cat" in text
    assert "secret" not in text
    assert ctypes.CDLL(None).prctl(3, 0, 0, 0, 0) == 0  # PR_GET_DUMPABLE: only root can read the environment of aloop


async def test_command_has_the_environment_that_it_was_given(shell: RunShell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.delenv("LC_CTYPE", raising=False)
    monkeypatch.setenv("ODD", "\udcff")
    lines = (await run(shell, "env; printf '%s' \"$ODD\" | od -An -tx1; ls /proc/self/fd 2>/dev/null | wc -l")).text
    assert "LC_CTYPE" not in lines
    assert "\n ff\n" in lines


async def test_command_that_is_missing_raises_an_error(workspace: Workspace) -> None:
    with pytest.raises(FileNotFoundError):
        await processes.run_command(["/missing"], workspace.root, {}, None, lambda _text: None)


async def test_no_editor_or_pager_waits_for_the_user(shell: RunShell) -> None:
    command = "git init -q . && git config user.name a && git config user.email a@b && git add . && git commit -q -m x"
    await run(shell, command)
    result = await run(shell, "git commit -q --amend && git rebase -q -i --root && git log -p | tail -1", seconds=30)
    assert result.text.endswith("[exit code 0]")


async def test_long_output_loses_its_middle(shell: RunShell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "MOST_CHARACTERS", 1_000)
    text = (await run(shell, "echo begin; head -c 100000 /dev/zero | tr '\\0' x; echo; echo end")).text
    assert text.startswith("begin\nx")
    assert text.endswith("x\nend\n[exit code 0]")
    assert "[… 98,011 characters left out …]" in text
    assert len(text) < 2_200


async def test_name_of_a_missing_working_directory_is_shown_with_its_hidden_characters(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "a\u202eb")
    workspace.root.mkdir()
    workspace.root.rename(tmp_path / "moved")
    with pytest.raises(ToolError, match=r"a\\u202eb' was moved or removed"):
        await RunShell(workspace).run({"command": "pwd"})


async def test_missing_working_directory_raises_a_tool_error(shell: RunShell, workspace: Workspace) -> None:
    workspace.root.rename(workspace.root.with_name("moved"))
    with pytest.raises(ToolError, match="was moved or removed"):
        await run(shell, "true")
