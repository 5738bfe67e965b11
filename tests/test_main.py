"""Every end of the program is an exit code, and every failure one line."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

import pytest

from aloop.__main__ import main
from repl.options import ShellOptions, TaskOptions
from tests.saved_sessions import FIRST, SECOND, break_session, open_elsewhere, save

ROOT = Path(__file__).parents[1]


def run(
    arguments: Sequence[str],
    *,
    stdout: int | None = subprocess.PIPE,
    stdin: int = subprocess.DEVNULL,
    **environment: str,
) -> subprocess.CompletedProcess[str]:
    """Run ``python -m aloop`` as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "aloop", *arguments],
        stdin=stdin,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        check=False,
        timeout=60,
    )


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[ShellOptions | TaskOptions]:
    """What the terminal was asked to start; nothing is started."""
    started: list[ShellOptions | TaskOptions] = []

    def start(options: ShellOptions | TaskOptions) -> int:
        started.append(options)
        return 0

    monkeypatch.setattr("repl.app.run_shell", start)
    monkeypatch.setattr("repl.task.run_task", start)
    return started


@pytest.fixture
def piped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[TextIO]:
    """A file that is standard input; what is written to it is read from its beginning."""
    path = tmp_path / "piped.txt"
    with path.open("w") as writer, path.open() as reader:
        monkeypatch.setattr("sys.stdin", reader)
        yield writer


def test_the_shell_is_started_with_what_was_asked(started: list[ShellOptions | TaskOptions]) -> None:
    assert main(["--resume", "a1b2", "--model", "offline", "--sessions-dir", "here"]) == 0
    (options,) = started
    assert isinstance(options, ShellOptions)
    assert (options.model, options.sessions_dir, options.resume) == ("offline", Path("here"), "a1b2")


def test_a_task_is_started_with_what_was_piped_in(started: list[ShellOptions | TaskOptions], piped: TextIO) -> None:
    print("2+2", file=piped, flush=True)
    assert main(["--resume", "--task", "Work this out:"]) == 0
    (options,) = started
    assert isinstance(options, TaskOptions)
    assert (options.task, options.resume) == ("Work this out:\n\n2+2", "")
    assert options.typed == "Work this out:"


def test_standard_input_can_be_the_task(started: list[ShellOptions | TaskOptions], piped: TextIO) -> None:
    print("What is 2+2?", file=piped, flush=True)
    assert main(["--task", "-"]) == 0
    (options,) = started
    assert isinstance(options, TaskOptions)
    assert (options.task, options.typed) == ("What is 2+2?", "")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [("--task 2+2 <&-", 0), ("--task - <&-", 2), ("sessions list <&- >&-", 0), ("<&-", 0), ("--version >&- 2>&-", 0)],
)
def test_a_standard_stream_that_is_closed_is_an_empty_one(arguments: str, code: int) -> None:
    command = f"exec {shlex.quote(sys.executable)} -m aloop {arguments}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["sh", "-c", command], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr


def test_ctrl_c_ends_with_130_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(options: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("aloop.cli.session_actions.run_sessions", interrupted)
    assert main(["sessions", "list"]) == 130
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["sessions", "--help"], ["sessions", "list"]])
def test_what_is_done_ends_with_0(arguments: list[str]) -> None:
    assert run(arguments).returncode == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["--frobnicate"],
        ["session", "list"],
        ["sessions"],
        ["sessions", "list", "--limit", "0"],
        ["--task", ""],
        ["sessions", "show", "zz!"],
        ["sessions", "delete", "a1"],
        ["--resume", "zz!", "--task", "x"],
    ],
)
def test_wrong_usage_ends_with_2_and_one_line(arguments: list[str]) -> None:
    done = run(arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("aloop: ")


def test_what_fails_ends_with_1_and_one_line(sessions_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(sessions_dir, FIRST)
    save(sessions_dir, SECOND)
    path = break_session(sessions_dir)
    for session_id, said in (("c0ffee", "'c0ffee'"), ("a1b2", SECOND), ("0badcafe", f"{path}:4:1:")):
        assert main(["sessions", "show", session_id, "--sessions-dir", str(sessions_dir)]) == 1
        out, err = capsys.readouterr()
        assert out == ""
        assert said in err
        assert len(err.splitlines()) == 1


def test_a_session_that_another_aloop_has_open_is_one_line_that_names_the_way_on(sessions_dir: Path) -> None:
    save(sessions_dir, FIRST)
    with open_elsewhere(sessions_dir, FIRST) as process:
        done = run(["--sessions-dir", str(sessions_dir), "--resume", "a1b2", "--model", "offline"])
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert f"process {process}" in done.stderr
    assert "/resume a1b2c3d4 for a copy" in done.stderr


def test_an_argument_can_not_command_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["\x1b]0;owned\x07"]) == 2
    assert "\x1b" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["list"], ["show", "a1b2"], ["check"], ["delete", "a1b2", "--yes"], ["trash"], ["purge", "--yes"]]
)
def test_a_sessions_folder_that_is_a_file_is_one_line(arguments: list[str], tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("")
    done = run(["--sessions-dir", str(path), "sessions", *arguments])
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert str(path) in done.stderr


def test_a_working_directory_that_is_gone_is_one_line(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    call = "from aloop.__main__ import main; sys.exit(main(['sessions', 'list']))"
    script = f"import os, sys; os.rmdir({str(gone)!r}); {call}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-P", "-c", script]
    done = subprocess.run(command, cwd=gone, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1


def test_a_reader_that_leaves_early_is_no_failure(sessions_dir: Path) -> None:
    save(sessions_dir, FIRST)
    for arguments in (["--help"], ["--sessions-dir", str(sessions_dir), "sessions", "list"]):
        reader, writer = os.pipe()
        os.close(reader)
        done = run(arguments, stdout=writer)
        os.close(writer)
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_a_full_disk_behind_standard_output_is_one_line(sessions_dir: Path) -> None:
    save(sessions_dir, FIRST)
    with Path("/dev/full").open("w") as full:
        done = run(["--sessions-dir", str(sessions_dir), "sessions", "list"], stdout=full.fileno())
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1


def test_a_terminal_without_the_letters_shows_question_marks(sessions_dir: Path) -> None:
    save(sessions_dir, FIRST, says="Grüße")
    done = run(["--sessions-dir", str(sessions_dir), "sessions", "list"], PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert "Gr??e" in done.stdout
