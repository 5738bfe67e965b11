"""The exit code of each outcome, and the one-line message of each failure."""

from __future__ import annotations

import json
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
from tests import program
from tests.saved_sessions import FIRST, SECOND, break_session, open_elsewhere, save

ROOT = Path(__file__).parents[1]


def run(
    arguments: Sequence[str],
    *,
    stdout: int | None = subprocess.PIPE,
    stdin: int = subprocess.DEVNULL,
    **environment: str,
) -> subprocess.CompletedProcess[str]:
    """Run ``python -m aloop`` in a new process."""
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
    """The options with which a shell or task would have been started."""
    started: list[ShellOptions | TaskOptions] = []

    def start(options: ShellOptions | TaskOptions) -> int:
        started.append(options)
        return 0

    monkeypatch.setattr("repl.app.run_shell", start)
    monkeypatch.setattr("repl.task.run_task", start)
    return started


@pytest.fixture
def piped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[TextIO]:
    """A file that is standard input; the program reads the text that the test writes."""
    path = tmp_path / "piped.txt"
    with path.open("w") as writer, path.open() as reader:
        monkeypatch.setattr("sys.stdin", reader)
        yield writer


def test_shell_gets_the_options_of_the_command_line(started: list[ShellOptions | TaskOptions]) -> None:
    assert main(["--resume", "a1b2", "--model", "offline", "--sessions-dir", "here"]) == 0
    (options,) = started
    assert isinstance(options, ShellOptions)
    assert (options.model, options.sessions_dir, options.resume) == ("offline", Path("here"), "a1b2")


@pytest.mark.usefixtures("piped")
def test_own_session_is_known_again_without_a_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", "/dev/null")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    for arguments in ([], ["--continue"]):
        assert main(["--model", "offline", *arguments, "--task", "Hi"]) == 0
    assert capsys.readouterr().err == ""


def test_task_is_followed_by_piped_text(started: list[ShellOptions | TaskOptions], piped: TextIO) -> None:
    print("2+2", file=piped, flush=True)
    assert main(["--resume", "--task", "Work this out:"]) == 0
    (options,) = started
    assert isinstance(options, TaskOptions)
    assert (options.task, options.resume) == ("Work this out:\n\n2+2", "")
    assert options.typed == "Work this out:"


def test_task_dash_reads_the_task_from_standard_input(started: list[ShellOptions | TaskOptions], piped: TextIO) -> None:
    print("What is 2+2?", file=piped, flush=True)
    assert main(["--task", "-"]) == 0
    (options,) = started
    assert isinstance(options, TaskOptions)
    assert (options.task, options.typed) == ("What is 2+2?", "")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [("--task 2+2 <&-", 0), ("--task - <&-", 2), ("sessions list <&- >&-", 0), ("<&-", 2), ("--version >&- 2>&-", 1)],
)
def test_closed_standard_stream_acts_as_an_empty_one(arguments: str, code: int) -> None:
    command = f"exec {shlex.quote(sys.executable)} -m aloop {arguments}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["sh", "-c", command], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", ["--task 2+2", "--task 2+2 --output-format json", "--version"])
def test_closed_standard_output_ends_the_run_with_one_sentence(arguments: str) -> None:
    command = f"exec {shlex.quote(sys.executable)} -m aloop {arguments} <&- >&-"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "ALOOP_MODEL": "offline"}
    done = subprocess.run(["sh", "-c", command], env=environment, stderr=subprocess.PIPE, text=True, check=False)
    *_, said = done.stderr.splitlines()
    assert (done.returncode, said) == (1, "aloop: Standard output cannot be written: Bad file descriptor.")
    assert "Traceback" not in done.stderr


def test_ctrl_c_exits_with_130_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(options: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("aloop.cli.sessions.actions.run_sessions", interrupted)
    assert main(["sessions", "list"]) == 130
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["sessions", "--help"], ["sessions", "list"]])
def test_success_exits_with_0(arguments: list[str]) -> None:
    assert run(arguments).returncode == 0


def test_wrong_usage_exits_the_process_with_2() -> None:
    assert run(["--frobnicate"]).returncode == 2


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
def test_wrong_usage_exits_with_2_and_one_line(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert err.startswith("aloop: ")


def test_failure_exits_with_1_and_one_line(sessions_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(sessions_dir, FIRST)
    save(sessions_dir, SECOND)
    path = break_session(sessions_dir)
    for session_id, expected in (("c0ffee", "'c0ffee'"), ("a1b2", SECOND), ("0badcafe", f"{path}:3:11:")):
        assert main(["sessions", "show", session_id, "--sessions-dir", str(sessions_dir)]) == 1
        out, err = capsys.readouterr()
        assert out == ""
        assert expected in err
        assert len(err.splitlines()) == 1


def test_session_open_in_another_aloop_is_a_one_line_error_that_suggests_a_copy(sessions_dir: Path) -> None:
    save(sessions_dir, FIRST)
    with open_elsewhere(sessions_dir, FIRST) as process:
        done = run(["--sessions-dir", str(sessions_dir), "--resume", "a1b2", "--model", "offline"])
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert f"process {process}" in done.stderr
    assert "/resume a1b2c3d4 for a copy" in done.stderr


def test_control_characters_in_an_argument_are_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["\x1b]0;owned\x07"]) == 2
    assert "\x1b" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["list"], ["show", "a1b2"], ["check"], ["delete", "a1b2", "--yes"], ["trash"], ["purge", "--yes"]]
)
def test_sessions_folder_that_is_a_file_is_a_one_line_error(
    arguments: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "file"
    path.write_text("")
    assert main(["--sessions-dir", str(path), "sessions", *arguments]) == 1
    _, err = capfd.readouterr()
    assert len(err.splitlines()) == 1
    assert str(path) in err


def test_deleted_working_directory_is_a_one_line_error(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    call = "from aloop.__main__ import main; sys.exit(main(['sessions', 'list']))"
    script = f"import os, sys; os.rmdir({str(gone)!r}); {call}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-P", "-c", script]
    done = subprocess.run(command, cwd=gone, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1


def test_closed_output_pipe_is_not_a_failure(sessions_dir: Path) -> None:
    save(sessions_dir, FIRST)
    for arguments in (["--help"], ["--sessions-dir", str(sessions_dir), "sessions", "list"]):
        reader, writer = os.pipe()
        os.close(reader)
        done = run(arguments, stdout=writer)
        os.close(writer)
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
@pytest.mark.parametrize(
    "arguments",
    [
        ["sessions", "list"],
        ["--version"],
        ["--task", "2+2"],
        ["--task", "2+2", "--output-format", "json"],
        ["--task", "2+2", "--output-format", "stream-json"],
        [],
    ],
)
def test_full_disk_behind_standard_output_ends_the_run_with_one_sentence(
    sessions_dir: Path, tmp_path: Path, arguments: list[str]
) -> None:
    save(sessions_dir, FIRST)
    lines = tmp_path / "lines"
    lines.write_text("What is 2+2?\nWhat is 3+3?\n")
    with Path("/dev/full").open("w") as full, lines.open() as given:
        options = {"ALOOP_SESSIONS_DIR": str(sessions_dir), "ALOOP_MODEL": "offline"}
        done = run(arguments, stdout=full.fileno(), stdin=given.fileno(), **options)
    *_, said = done.stderr.splitlines()
    assert (done.returncode, said) == (1, "aloop: Standard output cannot be written: No space left on device.")
    assert "Internal error" not in done.stderr
    assert done.stderr.count("calculate") <= 1


def test_characters_missing_from_the_output_encoding_become_question_marks(sessions_dir: Path) -> None:
    save(sessions_dir, FIRST, says="Grüße")
    done = run(["--sessions-dir", str(sessions_dir), "sessions", "list"], PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert "Gr??e" in done.stdout


def test_module_run_imports_nothing_from_the_working_directory(tmp_path: Path) -> None:
    for name in ("argparse", "yaml", "aloop_probe"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('planted')")
    done = subprocess.run(
        [sys.executable, "-m", "aloop", "sessions", "list"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "planted" not in done.stdout + done.stderr


@pytest.mark.parametrize("stderr", ["2>/dev/full", "2>&-", "2> >(exec true)"])
@pytest.mark.parametrize("output_format", ["text", "json"])
def test_unwritable_standard_error_does_not_cost_the_answer(stderr: str, output_format: str) -> None:
    if "full" in stderr and not Path("/dev/full").exists():
        pytest.skip("only Linux has a device that is always full")
    # The variable makes progress verbose, so that much is written to standard error.
    command = f"{shlex.quote(sys.executable)} -m aloop --output-format {output_format} --task 'What is 2+2?' {stderr}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "ALOOP_VERBOSE": "1"}
    done = subprocess.run(
        ["bash", "-c", command], env=environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0
    answer = json.loads(done.stdout)["answer"] if output_format == "json" else done.stdout
    assert "4" in answer


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
@pytest.mark.parametrize(
    ("command", "shown"), [("sessions search blue", "blue"), ("import talk.json", "imported"), ("notes", "")]
)
def test_unwritable_standard_error_does_not_cost_a_subcommand(sessions_dir: Path, command: str, shown: str) -> None:
    save(sessions_dir, FIRST, says="The sky is blue.")
    Path("talk.json").write_text('[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]')
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "aloop", *command.split(), "--sessions-dir", str(sessions_dir)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=full,
            text=True,
            check=False,
        )
    assert done.returncode == 0
    assert shown in done.stdout


def test_question_without_a_terminal_is_a_task() -> None:
    done = run(["What is 2+2?", "--model", "offline"], stdin=subprocess.DEVNULL)
    assert done.returncode == 0
    assert "4" in done.stdout


@pytest.mark.parametrize("text", ["", "\n", " \n\n"])
def test_empty_standard_input_is_an_error(text: str) -> None:
    code, _, error = program.run("--model", "offline", piped=text)
    assert code == 2
    assert error.count("\n") == 1
    assert error.startswith("Error: Standard input was empty")


def test_flush_of_standard_error_runs_no_python_code() -> None:
    # `input` flushes standard error and ignores errors: a Ctrl-C that Python code noticed there would be lost.
    code = """
import sys
from aloop.__main__ import _prepare_streams

_prepare_streams()
called = []
sys.setprofile(lambda frame, event, _argument: called.append(frame.f_code.co_name) if event == "call" else None)
sys.stderr.flush()
sys.setprofile(None)
print(type(sys.stderr.buffer.raw).__name__, called)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "_LenientFile []\n"


def test_thread_inside_a_rust_extension_does_not_abort_the_process_at_its_end() -> None:
    # The interpreter ends a daemon thread at its next step in Python, here in a function that Rust code calls.
    code = """
import sys, threading, time
from pydantic_core import SchemaValidator, core_schema

def step(value):
    started.set()
    time.sleep(0.001)
    return value

def work():
    while True:
        validator.validate_python(1)

validator = SchemaValidator(core_schema.no_info_plain_validator_function(step))
started = threading.Event()
threading.Thread(target=work, daemon=True).start()
started.wait()
from aloop.__main__ import run

sys.argv[1:] = ["--version"]
run()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("aloop ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["doctor"],
        ["sessions", "list"],
        ["permissions", "list"],
        ["completions", "--words", "--resume", ""],
        ["--model", "offline", "--task", "6*7"],
    ],
)
@pytest.mark.parametrize("home", [None, ""])
def test_user_without_a_home_and_without_an_account_can_run_every_command(
    arguments: Sequence[str],
    home: str | None,
    piped: TextIO,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As in a container that runs with an unknown user ID."""

    def no_entry(_: int) -> object:
        raise KeyError("uid not found")

    monkeypatch.setattr("pwd.getpwuid", no_entry)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    if home is None:
        monkeypatch.delenv("HOME")
    else:
        monkeypatch.setenv("HOME", home)
    assert main(arguments) == 0
    assert "aloop: " not in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--sessions-dir", "~unknown-user/x", "sessions", "list"],
        ["import", "~unknown-user/x"],
        ["export", "--all", "~unknown-user/x"],
        ["export", FIRST[:8], "-o", "~unknown-user/x"],
        ["--model", "local:~unknown-user/x", "--task", "Hi"],
        ["completions", "--words", "--sessions-dir", "~unknown-user/"],
    ],
)
def test_path_of_an_unknown_user_is_a_path_like_any_other(arguments: list[str]) -> None:
    save(Path(".aloop/sessions"), FIRST)
    _, _, error = program.run(*arguments)
    assert "Traceback" not in error
    assert "Internal error" not in error
