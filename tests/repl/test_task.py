"""--task: the answer on standard output, and the exit code."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from aloop.config.user_folders import state_dir
from aloop.memory.disk.filesystem import SYSTEM
from aloop.memory.disk.locks import OpenLock
from tests.memory.test_parts import PIXEL
from tests.program import ROOT, forked, run, start
from tests.saved_sessions import FIRST, save
from tests.stub.parts import Answer, Gate, Text, ToolUse
from tests.stub.replies import HTTPError
from tests.stub.server import StubServer


def test_task_prints_only_the_answer_on_standard_output(stub: StubServer) -> None:
    stub.script(Answer(Text("Let me see."), ToolUse("calculator", {"expression": "2+2"})), "It is **4**.")
    code, out, err = run("--task", "2+2?", env=stub.env)
    assert (code, out) == (0, "It is **4**.\n")
    assert "Let me see." in err
    assert "calculate 2+2: " in err


def test_task_shows_the_ends_of_a_long_output_and_keeps_all_of_it(stub: StubServer) -> None:
    stub.script(ToolUse("run_shell", {"command": "seq 400"}), "Done.")
    code, out, err = run("--task", "Count", "--allow", "shell", env=stub.env)
    assert (code, out) == (0, "Done.\n")
    rows = err.splitlines()
    assert rows[:7] == ["run seq 400:", "1", "2", "3", "4", "5", "… 390 more lines"]
    assert rows[7:12] == ["396", "397", "398", "399", "400"]
    assert len(rows) == 13
    saved = next(Path(".aloop/sessions").glob("*/session.yaml")).read_text()
    assert all(f"{number}\n" in saved for number in range(1, 401))


def test_task_attaches_and_reports_mentioned_files(stub: StubServer) -> None:
    stub.script("I see.")
    Path("notes.txt").write_text("one\ntwo\n")
    assert run("--task", "Explain @notes.txt", env=stub.env) == (0, "I see.\n", "attached notes.txt (2 lines)\n")
    assert stub.requests[0].last_user_text == 'Explain @notes.txt\n\n<file path="notes.txt">\none\ntwo\n</file>'


def test_task_sends_a_mentioned_image(stub: StubServer) -> None:
    stub.script("I see.")
    Path("dot.png").write_bytes(PIXEL.data)
    said = f"attached dot.png (image/png, {len(PIXEL.data)} bytes)\n"
    assert run("--task", "Describe @dot.png", env=stub.env) == (0, "I see.\n", said)
    text, image = stub.requests[0].body["messages"][0]["content"]
    assert (text["text"], image["source"]["media_type"]) == ("Describe @dot.png", "image/png")


def test_task_attaches_no_files_mentioned_in_piped_text(stub: StubServer) -> None:
    stub.script("I see.", "I see.")
    Path("notes.txt").write_text("one\n")
    assert run("--task", "Sum up", piped="see @notes.txt", env=stub.env) == (0, "I see.\n", "")
    assert stub.requests[0].last_user_text == "Sum up\n\nsee @notes.txt"
    assert run("--task", "-", piped="see @notes.txt", env=stub.env) == (0, "I see.\n", "")
    assert stub.requests[1].last_user_text == "see @notes.txt"


def test_task_attaches_outside_files_only_if_allowed(stub: StubServer) -> None:
    stub.script("I see.", "I see.")
    Path("../keys.txt").write_text("secret\n")
    code, _, told = run("--task", "Explain @../keys.txt", env=stub.env)
    assert (code, told.count("\n"), "Use --allow outside" in told) == (0, 1, True)
    assert "secret" not in stub.requests[0].last_user_text
    assert run("--task", "Explain @../keys.txt", "--allow", "outside", env=stub.env)[0] == 0
    assert "secret" in stub.requests[1].last_user_text


def test_task_continues_a_resumed_session() -> None:
    save(Path(".aloop/sessions"), FIRST)
    assert run("--resume", "a1b2", "--task", "And now?")[0] == 0
    assert "And now?" in next(Path(".aloop/sessions").glob("*/session.yaml")).read_text()


def test_task_reports_that_a_shell_has_the_session_open() -> None:
    save(Path(".aloop/sessions"), FIRST)
    (folder,) = Path(".aloop/sessions").glob("*/")
    lock = OpenLock(SYSTEM, folder, FIRST)
    code, _, err = run("--resume", "a1b2", "--task", "And now?")
    lock.release()
    assert code == 0
    assert f"Session a1b2c3d4 is open in another aloop (process {os.getpid()}, since " in err
    assert "This task is added to it. The other aloop reads it before its next turn." in err
    assert "another aloop" not in run("--resume", "a1b2", "--task", "And now?")[2]


def test_task_prints_warnings_about_the_session_file() -> None:
    run("--task", "6*6")
    (path,) = Path(".aloop/sessions").glob("*/session.yaml")
    path.write_text(path.read_text().removesuffix("...\n"))
    code, out, err = run("--resume", "--task", "6*7")
    assert (code, "42" in out) == (0, True)
    assert "no end marker" in err


def test_task_prints_the_trust_notice_once_and_continues() -> None:
    save(Path(".aloop/sessions"), FIRST)
    (state_dir() / "aloop" / "trust").unlink()
    code, out, err = run("--resume", "--task", "6*7")
    assert (code, "42" in out) == (0, True)
    assert err.startswith("Session a1b2c3d4 in ~/work/.aloop/sessions was not written by your aloop.\n")
    assert "nor one that you wrote:\n│ Be brief.\n" in err
    assert "was not written" not in run("--resume", "--task", "And 6*8?")[2]


def test_task_resumes_the_latest_of_the_users_own_sessions() -> None:
    run("--task", "6*7")
    save(Path(".aloop/sessions"), FIRST)
    path = next(Path(".aloop/sessions").glob("*_a1b2c3d4/session.yaml"))
    path.write_text(path.read_text().replace("2025-01-01T09:30:00", f"{datetime.now().astimezone().isoformat()}"))
    trust = state_dir() / "aloop" / "trust"
    trust.write_text("".join(line for line in trust.read_text().splitlines(True) if FIRST not in line))
    code, _, err = run("--resume", "--task", "6*8")
    assert (code, "was not written" in err) == (0, False)
    assert "6*8" not in path.read_text()


def test_task_prints_an_answer_that_cannot_be_saved(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, output, errors = run("--task", "6*7", "--sessions-dir", str(tmp_path / "file" / "sessions"))
    assert (code, "42" in output) == (1, True)
    assert "Could not save the session" in errors


def test_task_fails_without_a_session_to_resume() -> None:
    code, out, err = run("--resume", "--task", "Go on")
    assert (code, out) == (1, "")
    assert "no session to resume" in err


def test_failed_task_prints_one_line_and_saves_no_session(stub: StubServer) -> None:
    stub.script(HTTPError(401))
    code, out, err = run("--task", "Hi", env=stub.env)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert not Path(".aloop").exists() or not list(Path(".aloop").glob("sessions/*/session.yaml"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_interrupts_a_task_with_its_exit_code(stub: StubServer, number: signal.Signals) -> None:
    gate = Gate()
    stub.script(Text("Half an answer ", gate, "ends."))
    with forked("--task", "Hi", env=stub.env) as process:
        gate.wait_until_reached()
        process.send_signal(number)
        code, out, err = process.result()
    assert (code, out) == (-number if number == signal.SIGINT else 128 + number, "")
    assert "Interrupted." in err
    assert "Traceback" not in err


def test_closed_standard_output_prints_no_traceback() -> None:
    with start("--task", "Hi") as process:
        assert process.stdout
        process.stdout.close()
        assert process.stderr
        err = process.stderr.read()
    assert process.returncode in {0, 1}
    assert "Traceback" not in err
    assert "BrokenPipe" not in err


def test_task_loads_neither_prompt_toolkit_nor_a_parser_of_markdown() -> None:
    names = ("prompt_toolkit", "markdown_it", "pygments")
    code = f"import sys, repl.task; sys.exit(any(name in sys.modules for name in {names}))"
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
