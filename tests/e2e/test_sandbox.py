"""Commands in and outside the sandbox, at a real terminal."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.conftest import Open
from tests.e2e.shell import PATIENCE, Shell
from tests.processes import processes_with
from tests.sandbox.conftest import require_sandbox
from tests.stub.parts import Answer, ToolUse
from tests.stub.server import StubServer


@pytest.fixture(autouse=True)
def outside() -> Path:
    """Return a file beside the working directory."""
    require_sandbox(Path.cwd())
    return Path.cwd().parent / "outside"


def run(command: str, **arguments: object) -> Answer:
    return Answer(ToolUse("run_shell", {"command": command, **arguments}))


def wait_for_question(shell: Shell) -> None:
    shell.wait_until(lambda: re.search(r"\n╰ y/(?:d/)?(?:a/)?n", shell.screen()) is not None, "a question")


def test_command_refused_by_the_sandbox_runs_outside_after_another_question(
    shell_with_key: Open, stub: StubServer, outside: Path
) -> None:
    command = "touch ../outside"
    stub.script(run(command), run(command, unsandboxed=True), "Done.", run(command, unsandboxed=True), "Again.")
    shell = shell_with_key()
    shell.send_line("touch it")
    wait_for_question(shell)
    assert "in the sandbox" in " ".join(shell.screen().split())
    shell.send("a")
    shell.wait_for("Run this command outside the sandbox?")
    wait_for_question(shell)
    assert not outside.exists()
    assert "all commands" not in shell.screen().partition("outside the sandbox?")[2]
    shell.send("d")
    shell.wait_for("Done.")
    shell.wait_for_prompt()
    assert outside.exists()
    outside.unlink()
    shell.send_line("again")
    shell.wait_for("Again.")
    shell.wait_for_prompt()
    assert outside.exists()
    assert "The sandbox may be the reason" in str(stub.requests[1].body)


@pytest.mark.skipif(sys.platform != "linux", reason="sandbox-exec is not found by PATH")
def test_mode_and_questions_show_a_required_sandbox_that_is_missing(
    shell_with_key: Open, stub: StubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = Path.home() / ".config" / "aloop" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text('sandbox = "require"\n')
    monkeypatch.setenv("PATH", str(tmp_path))
    stub.script(run("touch made"), "Refused.")
    shell = shell_with_key()
    shell.send_line("/mode")
    shell.wait_for("are refused: bubblewrap is not installed.")
    shell.send_line("touch it")
    shell.wait_for("Refused.")
    shell.wait_for_prompt()
    assert not Path("made").exists()


def test_typed_command_runs_outside(shell: Open, outside: Path) -> None:
    aloop = shell()
    aloop.send_line("!touch ../outside")
    aloop.wait_for("exit code 0")
    assert outside.exists()


def test_killed_shell_leaves_no_command(shell_with_key: Open, stub: StubServer) -> None:
    sleep = f"sleep 2000.{os.getpid()}"
    stub.script(run(f"setsid -f {sleep}; {sleep}", background=True), run(f"echo ready; {sleep}"))
    aloop = shell_with_key("--allow", "shell")
    aloop.send_line("run it")
    aloop.wait_for("ready")
    assert len(processes_with(sleep)) >= 2
    os.kill(aloop.pid, signal.SIGKILL)
    ends_at = time.monotonic() + PATIENCE
    while processes_with(sleep):
        assert time.monotonic() < ends_at
        time.sleep(0.05)  # other processes have no event to wait for
