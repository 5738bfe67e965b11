"""Streaming, tools, interruptions and failures on a real pseudo-terminal."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.e2e.conftest import Open
from tests.e2e.shell import Shell
from tests.saved_sessions import FIRST, open_elsewhere, save
from tests.stub.parts import Answer, Drop, Gate, Text, Thinking, ToolUse
from tests.stub.replies import HTTPError
from tests.stub.server import StubServer


def saved() -> str:
    [path] = Path(".aloop/sessions").glob("*/session.yaml")
    return path.read_text()


def test_streamed_answer_is_shown_before_it_is_complete(shell_with_key: Open, stub: StubServer) -> None:
    gate = Gate()
    stub.script(Text("First paragraph.\n\nThe **second** is ", gate, "long."))
    aloop = shell_with_key()
    aloop.send_line("Tell me")
    aloop.wait_for("The second is")
    assert "First paragraph." in aloop.screen()
    aloop.wait_for("answering")
    gate.open()
    aloop.wait_for("The second is long.")
    aloop.wait_for_prompt()
    assert "answering" not in aloop.screen()
    assert "The **second** is" not in aloop.scrollback()


@pytest.mark.slow
def test_summarized_thinking_is_shown_live_until_the_thinking_command_hides_it(
    shell_with_key: Open, stub: StubServer
) -> None:
    shown, hidden, again = Gate(), Gate(), Gate()
    for gate in (shown, hidden, again):
        stub.script(Answer(Thinking("First weigh ", "both sides. ", gate, "Then decide."), "It is decided."))
    aloop = shell_with_key()
    aloop.send_line("Decide")
    aloop.wait_for("First weigh both sides.")
    assert stub.requests[0].body["thinking"] == {"type": "adaptive", "display": "summarized"}
    shown.open()
    aloop.wait_for("Thought for")
    aloop.wait_for_prompt()
    assert "weigh" not in aloop.screen()

    aloop.send_line("/thinking")
    aloop.wait_for("The model's thinking is now hidden.")
    aloop.send_line("Decide again")
    aloop.wait_for("thinking · ")
    hidden.wait_until_reached()
    aloop.wait_for("tokens")
    assert "weigh" not in aloop.screen()
    hidden.open()
    aloop.wait_for_prompt()
    assert aloop.scrollback().count("Thought for") == 1

    aloop.send_line("/thinking")
    aloop.wait_for("The model's thinking is now shown")
    aloop.send_line("And again")
    aloop.wait_for("First weigh both sides.")
    again.open()
    aloop.wait_for_prompt()
    assert saved().count("First weigh both sides. Then decide.") == 3


def test_answer_taller_than_the_screen_shows_each_line_once(shell_with_key: Open, stub: StubServer) -> None:
    gate = Gate()
    code = "\n".join(f"code_{number} = {number}" for number in range(60))
    prose = "\n\n".join(f"Paragraph {number} of many words, and more of them to wrap a line." for number in range(60))
    stub.script(Text(f"{prose}\n\n```python\n{code}\n", gate, "```\n\nThe end."))
    aloop = shell_with_key()
    aloop.send_line("Tell me everything")
    aloop.wait_for("code_59 = 59")
    assert "code_59 = 59" in aloop.screen()
    gate.open()
    aloop.wait_for("The end.")
    aloop.wait_for_prompt()
    lines = aloop.scrollback().splitlines()
    assert [line for line in lines if line.startswith("code_")] == code.splitlines()
    assert [line for line in lines if line.startswith("Paragraph ")] == prose.replace("\n\n", "\n").splitlines()


def test_tool_call_and_result_are_shown_on_one_line(shell_with_key: Open, stub: StubServer) -> None:
    stub.script(Answer("Let me see.", ToolUse("calculator", {"expression": "6*7"})), "It is 42.")
    aloop = shell_with_key()
    aloop.send_line("6*7?")
    aloop.wait_for("It is 42.")
    aloop.wait_for_prompt()
    [line] = [line for line in aloop.screen().splitlines() if "calculate" in line]
    assert line.startswith("✓ calculate 6*7 ")
    assert line.endswith(" → 42")


def test_ctrl_c_ends_the_turn_and_keeps_the_partial_answer(shell_with_key: Open, stub: StubServer) -> None:
    gate = Gate()
    stub.script(Text("Half an answer ", gate, "that never ends."), "A new answer.")
    aloop = shell_with_key()
    aloop.send_line("Tell me")
    [request] = stub.wait_for_requests(1)
    aloop.wait_for("Half an answer")
    aloop.send("\x03\x03")
    aloop.wait_for("Stopped. The work so far is kept.")
    aloop.wait_for_prompt()
    request.wait_until_disconnected()
    assert "interrupted: true" in saved()
    aloop.send_line("Again")
    aloop.wait_for("A new answer.")


def test_message_entered_during_a_turn_is_sent_after_it(shell_with_key: Open, stub: StubServer) -> None:
    gate = Gate()
    stub.script(Text("Slow ", gate, "answer."), "To the draft.")
    aloop = shell_with_key()
    aloop.send_line("one")
    aloop.wait_for("Slow")
    aloop.send("my draft\r")
    aloop.wait_for("queued: my draft")
    assert len(stub.requests) == 1
    gate.open()
    aloop.wait_for("To the draft.")
    assert stub.requests[1].last_user_text == "my draft"


def test_rejected_api_key_is_reported_and_the_text_returns_to_the_prompt(
    shell_with_key: Open, stub: StubServer
) -> None:
    stub.script(HTTPError(401), "Now it works.")
    aloop = shell_with_key()
    aloop.send_line("my question")
    aloop.wait_for("The API key was refused")
    aloop.wait_until(lambda: aloop.screen().splitlines()[-3:-1] == ["", "> my question"], "the text again")
    assert list(Path(".aloop/sessions").glob("*/session.yaml")) == []
    aloop.send("\r")
    aloop.wait_for("Now it works.")


def test_broken_off_answer_is_requested_again(shell_with_key: Open, stub: StubServer) -> None:
    stub.script(Text("Half an answer ", Drop()), "The whole answer.")
    aloop = shell_with_key()
    aloop.send_line("Tell me")
    aloop.wait_for("The whole answer.")
    aloop.wait_for_prompt()
    assert "The whole answer." in saved()
    assert "Half an answer" not in saved()


def test_hangup_during_a_turn_saves_the_partial_answer(shell_with_key: Open, stub: StubServer) -> None:
    gate = Gate()
    stub.script(Text("Half an answer ", gate, "that never ends."))
    aloop = shell_with_key()
    aloop.send_line("Tell me")
    aloop.wait_for("Half an answer")
    aloop.process.kill(signal.SIGHUP)
    assert aloop.wait_for_exit() == 129
    assert "interrupted: true" in saved()


def test_killed_shell_leaves_the_shown_part_of_the_answer_to_the_next_start(
    shell_with_key: Open, stub: StubServer
) -> None:
    gate = Gate()
    stub.script("First.", Text("Half an answer ", gate, "that never ends."), "And the rest.")
    aloop = shell_with_key()
    aloop.send_line("Hello")
    aloop.wait_for("First.")
    aloop.wait_for_prompt()
    aloop.send_line("Tell me")
    aloop.wait_for("Half an answer")
    [folder] = Path(".aloop/sessions").glob("*_*")
    aloop.wait_until(
        lambda: any("Half an answer" in path.read_text() for path in folder.glob(".journal-*")), "the text on disk"
    )
    aloop.process.kill(signal.SIGKILL)
    aloop.wait_for_exit()

    again = shell_with_key("--resume")
    again.wait_for("messages, the last one with the part of the answer that had arrived.")
    again.wait_for("Half an answer")
    assert [line for line in saved().splitlines() if "interrupted" in line] == ["    interrupted: true"]
    again.send_line("Continue")
    again.wait_for("And the rest.")
    sent = stub.requests[-1].body["messages"]
    assert [message["role"] for message in sent] == ["user", "assistant", "user", "assistant", "user"]
    assert "Half an answer" in str(sent[3])


def test_escape_sequences_in_answers_and_tool_results_are_shown_as_text(shell_with_key: Open, stub: StubServer) -> None:
    Path("evil.txt").write_text("\x1b]0;owned\x07\x1b[2J\x9b31m")
    stub.script(
        Answer("Title \x1b]0;owned\x07 and &#8238; then", ToolUse("read_file", {"path": "evil.txt"})),
        Text("\x1b]52;c;b3duZWQ=\x07 done"),
    )
    aloop = shell_with_key()
    aloop.send_line("Read it")
    aloop.wait_for("done")
    aloop.wait_for_prompt()
    assert "^[]0;owned^G" in aloop.scrollback()
    assert b"\x1b]0" not in aloop.raw
    assert b"\x1b]5" not in aloop.raw
    assert b"\x1b[2J" not in aloop.raw
    assert "\x9b".encode() not in aloop.raw
    assert "\u202e".encode() not in aloop.raw


@pytest.mark.parametrize("arguments", [(), ("--plain",)])
@pytest.mark.parametrize("question", ["what is it", "/help me please"])
def test_question_on_the_command_line_is_the_first_message(
    stub: StubServer, arguments: tuple[str, ...], question: str
) -> None:
    stub.script("Well", "Indeed")
    with Shell(*arguments, question, env=stub.env) as aloop:
        aloop.wait_for("Well")
        assert stub.requests[0].last_user_text.strip() == question
        if arguments:
            aloop.wait_for("Well\n>")
        else:
            aloop.wait_for_prompt()
        aloop.send_line("and then")
        aloop.wait_for("Indeed")
        assert len(stub.requests) == 2


@pytest.mark.parametrize("arguments", [(), ("--plain",)])
def test_resume_of_a_session_open_elsewhere_offers_a_copy(arguments: tuple[str, ...]) -> None:
    sessions_dir = Path(".aloop/sessions").absolute()
    save(sessions_dir, FIRST)
    with open_elsewhere(sessions_dir, FIRST), Shell("--resume", "a1b2", *arguments) as aloop:
        aloop.wait_for("[y/N]" if arguments else "y/n or")  # the question can be answered now
        aloop.send("y\n" if arguments else "y")
        aloop.wait_for("a copy of a1b2c3d4")
