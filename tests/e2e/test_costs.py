"""The effort of the model, and the cost of a session, on a real pseudo-terminal."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.conftest import Open
from tests.stub.parts import Answer, Text, ToolUse
from tests.stub.server import StubServer

EXPENSIVE = {"input_tokens": 1_000_000}
MODEL = ("--model", "claude-sonnet-5-5")


def test_toolbar_and_stats_show_the_cost_of_the_session(shell_with_key: Open, stub: StubServer) -> None:
    stub.script(Answer(Text("Hi."), usage=EXPENSIVE))
    aloop = shell_with_key(*MODEL)
    aloop.wait_for_prompt()
    assert "$" not in aloop.screen().splitlines()[-1]
    aloop.send_line("Hello")
    aloop.wait_until(lambda: aloop.screen().splitlines()[-1].endswith(" · $2.00"), "the cost of the session")
    aloop.send_line("/stats")
    aloop.wait_for("$2.00 this month")
    assert "cost        $2.00 for this session, $2.00 for the last turn" in aloop.screen()


def test_turn_that_reaches_the_limit_stops_and_keeps_its_work(shell_with_key: Open, stub: StubServer) -> None:
    stub.script(Answer(Text("Let me see."), ToolUse("calculator", {"expression": "6*7"}), usage=EXPENSIVE))
    aloop = shell_with_key(*MODEL, "--max-cost", "0.50")
    aloop.send_line("6*7?")
    aloop.wait_for("This run has cost $2.00, and its limit is $0.50")
    aloop.wait_for_prompt()
    assert len(stub.requests) == 1
    (session,) = Path(".aloop/sessions").glob("*/session.yaml")
    assert "Let me see." in session.read_text()


def test_effort_of_the_shell_is_sent_and_can_be_changed(shell_with_key: Open, stub: StubServer) -> None:
    aloop = shell_with_key(*MODEL, "--effort", "low")
    aloop.send_line("One")
    aloop.wait_for("You said: One")
    aloop.wait_for_prompt()
    aloop.send_line("/effort")
    aloop.wait_for("The effort is low.")
    aloop.wait_for_prompt()
    aloop.send_line("/effort huge")
    aloop.wait_for("'huge' is not an effort level")
    aloop.wait_for_prompt()
    aloop.send_line("/effort high")
    aloop.wait_for("The effort is now high.")
    aloop.wait_for_prompt()
    aloop.send_line("Two")
    aloop.wait_for("You said: Two")
    assert [request.body["output_config"] for request in stub.requests] == [{"effort": "low"}, {"effort": "high"}]
