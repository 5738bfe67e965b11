"""The plain prompt on a real pseudo-terminal."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import termios
from pathlib import Path

import pytest

from tests.e2e.shell import ROOT, Shell
from tests.stub.parts import Answer, Gate, Text, ToolUse
from tests.stub.server import StubServer

WRITE = ToolUse("write_file", {"path": "notes.txt", "content": "hello\n"})


ASKING = """import time
try:
    print("here")
    time.sleep(60)
except KeyboardInterrupt:
    print("I am", input("who? "))"""


def run_python(code: str) -> str:
    return f"{shlex.quote(sys.executable)} -c {shlex.quote(code)}"


def test_text_typed_before_a_permission_prompt_does_not_answer_it(stub: StubServer) -> None:
    gate = Gate()
    stub.script(Answer(Text("Well\n", gate), WRITE), "As you wish.")
    with Shell("--plain", env=stub.env) as aloop:
        aloop.wait_for(">")
        aloop.send_line("write it")
        aloop.wait_for("Well")
        aloop.send("y\ryes, and more\r")
        gate.open()
        aloop.wait_for("allow?")
        aloop.send_line("n")
        aloop.wait_for("As you wish.\n> y\nyes, and more")
        assert not Path("notes.txt").exists()


def test_dumb_terminal_offers_typed_ahead_text_and_prints_undone_text(stub: StubServer) -> None:
    gate = Gate()
    stub.script(Answer(Text("Well\n", gate), WRITE), "As you wish.")
    with Shell(env=stub.env | {"TERM": "dumb"}) as aloop:
        aloop.wait_for(">")
        aloop.send_line("write it")
        aloop.wait_for("Well")
        aloop.send("y\ry\r")
        gate.open()
        aloop.wait_for("allow?")
        aloop.send_line("n")
        aloop.wait_for("As you wish.\n> y\ny\nTyped earlier. Press Enter to send it or Ctrl-C to discard it.")
        aloop.send("\x03")
        aloop.wait_for("to quit.\n>")
        aloop.send_line("/undo")
        aloop.wait_for("Text to enter again:\nwrite it\n>")


def test_editor_and_double_bang_command_get_the_terminal(stub: StubServer) -> None:
    rename = run_python(
        "import sys; p = sys.argv[-1]; t = open(p).read(); open(p, 'w').write(t.replace('Well', 'Ill'))"
    )
    stub.script("Well")
    with Shell("--plain", env=stub.env | {"VISUAL": rename}) as aloop:
        aloop.wait_for(">")
        aloop.send_line("Hi")
        aloop.wait_for("Well\n>")
        aloop.send_line("/edit")
        aloop.wait_for("Edited: 1 message changed.\n>")
        assert "Ill" in next(Path(".aloop/sessions").glob("*/session.yaml")).read_text()
        Path("ask.py").write_text(ASKING)
        # exec, because a shell around the program could also be ended by Ctrl-C.
        aloop.send_line(f"!!exec {shlex.quote(sys.executable)} ask.py")
        aloop.wait_for("\nhere")
        # Ctrl-C goes to the program, and aloop waits for the program to exit.
        aloop.send("\x03")
        aloop.wait_for("who?")
        aloop.send_line("me")
        aloop.wait_for("I am me\n>")


def test_multiline_input_is_sent_restored_by_undo_and_kept_in_history(stub: StubServer) -> None:
    stub.script("Well")
    with Shell("--plain", env=stub.env) as aloop:
        aloop.wait_for(">")
        aloop.send_line("one\\")
        # The next line asks for bracketed paste, too; two lines at once would be a paste.
        aloop.wait_until(lambda: aloop.raw.count(b"\x1b[?2004h") > 1, "the next line")
        aloop.send_line("t\x1b\rwo")
        aloop.wait_for("Well\n>")
        assert stub.requests[0].last_user_text == "one\nt\nwo"
        aloop.send_line("/undo")
        aloop.wait_for("restores it.\n> one\nt\nwo")
        aloop.send(" three")
        aloop.wait_for("wo three")
        aloop.send("\x03")
        aloop.wait_for("to quit.\n>")
        aloop.send("\x1b[A")
        aloop.wait_for("to quit.\n> one\nt\nwo three")


@pytest.mark.parametrize("is_asking", [False, True])
def test_sigterm_during_a_turn_saves_the_partial_answer(stub: StubServer, is_asking: bool) -> None:
    stub.script(Answer("Well", WRITE) if is_asking else Text("Well\n", Gate()))
    with Shell("--plain", env=stub.env) as aloop:
        aloop.wait_for(">")
        aloop.send_line("write it")
        aloop.wait_for("allow?" if is_asking else "Well")
        os.kill(aloop.pid, signal.SIGTERM)
        assert aloop.wait_for_exit() == 128 + signal.SIGTERM
        assert "to continue." in aloop.scrollback()
        text = next(Path(".aloop/sessions").glob("*/session.yaml")).read_text()
        assert "Well" in text
        assert not Path("notes.txt").exists()


def test_line_entered_during_an_answer_is_sent_after_it(stub: StubServer) -> None:
    gate = Gate()
    stub.script(Text("Well\n", gate, "now"), "As you wish.", "Bye.")
    with Shell("--plain", env=stub.env) as aloop:
        aloop.wait_for(">")
        aloop.send_line("Hi")
        aloop.wait_for("Well")
        aloop.send("and \x1b[Athen\r")
        aloop.wait_for("Well\nQueued: and then")
        aloop.send("really\r")
        aloop.wait_for("Queued: really")
        gate.open()
        aloop.wait_for("now\n> and then\nAs you wish.\n> really\nBye.\n>")
        assert [request.last_user_text for request in stub.requests] == ["Hi", "and then", "really"]


@pytest.mark.parametrize(("typed", "shown"), [("and th", "> and th"), ("one\rtwo\r", "> one\ntwo")])
def test_text_typed_or_pasted_during_an_answer_appears_only_on_the_next_prompt(
    stub: StubServer, typed: str, shown: str
) -> None:
    gate = Gate()
    stub.script(Text("Well\nnow", gate), "As you wish.")
    with Shell("--plain", env=stub.env) as aloop:
        aloop.wait_for(">")
        aloop.send_line("Hi")
        aloop.wait_for("Well")
        aloop.send(typed)
        gate.open()
        aloop.wait_for(f"Well\nnow\n{shown}")
        assert len(stub.requests) == 1
        aloop.send_line("?")
        aloop.wait_for(f"{shown}?\nAs you wish.\n>")


def test_queued_line_replaces_an_unanswered_text_on_the_prompt(stub: StubServer) -> None:
    stub.script(Text(Gate(), "Well"))
    with Shell("--plain", env=stub.env) as aloop:
        aloop.wait_for(">")
        aloop.send_line("Hi")
        stub.wait_for_requests(1)
        aloop.send("and then\r")
        aloop.wait_for("Queued: and then")
        aloop.send("\x03")
        aloop.wait_for("Text to enter again:\nHi\n> and then")


def test_ctrl_c_during_an_answer_returns_a_queued_line(stub: StubServer) -> None:
    stub.script(Text("Well\n", Gate()))
    with Shell("--plain", env=stub.env) as aloop:
        aloop.wait_for(">")
        aloop.send_line("Hi")
        aloop.wait_for("Well")
        aloop.send("and then\r")
        aloop.wait_for("Queued: and then")
        aloop.send("\x03")
        aloop.wait_for("is kept.\n> and then")


def test_lines_queued_behind_a_stopped_turn_are_offered_one_by_one_and_commands_run(stub: StubServer) -> None:
    stub.script(Text("Well\n", Gate()), "As you wish.")
    with Shell("--plain", env=stub.env) as aloop:
        aloop.wait_for(">")
        aloop.send_line("Hi")
        aloop.wait_for("Well")
        for line in ("/title Weather", "and then", "not this"):
            aloop.send(f"{line}\r")
            aloop.wait_for(f"Queued: {line}")
        aloop.send("\x03")
        aloop.wait_for("is kept.\n> /title Weather")
        aloop.send("\r")
        aloop.wait_for("> and then")
        assert len(stub.requests) == 1
        aloop.send("\r")
        aloop.wait_for("As you wish.\n> not this")
        aloop.send("\x03")
        aloop.wait_for("to quit.\n>")
        aloop.send_line("/title")
        aloop.wait_for("Weather")
        assert [request.last_user_text for request in stub.requests] == ["Hi", "and then"]


def test_ctrl_d_during_an_answer_ends_the_shell_after_it(stub: StubServer) -> None:
    gate = Gate()
    stub.script(Text("Well\n", gate, "then"))
    with Shell("--plain", env=stub.env) as aloop:
        aloop.wait_for(">")
        aloop.send_line("Hi")
        aloop.wait_for("Well")
        aloop.send("\x04")
        gate.open()
        aloop.wait_for("then")
        assert aloop.wait_for_exit() == 0


def test_ctrl_d_before_the_first_prompt_ends_the_shell(stub: StubServer) -> None:
    with Shell("--plain", env=stub.env) as aloop:
        aloop.send("\x04")
        assert aloop.wait_for_exit() == 0


def test_ctrl_c_at_the_prompt_does_not_cancel_the_next_turn(stub: StubServer) -> None:
    stub.script("As you wish.")
    with Shell("--plain", env=stub.env) as aloop:
        aloop.wait_for(">")
        aloop.send("no")
        aloop.wait_for("> no")
        aloop.send("\x03")
        aloop.wait_for("to quit.\n>")
        aloop.send_line("Hi")
        aloop.wait_for("> Hi\nAs you wish.\n>")


def test_dumb_terminal_sends_typed_ahead_text_only_after_enter(stub: StubServer) -> None:
    gate = Gate()
    stub.script(Text("Well", gate), "As you wish.")
    with Shell(env=stub.env | {"TERM": "dumb"}) as aloop:
        aloop.wait_for(">")
        aloop.send_line("Hi")
        stub.wait_for_requests(1)
        aloop.send("and\rthen\r")
        gate.open()
        aloop.wait_for("Well\n> and\nthen\nTyped earlier. Press Enter to send it or Ctrl-C to discard it.")
        aloop.send("\r")
        aloop.wait_for("As you wish.\n>")
        assert stub.requests[1].last_user_text == "and\nthen"


def test_without_readline_the_terminal_edits_the_line(stub: StubServer, tmp_path: Path) -> None:
    stub.script("As you wish.")
    (tmp_path / "readline.py").write_text("raise ImportError")
    with Shell("--plain", env=stub.env | {"PYTHONPATH": f"{tmp_path}:{ROOT}"}) as aloop:
        aloop.wait_for(">")
        aloop.send("no\x03")
        aloop.wait_for("to quit.\n>")
        aloop.send_line("Hx\x7fi\x1b[D\x1b]11;rgb:ffff/ffff/dddd\x1b\\")
        aloop.wait_for("As you wish.\n>")
        assert stub.requests[0].last_user_text == "Hi"


def test_tab_completes_and_prints_choices_in_rows() -> None:
    Path("notes.txt").touch()
    Path("noise.txt").touch()
    with Shell("--plain", "--model", "offline") as aloop:
        aloop.wait_for(">")
        aloop.send("see @n\t\t")
        aloop.wait_for("> see @no\nnoise.txt\nnotes.txt\n> see @no")
        aloop.send("t\t\r")
        aloop.wait_for("attached notes.txt")


def test_unknown_keys_and_reports_are_not_typed_and_keypad_enter_sends(stub: StubServer) -> None:
    stub.script("Well")
    with Shell("--plain", env=stub.env) as aloop:
        aloop.wait_for(">")
        aloop.send("a\x1b[I\x1b[O\x1b[?62;22c\x1b[97;5u\x1b[27;2;9~\x1b[Db")
        aloop.wait_for("> ba")
        aloop.send("\x1b]11;rgb:ffff/ffff/dddd\x1b\\\x1bP1+r544e=78\x1b\\\x1b_Gi=31;OK\x1b\\\x1b]52;c;aGk=\x07")
        aloop.send("\x1bOM")
        aloop.wait_for("Well\n>")
        assert stub.requests[0].last_user_text == "ba"


def test_tab_does_nothing_at_a_question(stub: StubServer) -> None:
    stub.script(Answer("Well", WRITE), "As you wish.")
    with Shell("--plain", env=stub.env) as aloop:
        aloop.wait_for(">")
        aloop.send_line("one")
        aloop.wait_for("allow?")
        # No key but Enter gives an answer.
        aloop.send("n\x18\x05\to")
        aloop.wait_for("allow? no")
        aloop.send("\r")
        aloop.wait_for("As you wish.")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signal_at_the_prompt_restores_the_terminal_and_keeps_the_draft(number: signal.Signals) -> None:
    with Shell("--plain", "--model", "offline") as aloop:
        aloop.wait_for(">")
        aloop.send("a draft")
        aloop.wait_for("a draft")
        # Without a parent shell the program is not stopped, but it abandons the line and draws it again.
        aloop.send("\x1a")
        aloop.wait_until(lambda: aloop.raw.count(b"> ") == 2, "the prompt to be drawn again")
        aloop.send("ed")
        aloop.wait_for("> a drafted")
        os.kill(aloop.pid, number)
        assert aloop.wait_for_exit() == 128 + number
        flags = termios.tcgetattr(aloop.process.child_fd)[3]
        assert flags & termios.ECHO
        assert flags & termios.ICANON
        assert aloop.raw.rfind(b"\x1b[?2004l") > aloop.raw.rfind(b"\x1b[?2004h")
    with Shell("--plain", "--model", "offline") as aloop:
        aloop.wait_for(">")
        aloop.send("\x1b[A")
        aloop.wait_for("> a draft")


def test_closed_window_keeps_the_draft() -> None:
    with Shell("--plain", "--model", "offline") as aloop:
        aloop.wait_for(">")
        aloop.send("a draft")
        aloop.wait_for("a draft")
        aloop.send("\x1a")
        aloop.wait_until(lambda: aloop.raw.count(b"> a draft") == 2, "the line to be drawn again")
        aloop.hang_up()
        assert aloop.process.ptyproc.exitstatus == 128 + signal.SIGHUP  # type: ignore[attr-defined] # not in the stubs
    with Shell("--plain", "--model", "offline") as aloop:
        aloop.wait_for(">")
        aloop.send("\x1b[A")
        aloop.wait_for("> a draft")


@pytest.mark.parametrize("mode", ["emacs", "vi"])
@pytest.mark.parametrize("keys", ["\x15", "\x01\x0b", "\x1bS", "\x1bddi", "\r", "\x0f"])
def test_paste_that_ends_its_own_bracket_runs_no_command(
    stub: StubServer, private_home: Path, mode: str, keys: str
) -> None:
    config = private_home / ".config" / "aloop" / "config.toml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(f'editing_mode = "{mode}"\n')
    with Shell("--plain", env=stub.env) as aloop:
        aloop.wait_for(">")
        aloop.send(f"\x1b[200~hello\x1b[201~{keys}!touch pwned\r!touch pwned\r\x1b[201~")
        aloop.wait_for("Pasted text is not sent until you press Enter.")
        aloop.send("\x03")
        aloop.wait_for("to quit.\n>")
        assert not Path("pwned").exists()
        assert stub.requests == []


def test_bracketed_paste_is_sent_once_by_enter(stub: StubServer) -> None:
    stub.script("Well", "Ill")
    with Shell("--plain", env=stub.env) as aloop:
        aloop.wait_for(">")
        aloop.send("\x1b[200~one\ntwo\x1b[201~")
        aloop.wait_for("two")
        aloop.enter_paste(lambda: len(stub.requests) == 1)
        aloop.wait_for("Well\n>")
        aloop.send("\x1b[200~three\x1b[201~\r")
        aloop.wait_for("discard it.\n> three")
        aloop.enter_paste(lambda: len(stub.requests) == 2)
        aloop.wait_for("Ill\n>")
        assert [request.last_user_text for request in stub.requests] == ["one\ntwo", "three"]


def test_lines_pasted_without_brackets_wait_for_enter(stub: StubServer) -> None:
    stub.script("Well")
    with Shell("--plain", env=stub.env) as aloop:
        aloop.wait_for(">")
        os.kill(aloop.pid, signal.SIGSTOP)  # as on a busy machine
        for piece in ("on", "e\r", "!touch pwned", "\rthree\r"):
            aloop.send(piece)
        os.kill(aloop.pid, signal.SIGCONT)
        aloop.wait_for("discard it.\n> one\n!touch pwned\nthree")
        assert not Path("pwned").exists()
        aloop.enter_paste(lambda: len(stub.requests) == 1)
        aloop.wait_for("Well\n>")
        assert stub.requests[0].last_user_text == "one\n!touch pwned\nthree"


def test_pasted_answer_to_a_question_waits_for_enter(stub: StubServer) -> None:
    stub.script(Answer("Well", WRITE), "As you wish.")
    with Shell("--plain", env=stub.env) as aloop:
        aloop.wait_for(">")
        aloop.send_line("write it")
        aloop.wait_for("allow?")
        aloop.send("\x1b[200~hello\x1b[201~\x15y\r")
        aloop.wait_for("Pasted text cannot answer a question.")
        assert not Path("notes.txt").exists()
