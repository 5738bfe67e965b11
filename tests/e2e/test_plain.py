"""The plain prompt on a real terminal: what is asked, kept, lent to others and put back, with nothing drawn over."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from pathlib import Path

import pytest

from tests.e2e.shell import Shell
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


def test_what_was_typed_before_a_question_does_not_answer_it(stub: StubServer) -> None:
    gate = Gate()
    stub.script(Answer(Text("Well\n", gate), WRITE), "As you wish.")
    with Shell("--plain", env=stub.env) as aloop:
        aloop.wait_for(">")
        aloop.send_line("write it")
        aloop.wait_for("Well")
        aloop.send("y\ryes, and more")
        aloop.wait_for("yes, and more")
        gate.open()
        aloop.wait_for("allow?")
        aloop.send_line("n")
        aloop.wait_for("As you wish.\n> y\nyes, and more")
        assert not Path("notes.txt").exists()


def test_a_dumb_terminal_tells_what_it_can_not_put_back(stub: StubServer) -> None:
    gate = Gate()
    stub.script(Answer(Text("Well\n", gate), WRITE), "As you wish.")
    with Shell(env=stub.env | {"TERM": "dumb"}) as aloop:
        aloop.wait_for(">")
        aloop.send_line("write it")
        aloop.wait_for("Well")
        aloop.send("y\r")
        aloop.wait_for("\ny")
        gate.open()
        aloop.wait_for("allow?")
        assert "no answer to it: y\n" in aloop.scrollback()
        aloop.send_line("n")
        aloop.wait_for("As you wish.\n>")
        aloop.send_line("/undo")
        aloop.wait_for("To be entered again:\nwrite it\n>")


def test_an_editor_and_any_other_program_get_the_terminal(stub: StubServer) -> None:
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
        # In place of its shell, which may be one that ends by the Ctrl-C too, once the program has ended.
        aloop.send_line(f"!!exec {shlex.quote(sys.executable)} ask.py")
        aloop.wait_for("\nhere")
        # Ctrl-C is for the program, and aloop waits for its end.
        aloop.send("\x03")
        aloop.wait_for("who?")
        aloop.send_line("me")
        aloop.wait_for("I am me\n>")


def test_a_line_goes_on_is_put_back_and_is_remembered(stub: StubServer) -> None:
    stub.script("Well")
    with Shell("--plain", env=stub.env) as aloop:
        aloop.wait_for(">")
        aloop.send_line("one\\")
        aloop.send_line("two")
        aloop.wait_for("Well\n>")
        assert stub.requests[0].last_user_text == "one\ntwo"
        aloop.send_line("/undo")
        aloop.wait_for("puts it back.\n> one\ntwo")
        aloop.send(" three")
        aloop.wait_for("two three")
        aloop.send("\x03")
        aloop.wait_for("leaves.\n>")
        aloop.send("\x1b[A")
        aloop.wait_for("leaves.\n> one\ntwo three")


@pytest.mark.parametrize("is_asking", [False, True])
def test_told_to_end_it_keeps_what_there_is(stub: StubServer, is_asking: bool) -> None:
    stub.script(Answer("Well", WRITE) if is_asking else Text("Well\n", Gate()))
    with Shell("--plain", env=stub.env) as aloop:
        aloop.wait_for(">")
        aloop.send_line("write it")
        aloop.wait_for("allow?" if is_asking else "Well")
        os.kill(aloop.pid, signal.SIGTERM)
        assert aloop.wait_for_exit() == 128 + signal.SIGTERM
        assert "goes on from here" in aloop.scrollback()
        text = next(Path(".aloop/sessions").glob("*/session.yaml")).read_text()
        assert "Well" in text
        assert not Path("notes.txt").exists()


def test_told_to_end_at_rest_it_ends() -> None:
    with Shell("--plain", "--model", "offline") as aloop:
        aloop.wait_for(">")
        os.kill(aloop.pid, signal.SIGTERM)
        assert aloop.wait_for_exit() == -signal.SIGTERM
