"""Commands in the sandbox: what works there, and how they end."""

from __future__ import annotations

import asyncio
import os
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aloop.config.values import SandboxSettings
from aloop.errors import ToolError
from aloop.sandbox import sandbox as module
from aloop.sandbox.paths import Layout, find_layout
from aloop.sandbox.sandbox import SandboxState, find_state, temporary_folder
from aloop.tools import process as processes
from aloop.tools.base import ToolResult
from aloop.tools.files.workspace import Workspace
from aloop.tools.jobs.table import JobTable
from aloop.tools.run_shell import RunShell
from tests.sandbox.conftest import Run, names_in, require_sandbox
from tests.tools.test_run_shell import marked

REQUIRED = SandboxSettings("require")
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="about namespaces of Linux")


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # other processes have no event to wait for


async def test_command_changes_the_working_directory_and_reads_others(run: Run, work: Path) -> None:
    result = await run('echo new > src/new.py && rm src/app.py && cat "$OUTSIDE/file" && pwd')
    assert result == ToolResult(f"original\n{work}\n[exit code 0]", form="output", fact="exit code 0")
    assert names_in(work / "src") == ["new.py"]


@pytest.mark.parametrize(
    ("command", "ending"),
    [
        ("exit 3", "[exit code 3]"),
        ("exit 200", "[exit code 200]"),
        pytest.param("kill -9 $$", "[exit code 137 (SIGKILL)]", marks=linux_only),
        pytest.param("kill -11 $$", "[exit code 139 (SIGSEGV)]", marks=linux_only),
        ("missing-program", "[exit code 127]"),
    ],
)
async def test_exit_code_is_that_of_the_command(run: Run, command: str, ending: str) -> None:
    assert (await run(command)).text.splitlines()[-1] == ending


async def test_temporary_files_are_kept_for_the_next_command(run: Run) -> None:
    await run(
        "echo kept > /tmp/note; echo $TMPDIR > $TMPDIR/other" if sys.platform == "linux" else "echo kept > $TMPDIR/note"
    )
    assert (await run("cat $TMPDIR/note")).text.startswith("kept\n")
    assert (temporary_folder() / "note").read_text() == "kept\n"


async def test_input_is_empty_and_output_is_streamed(run: Run) -> None:
    assert (await run("cat; seq 100000 | tail -1; echo err >&2")).text == "100000\nerr\n[exit code 0]"


async def test_servers_and_clients_work_within_one_command(run: Run) -> None:
    code = """
        import socket, subprocess
        server = socket.create_server(("127.0.0.1", 0))
        client = socket.create_connection(server.getsockname())
        a, b = socket.socketpair()
        print(subprocess.check_output(["echo", "works"], text=True))
    """
    command = f"{shlex.quote(sys.executable)} -I -c {shlex.quote(textwrap.dedent(code))}"
    if sys.platform == "linux":
        assert (await run(command)).text.startswith("works\n")


@pytest.mark.parametrize("name", ["with space", "line\nbreak", "作業 folder", "-dash", "quote'\"$(x)", "x" * 200])
async def test_working_directory_may_have_any_name(run: Run, tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    (folder / ".git").mkdir(parents=True)
    (folder / ".git" / "config").write_text("original\n")
    assert (await run("echo x > file; echo x > .git/config", folder=folder)).is_error
    assert (folder / "file").read_text() == "x\n"
    assert (folder / ".git" / "config").read_text() == "original\n"


async def test_working_directory_may_be_a_link(run: Run, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = work.parent / "link"
    link.symlink_to(work)
    monkeypatch.setenv("PWD", str(link))
    assert not (await run(f"echo x > file && echo x > {link}/other", folder=link)).is_error
    assert (work / "other").exists()


async def test_command_runs_in_a_working_directory_that_cannot_be_changed(run: Run, work: Path) -> None:
    work.chmod(0o555)
    try:
        assert (await run("cat src/app.py")).text == "original\n[exit code 0]"
    finally:
        work.chmod(0o755)


async def test_missing_working_directory_raises_a_tool_error(run: Run, work: Path) -> None:
    find_state(work, REQUIRED)
    work.rename(work.with_name("moved"))
    with pytest.raises(ToolError, match="was moved or removed"):
        await run("true")


async def test_linked_worktree_is_readable_but_its_repository_is_kept(run: Run, tmp_path: Path) -> None:
    main, linked = tmp_path / "main", tmp_path / "linked"
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(main)]
    main.mkdir()
    for arguments in (
        ["init", "-q"],
        ["commit", "-q", "--allow-empty", "-m", "x"],
        ["worktree", "add", "-q", str(linked)],
    ):
        subprocess.run([*git, *arguments], check=True)  # noqa: ASYNC221 # quick
    assert not (await run("git log --oneline && git status --short", folder=linked)).is_error
    for command in ("git commit -q --allow-empty -m y", "echo x > .git", "rm .git", "touch ../main/.git/hooks/x"):
        result = await run(command, folder=linked)
        assert result.is_error
    assert (linked / ".git").read_text().startswith("gitdir: ")


async def test_more_folders_can_be_made_writable(run: Run, work: Path) -> None:
    outside = work.parent / "outside"
    (outside / ".git").mkdir()
    settings = SandboxSettings("require", writable=(outside, work.parent / "missing"))
    assert not (await run('echo x > "$OUTSIDE/new"', settings=settings)).is_error
    assert (await run('echo x > "$OUTSIDE/.git/config"', settings=settings)).is_error
    assert names_in(outside / ".git") == []


@linux_only
async def test_missing_repository_and_settings_leave_no_trace(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    assert (await run("ls -A", folder=folder)).text.split()[-5:-3] == [".aloop", ".git"]
    assert names_in(folder) == []
    (folder / ".git").mkdir()  # as after a crash
    await run("touch file", folder=folder)
    assert names_in(folder) == ["file"]


@linux_only
async def test_blank_folders_stay_until_the_last_command_ends(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    first = asyncio.create_task(run("touch first; until test -e go; do sleep 0.02; done; git init", folder=folder))
    await until((folder / "first").exists)
    assert (await run("git init", folder=folder)).is_error
    assert (folder / ".git").is_dir()
    (folder / "go").touch()
    assert (await first).is_error
    assert names_in(folder) == ["first", "go"]


async def test_repository_made_during_a_command_stays(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    running = asyncio.create_task(run("touch first; until test -e go; do sleep 0.02; done", folder=folder))
    await until((folder / "first").exists)
    subprocess.run(["git", "init", "-q", str(folder)], check=True)  # noqa: ASYNC221 # quick
    (folder / "go").touch()
    await running
    assert (folder / ".git" / "config").is_file()


@linux_only
async def test_command_gets_sigterm_at_its_time_limit(run: Run, work: Path) -> None:
    result = await run("trap 'echo tidied > tidy; exit' TERM; while :; do sleep 0.01; done", seconds=1)
    assert "did not finish within 1 second" in result.text
    assert (work / "tidy").read_text() == "tidied\n"


@linux_only
async def test_command_that_ignores_sigterm_is_killed(run: Run, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_GRACE", 0.1)
    result = await run(f"export MARK={work}; trap '' TERM; setsid sleep 1000 & while :; do sleep 0.01; done", seconds=1)
    assert "did not finish" in result.text
    assert not marked(work)


@linux_only
@pytest.mark.parametrize(
    "start", ["sleep 1000 &", "setsid -f sleep 1000", "(setsid sh -c 'sleep 1000 & exec sleep 1000' &)"]
)
async def test_processes_left_behind_end_with_the_command(run: Run, work: Path, start: str) -> None:
    assert (await run(f"export MARK={work}; {start}\nsleep 0.2; echo done")).text == "done\n[exit code 0]"
    assert not marked(work)


@linux_only
async def test_cancelled_command_leaves_nothing(run: Run, work: Path) -> None:
    task = asyncio.create_task(run(f"export MARK={work}; setsid -f sleep 1000; touch ready; sleep 1000"))
    await until((work / "ready").exists)
    assert marked(work)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: not marked(work))


@linux_only
@pytest.mark.parametrize("is_background", [False, True])
async def test_command_ends_when_aloop_is_killed(work: Path, is_background: bool) -> None:
    program = f"""
        import asyncio, sys
        from aloop.config.values import SandboxSettings
        from aloop.tools.files.workspace import Workspace
        from aloop.tools.run_shell import RunShell
        async def main():
            shell = RunShell(Workspace(sys.argv[1]), sandbox=SandboxSettings("require"))
            command = f"export MARK={{sys.argv[1]}}; setsid -f sleep 1000; touch ready; sleep 1000"
            await shell.run({{"command": command, "background": {is_background}}})
            await asyncio.sleep(1000)
        asyncio.run(main())
    """
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", textwrap.dedent(program), str(work))
    await until((work / "ready").exists)
    assert marked(work)
    process.kill()
    await process.wait()
    await until(lambda: not marked(work))


async def test_background_command_is_sandboxed_read_and_stopped(work: Path) -> None:
    jobs = JobTable()
    shell = RunShell(Workspace(work), jobs, REQUIRED)
    await shell.run({"command": "touch ../outside/x; echo ready; sleep 1000", "background": True})
    job = jobs.find(1)
    await until(lambda: "ready\n" in job.recent)
    await jobs.stop(job)
    assert job.state == "stopped"
    assert not (work.parent / "outside" / "x").exists()


async def test_failure_that_the_sandbox_may_have_caused_is_explained(run: Run) -> None:
    lines = (await run('touch "$OUTSIDE/x"')).text.splitlines()
    assert lines[-2].startswith("[The sandbox may be the reason")
    assert lines[-1] == "[exit code 1]"
    assert "sandbox" not in (await run("echo 'Read-only file system'")).text
    assert "sandbox" not in (await run("false")).text


async def test_question_shows_if_the_command_is_sandboxed(work: Path) -> None:
    action = await RunShell(Workspace(work), sandbox=SandboxSettings()).prepare({"command": "make"})
    assert action.request is not None
    assert ", in the sandbox" in action.request.summary
    assert (action.request.kinds, action.request.is_unsandboxed) == (("shell",), False)
    action = await RunShell(Workspace(work), sandbox=SandboxSettings()).prepare(
        {"command": "make", "unsandboxed": True}
    )
    assert action.request is not None
    assert ", outside the sandbox" in action.request.summary
    assert (action.request.kinds, action.request.is_unsandboxed) == (("shell", "outside"), True)
    (work.parent / "outside" / "file").unlink()
    assert (await action.run(lambda _text: None)).is_error  # the Makefile is missing
    shell = RunShell(Workspace(work), sandbox=SandboxSettings())
    assert not (await shell.run({"command": "touch ../outside/x", "unsandboxed": True})).is_error


async def test_required_sandbox_refuses_to_run_anything_outside(work: Path) -> None:
    with pytest.raises(ToolError, match="no command runs outside the sandbox"):
        await RunShell(Workspace(work), sandbox=REQUIRED).prepare({"command": "make", "unsandboxed": True})


async def test_sandbox_that_does_not_work_is_left_out_or_refused(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = SandboxState(False, "bubblewrap is not installed", "Install it.")
    monkeypatch.setattr(module, "find_state", lambda _folder, _settings: missing)
    notices: list[str] = []
    shell = RunShell(Workspace(work), sandbox=SandboxSettings(), report=notices.append)
    action = await shell.prepare({"command": "ls", "unsandboxed": True})
    await shell.prepare({"command": "ls"})
    assert notices == ["Commands run without a sandbox: bubblewrap is not installed. Install it."]
    assert action.request is not None
    assert ", without a sandbox" in action.request.summary
    assert (action.request.kinds, action.request.is_unsandboxed) == (("shell",), False)
    with pytest.raises(ToolError, match=r"and bubblewrap is not installed\. Install it\.$"):
        await RunShell(Workspace(work), sandbox=REQUIRED).prepare({"command": "ls"})


@linux_only
async def test_commands_are_refused_if_a_project_cannot_be_protected(work: Path) -> None:
    (work / ".git").rename(work / "repository")
    (work / ".git").symlink_to("repository")
    with pytest.raises(ToolError, match="is a link, which cannot be protected"):
        await RunShell(Workspace(work), sandbox=SandboxSettings("auto")).run({"command": "echo done"})


def test_state_reports_a_missing_and_a_forbidden_bubblewrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    folder = tmp_path / "work"
    folder.mkdir()
    assert find_state(folder, SandboxSettings()).text == "bubblewrap is not installed"
    (programs / "bwrap").write_text("#!/bin/sh\necho 'bwrap: No permissions to create a new namespace.' >&2\nexit 1\n")
    (programs / "bwrap").chmod(0o755)
    state = find_state(folder, SandboxSettings())
    assert state.text == "bubblewrap does not work here: bwrap: No permissions to create a new namespace"
    assert "may forbid user namespaces" in state.sentence


def test_sandbox_is_tried_once(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require_sandbox(work)
    monkeypatch.setattr(module, "_try", lambda _wrapper: "tried again")
    assert find_state(Path(os.path.realpath(work)), SandboxSettings()).works


@linux_only
async def test_command_fails_instead_of_running_outside_if_a_path_cannot_be_mounted(
    run: Run, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_a_path_that_has_vanished(*arguments: Any) -> Layout:
        return replace(find_layout(*arguments), kept=(work / "vanished",))

    folder = work / "src"  # no command has run there yet
    settings = SandboxSettings("auto")
    with monkeypatch.context() as patch:
        patch.setattr(module, "find_layout", with_a_path_that_has_vanished)
        result = await run('touch "$OUTSIDE/x" ran', folder=folder, settings=settings)
        assert "vanished" in module.find_problem(folder, settings)
    assert result.is_error
    assert "bwrap: Can't find source path" in result.text
    assert names_in(work.parent / "outside") == ["file"]
    assert not (await run("touch ran", folder=folder, settings=settings)).is_error
    assert names_in(folder) == ["app.py", "ran"]


def test_sandbox_that_failed_is_tried_again(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(os.path.realpath(work / "src"))
    with monkeypatch.context() as patch:
        patch.setattr(module, "_try", lambda _wrapper: "timed out")
        assert not find_state(folder, SandboxSettings()).works
    assert find_state(folder, SandboxSettings()).works


def run_python(code: str, temporary: Path) -> list[str]:
    """Run code that knows ``temporary_folder``, and return the words that it prints."""
    program = f"from aloop.sandbox.sandbox import temporary_folder\nfolder = temporary_folder()\n{code}"
    env = os.environ | {"TMPDIR": str(temporary)}
    done = subprocess.run([sys.executable, "-c", program], env=env, check=False, stdout=subprocess.PIPE, text=True)
    return done.stdout.split()


def test_temporary_folder_is_private_and_removed_at_exit(tmp_path: Path) -> None:
    code = "(folder / 'a/b').mkdir(parents=True); (folder / 'a').chmod(0); print(oct(folder.stat().st_mode & 0o777))"
    assert run_python(code, tmp_path) == ["0o700"]
    assert names_in(tmp_path) == []


def test_temporary_folder_of_a_killed_process_is_removed_by_the_next_one(tmp_path: Path) -> None:
    (tmp_path / "aloop-sandbox-link").symlink_to(tmp_path)
    run_python("import os; (folder / 'file').touch(); os.kill(os.getpid(), 9)", tmp_path)
    assert len(names_in(tmp_path)) == 2
    run_python("", tmp_path)
    assert names_in(tmp_path) == ["aloop-sandbox-link"]


def test_temporary_folder_of_a_running_process_is_left_alone(tmp_path: Path) -> None:
    other = "import subprocess, sys; from aloop.sandbox import sandbox; sandbox.temporary_folder()"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {other!r}]); print(folder.exists())"
    assert run_python(code, tmp_path) == ["True"]
