"""Shell commands, editors, pastes and attachments, on a real pseudo-terminal."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from repl.input.pastes import TICK_SECONDS
from tests.e2e.conftest import Open
from tests.e2e.shell import Shell
from tests.stub.server import StubServer


def test_shell_command_streams_output_and_ctrl_c_ends_it(shell: Open) -> None:
    aloop = shell()
    aloop.send_line("!trap '' TERM; printf 'begun\\n\\033]0;title\\007'; while :; do sleep 0.1; done")
    aloop.wait_for("begun\n")
    aloop.wait_for("^[]0;title^G")
    aloop.send("\x03\x03")
    aloop.wait_for("stopped · ")
    aloop.wait_for_prompt()
    assert b"\x1b]0;title" not in aloop.raw
    aloop.send_line("still here")
    aloop.wait_for("2 messages")


def test_double_bang_command_gets_the_terminal(shell: Open) -> None:
    aloop = shell()
    aloop.send_line("!!test -t 0 && read -p 'your name: ' name && echo \"hello $name\"")
    aloop.wait_for("\nyour name:")
    aloop.send("\x7f")
    aloop.send_line("Ada")
    aloop.wait_for("\nhello Ada")
    aloop.wait_for_prompt()
    aloop.send_line("!!echo begun; exec sleep 1000")
    aloop.wait_for("\nbegun")
    aloop.send("\x03")
    aloop.wait_for("ended by SIGINT")
    aloop.wait_for_prompt()


def test_editor_opens_the_prompt_text_and_handles_ctrl_c_itself(
    shell: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = tmp_path / "editor"
    editor.write_text(
        '#!/bin/sh\ntrap \'echo interrupted\' INT\necho "editing $(wc -l < "$1") lines"\n'
        'until read answer < /dev/tty; do :; done\necho edited > "$1"\n'
    )
    editor.chmod(0o700)
    monkeypatch.setenv("EDITOR", str(editor))
    monkeypatch.delenv("VISUAL", raising=False)
    aloop = shell()
    paste = "\n".join(f"line {number}" for number in range(50))
    aloop.send(f"see \x1b[200~{paste}\x1b[201~")
    aloop.wait_for("> see [pasted 50 lines]")
    aloop.send("\x18\x05")
    aloop.wait_for("editing 50 lines")
    aloop.send("\x03")
    aloop.wait_for("interrupted")
    aloop.send("\r")
    aloop.wait_until(lambda: aloop.screen().splitlines()[-2] == "> edited", "the edited line")
    aloop.wait_for("0 messages")


def test_completion_and_attachments_fit_60_columns(shell: Open) -> None:
    Path("a file with quite a long name, for sixty columns.txt").write_text("text\n")
    aloop = shell(columns=60)
    aloop.send("see @a\t")
    aloop.wait_for('columns.txt"')
    aloop.send("\r")
    aloop.wait_for("attached a file with quite a long name")
    aloop.wait_for("2 messages")
    aloop.wait_for_prompt()
    assert all(len(line) <= 60 for line in aloop.scrollback().splitlines())


def wait_for_keys(aloop: Shell) -> None:
    """Wait until the prompt itself reads the keys, not the first screen."""
    aloop.wait_until(lambda: b"\x1b[?u" in aloop.raw, "the question for the kitty protocol")


@pytest.mark.parametrize("key", ["\x1b[13;2u", "\x1b[27;2;13~", "\n", "\x1b\r"])
def test_modified_enter_makes_a_new_line(shell_with_key: Open, stub: StubServer, key: str) -> None:
    aloop = shell_with_key()
    wait_for_keys(aloop)
    aloop.send("one")
    aloop.send(key)
    aloop.wait_for("> one\n")
    aloop.send("two")
    aloop.wait_for("> one\n  two")
    aloop.send("\x1bOM")
    aloop.wait_for("2 messages")
    assert stub.requests[0].last_user_text == "one\ntwo"


def test_reports_of_the_terminal_are_not_typed(shell: Open) -> None:
    aloop = shell()
    aloop.send("a\x1b[I\x1b[O\x1b]11;rgb:ffff/ffff/dddd\x1b\\\x1b[?62;22c\x1bP1+r544e=78\x1b\\\x1b_Gi=31;OK\x1b\\b")
    aloop.wait_for("> ab\n")


def test_lines_pasted_without_brackets_do_not_send_themselves(shell_with_key: Open, stub: StubServer) -> None:
    aloop = shell_with_key()
    wait_for_keys(aloop)
    # A stopped program handles the keys at times other than they are sent, as on a busy machine.
    os.kill(aloop.pid, signal.SIGSTOP)
    for piece in ("on", "e\r", "!touch pwned", "\rthree\r"):
        aloop.send(piece)
    os.kill(aloop.pid, signal.SIGCONT)
    aloop.wait_for("  three\n")
    row = aloop.screen().splitlines().index("  three")
    aloop.wait_until(lambda: aloop.cursor == (row + 1, 2), "the last line feed")
    assert stub.requests == []
    pause = 10 * TICK_SECONDS
    while not stub.requests:
        # After too short a pause for a busy machine, Enter belongs to the paste and puts the line feed back.
        aloop.pause(pause)
        aloop.send("\x7f\r")
        aloop.pause(pause)
        pause *= 2
    aloop.wait_for("2 messages")
    assert stub.requests[0].last_user_text == "one\n!touch pwned\nthree"
    assert not Path("pwned").exists()


def test_lines_typed_while_the_program_cannot_read_are_sent_one_by_one(stub: StubServer) -> None:
    stub.script("First.", "Second.", "Third.")
    with Shell(env={**stub.env, "TERM": "xterm-256color"}) as aloop:
        wait_for_keys(aloop)
        aloop.send("\x1b[?2004;1$ya")
        aloop.wait_for("> a")
        os.kill(aloop.pid, signal.SIGSTOP)
        for piece in (" one\r", "two", "\rthr", "ee\r"):
            aloop.send(piece)
        os.kill(aloop.pid, signal.SIGCONT)
        aloop.wait_for("Third.")
        assert [request.last_user_text for request in stub.requests] == ["a one", "two", "three"]


@pytest.mark.parametrize("key", ["\x1b[122;5u", ""])
def test_suspended_shell_restores_the_terminal(shell: Open, key: str) -> None:
    aloop = shell()
    wait_for_keys(aloop)
    aloop.send("\x1b[?0u")
    aloop.wait_until(lambda: b"\x1b[>1u" in aloop.raw, "the protocol")
    # Without a parent shell the program is not stopped, and takes the terminal again at once.
    if key:
        aloop.send(key)
    else:
        os.kill(aloop.pid, signal.SIGTSTP)
    aloop.wait_until(lambda: aloop.raw.count(b"\x1b[>1u") == 2, "the prompt")
    assert aloop.raw.count(b"\x1b[<u") == aloop.raw.count(b"\x1b[?2004l") == 1


def test_kitty_protocol_is_used_where_offered_and_only_at_the_prompt(shell: Open) -> None:
    aloop = shell()
    wait_for_keys(aloop)
    assert b"\x1b[>1u" not in aloop.raw
    aloop.send("\x1b[?0u")
    aloop.wait_until(lambda: b"\x1b[>1u" in aloop.raw, "the protocol")
    aloop.send_line("!!echo be''gun; sleep 0.2; echo en''ded")
    aloop.wait_until(lambda: b"ended" in aloop.raw, "the end of the program")
    before = aloop.raw.split(b"begun")[0]
    assert before.count(b"\x1b[>1u") == before.count(b"\x1b[<u")
    aloop.wait_until(lambda: b"\x1b[>1u" in aloop.raw.split(b"ended")[-1], "the prompt")
    aloop.send("\x1b[100;5u")  # Ctrl-D
    assert aloop.wait_for_exit() == 0
    assert aloop.raw.count(b"\x1b[>1u") == aloop.raw.count(b"\x1b[<u")
