"""Permission requests at a real terminal, and in runs without one."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path
from typing import NamedTuple

from tests.e2e.shell import Shell
from tests.processes import processes_with
from tests.program import forked


class Result(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


def task(text: str, *arguments: str) -> Result:
    with forked("--model", "offline", *arguments, "--task", text) as run:
        return Result(*run.result())


def ask(shell: Shell, line: str) -> None:
    """Enter ``line`` and wait for the permission prompt."""
    shell.wait_for_prompt()
    shell.send_line(line)
    shell.wait_until(
        lambda: re.search(r"\n╰ y/(?:d/)?a/n", shell.screen()) is not None, "a question that can be answered"
    )


def wait_until_written(shell: Shell) -> None:
    """Wait for the line of the call, which on a slow machine has a time in it."""
    shell.wait_until(
        lambda: re.search(r"✓ write notes\.txt  .*new, 1 line", shell.scrollback()) is not None, "the new file"
    )


def test_write_file_writes_after_the_diff_is_approved() -> None:
    with Shell() as shell:
        ask(shell, "write notes.txt: hello")
        assert "\n● write notes.txt (new, 1 line)\n  1 + hello\n" in shell.screen()
        assert "\n│   a  Yes, and to all file changes in this session\n" in shell.screen()
        assert not Path("notes.txt").exists()
        shell.send("y")
        wait_until_written(shell)
        shell.wait_for_prompt()
        assert Path("notes.txt").read_text() == "hello\n"


def test_enter_approves_only_the_choice_that_an_arrow_key_highlighted() -> None:
    with Shell() as shell:
        ask(shell, "write notes.txt: hello")
        shell.send("\r")
        shell.wait_for("╰ Press y/d/a/n, or ↑↓ and then Enter")
        assert not Path("notes.txt").exists()
        shell.send("\x1b[B")
        shell.wait_for("│ › y  Yes")
        shell.send("\r")
        wait_until_written(shell)
        shell.wait_for_prompt()
        assert Path("notes.txt").read_text() == "hello\n"


def test_denied_command_does_not_run() -> None:
    with Shell() as shell:
        ask(shell, "run touch made")
        shell.send("n")
        shell.wait_for("No, because:")
        shell.send_line("I would rather not")
        shell.wait_for("denied: I would rather not")
        shell.wait_for_prompt()
        assert not Path("made").exists()


def test_ctrl_c_during_a_command_kills_its_process_group() -> None:
    # Unique, because a command in the sandbox does not know its process ID outside.
    sleep = f"sleep 1000.{os.getpid()}"
    with Shell() as shell:
        ask(shell, f"run sh -c 'echo started; exec {sleep}' & wait")
        shell.send("y")
        shell.wait_for("\n  started\n")
        assert processes_with(sleep)
        shell.send("\x03")
        shell.wait_for("Stopped. The work so far is kept.")
        shell.wait_for_prompt()
        shell.wait_until(lambda: not processes_with(sleep), "the end of the command")


def test_question_waits_until_it_can_be_read_again_after_a_suspension() -> None:
    with Shell() as shell:
        ask(shell, "write notes.txt: hello")
        before = len(shell.raw)
        # Without a parent shell the program is not stopped, and takes the terminal again at once.
        os.kill(shell.pid, signal.SIGTSTP)
        waiting = r"╰ (\x1b\[[\d;]*m)*…".encode()
        shell.wait_until(lambda: re.search(waiting, shell.raw[before:]) is not None, "the question that waits")
        assert not Path("notes.txt").exists()


def test_hangup_at_a_permission_prompt_grants_nothing() -> None:
    with Shell() as shell:
        ask(shell, "write notes.txt: hello")
        shell.process.kill(signal.SIGHUP)
        assert shell.wait_for_exit() == 129
    assert not Path("notes.txt").exists()


def test_resumed_session_does_not_keep_granted_permissions() -> None:
    with Shell() as shell:
        ask(shell, "write notes.txt: one")
        shell.send("a")
        shell.wait_for("allowed for all file changes in this session")
        shell.wait_for_prompt()
        shell.send("\x04")
        shell.wait_for_exit()
    with Shell("--resume") as shell:
        ask(shell, "write notes.txt: two")
    assert Path("notes.txt").read_text() == "one\n"


def test_task_denies_a_tool_that_needs_permission() -> None:
    done = task("write notes.txt: hello")
    assert (
        "Refused: no one can be asked for permission in this run; --allow write would allow write_file notes.txt"
        in done.stderr
    )
    assert not Path("notes.txt").exists()


def test_task_allow_option_grants_only_the_named_permissions() -> None:
    assert "Done." in task("write notes.txt: hello", "--allow", "write").stdout
    assert Path("notes.txt").read_text() == "hello\n"
    assert "--allow write,shell,outside" in task("run touch made", "--allow", "write,outside").stderr
    assert not Path("made").exists()
    assert "--allow write,shell,outside" in task("read /etc/hostname", "--allow", "write,shell").stderr


def test_task_shows_command_output_and_exit_code() -> None:
    done = task("run echo out; echo err >&2; exit 3", "--allow", "shell")
    assert "out\nerr\nrun echo out; echo err >&2; exit 3 failed: exit code 3" in done.stderr
    assert "failed for" in done.stdout


def test_piped_lines_without_a_terminal_are_denied_permission() -> None:
    with forked(piped="write notes.txt: hello\ny\n") as run:
        done = Result(*run.result())
    assert done.returncode == 0
    assert "no one can be asked for permission in this run; --allow write would allow write_file" in done.stderr
    assert not Path("notes.txt").exists()
