"""--task with JSON output."""

from __future__ import annotations

import json
import signal
from typing import Any

import pytest

from tests.repl.test_task import run, start
from tests.stub.parts import Answer, Gate, Text, ToolUse
from tests.stub.replies import HTTPError
from tests.stub.server import StubServer

SUM = Answer(Text("Let me see."), ToolUse("calculator", {"expression": "2+2"}, call_id="toolu_1"))


def records(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def test_json_format_prints_only_the_result(stub: StubServer) -> None:
    stub.script(SUM, "It is 4.")
    code, out, err = run("--task", "2+2?", "--output-format", "json", env=stub.env)
    (result,) = records(out)
    assert code == 0
    assert (result["type"], result["status"], result["answer"], result["error"]) == (
        "result",
        "completed",
        "It is 4.",
        None,
    )
    assert result["usage"]["output_tokens"] == 10
    assert result["steps"] == 2
    assert len(result["session_id"]) == 36
    assert "● calculator" in err


def test_stream_json_format_prints_a_line_per_step(stub: StubServer) -> None:
    stub.script(SUM, "It is 4.")
    code, out, _ = run("--task", "2+2?", "--output-format", "stream-json", "--model", "claude-test", env=stub.env)
    init, said, call, result, answer, end = records(out)
    assert code == 0
    assert (init["type"], init["model"], init["messages"]) == ("init", "claude-test", 0)
    assert "calculator" in init["tools"]
    assert said == {"type": "text", "text": "Let me see."}
    assert call == {"type": "tool_call", "id": "toolu_1", "name": "calculator", "arguments": {"expression": "2+2"}}
    assert (result["type"], result["id"], result["text"], result["is_error"]) == ("tool_result", "toolu_1", "4", False)
    assert answer == {"type": "text", "text": "It is 4."}
    assert (end["type"], end["session_id"]) == ("result", init["session_id"])


def test_json_format_reports_a_failure_as_a_result(stub: StubServer) -> None:
    stub.script(HTTPError(401))
    code, out, err = run("--task", "Hi", "--output-format", "json", env=stub.env)
    (result,) = records(out)
    assert (code, result["status"], result["answer"], result["session_id"]) == (1, "failed", None, None)
    assert "refused the key" in result["error"]
    assert "refused the key" in err


def test_stream_json_format_reports_a_failure_before_the_turn() -> None:
    code, out, _ = run("--resume", "--task", "Go on", "--output-format", "stream-json")
    (result,) = records(out)
    assert (code, result["status"], result["model"]) == (1, "failed", None)
    assert "no session to resume" in result["error"]


def test_json_format_reports_an_interruption_as_a_result(stub: StubServer) -> None:
    gate = Gate()
    stub.script(Text("Half an answer ", gate))
    with start("--task", "Hi", "--output-format", "json", env=stub.env) as process:
        gate.wait_until_reached()
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    (result,) = records(out)
    assert (process.returncode, result["status"]) == (130, "interrupted")


def test_max_steps_limits_a_turn(stub: StubServer) -> None:
    stub.script(*[ToolUse("calculator", {"expression": "2+2"}, call_id=f"toolu_{number}") for number in range(2)])
    code, out, _ = run("--task", "Go on", "--max-steps", "2", env=stub.env)
    assert code == 0
    assert "2 steps" in out


@pytest.mark.slow
def test_system_option_replaces_the_system_message(stub: StubServer) -> None:
    save_dir = ".aloop/sessions"
    assert run("--task", "Hi", "--system", "You are a pirate.", "--sessions-dir", save_dir, env=stub.env)[0] == 0
    assert stub.requests[0].body["system"] == "You are a pirate."
    assert run("--resume", "--task", "Hi", "--system", "Be brief.", "--sessions-dir", save_dir, env=stub.env)[0] == 0
    assert stub.requests[1].body["system"] == "Be brief."
    assert run("--resume", "--task", "Hi", "--sessions-dir", save_dir, env=stub.env)[0] == 0
    assert stub.requests[2].body["system"] == "Be brief."


@pytest.mark.slow
def test_resumed_task_keeps_the_model_of_its_session(stub: StubServer) -> None:
    assert run("--task", "Hi", "--model", "claude-mine", env=stub.env)[0] == 0
    assert run("--resume", "--task", "Hi", env=stub.env)[0] == 0
    assert run("--resume", "--task", "Hi", "--model", "claude-other", env=stub.env)[0] == 0
    assert [request.body["model"] for request in stub.requests] == ["claude-mine", "claude-mine", "claude-other"]


def test_retry_is_reported_on_standard_error(stub: StubServer) -> None:
    stub.script(HTTPError(529, retry=True, headers={"retry-after-ms": "10"}), "At last.")
    code, out, err = run("--task", "Hi", env=stub.env)
    assert (code, out) == (0, "At last.\n")
    assert "overloaded (529): retry in 1 s (2/5)" in err
