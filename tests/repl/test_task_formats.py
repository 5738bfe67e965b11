"""--task with JSON output."""

from __future__ import annotations

import json
import os
import shlex
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.program import forked, run
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
    assert "calculate " in err


CUT = "The answer reached the model's length limit and is incomplete."
DECLINED = "The model declined to answer (cyber: No.)."
REFUSED = {"type": "refusal", "category": "cyber", "explanation": "No."}
CUT_CALL = ToolUse("calculator", {"expression": "4*10"}, call_id="toolu_2")
PAUSED = Answer(Text("It "), stop_reason="pause_turn")
EARLY_ENDS = {
    "cut": ("max_tokens", CUT, "It is", [Answer(Text("It is"), stop_reason="max_tokens")]),
    "cut in a call": ("max_tokens", CUT, "It is", [Answer(Text("It is"), CUT_CALL, stop_reason="max_tokens")]),
    "cut in thinking": ("max_tokens", CUT, None, [Answer(stop_reason="max_tokens")]),
    "cut after a pause": ("max_tokens", CUT, "It ", [PAUSED, Answer(stop_reason="max_tokens")]),
    "declined": ("refusal", DECLINED, "It is", [Answer(Text("It is"), stop_reason="refusal", stop_details=REFUSED)]),
    "declined without text": ("refusal", DECLINED, None, [Answer(stop_reason="refusal", stop_details=REFUSED)]),
    "paused": ("pause_turn", "The model paused without an answer.", None, [Answer(stop_reason="pause_turn")]),
    "unknown": (
        "end_turn",
        "A tool call was not run, because the answer ended for another reason (end_turn).",
        "It is",
        [Answer(Text("It is"), CUT_CALL, stop_reason="tired")],
    ),
}


@pytest.mark.parametrize("case", EARLY_ENDS)
def test_task_that_ends_before_the_model_has_finished_fails(stub: StubServer, case: str) -> None:
    reason, cause, answer, answers = EARLY_ENDS[case]
    stub.script(SUM, *answers, SUM, *answers, "It is 4.")
    code, out, err = run("--task", "2+2?", env=stub.env)
    assert (code, out) == (1, f"{answer}\n" if answer else "")
    assert err.count(cause) == 1
    advice = f"aloop: {cause} The steps so far are saved. To resume: aloop "
    assert err.splitlines()[-1].startswith(advice)
    code, out, _ = run("--task", "2+2?", "--output-format", "json", env=stub.env)
    (result,) = records(out)
    assert (code, result["status"], result["answer"], result["stop_reason"]) == (1, "failed", answer, reason)
    assert result["error"].startswith(f"{cause} The steps so far are saved. To resume: aloop ")
    resume = shlex.split(result["error"].partition("To resume: aloop ")[2])
    code, out, _ = run(*resume, "--output-format", "json", env=stub.env)
    (result,) = records(out)
    assert (code, result["status"], result["answer"], result["stop_reason"]) == (0, "completed", "It is 4.", None)


@pytest.mark.parametrize("text", ["It is", ""])
def test_task_that_fills_the_context_window_is_not_to_be_resumed(stub: StubServer, text: str) -> None:
    stub.script(SUM, Answer(*([Text(text)] if text else []), stop_reason="model_context_window_exceeded"))
    code, out, err = run("--task", "2+2?", "--output-format", "json", env=stub.env)
    (result,) = records(out)
    assert (code, result["status"], result["answer"]) == (1, "failed", text or None)
    assert result["stop_reason"] == "model_context_window_exceeded"
    cause = "The conversation filled the model's context window, so the answer is incomplete."
    saved = f"The steps so far are saved in session {result['session_id'][:8]}."
    assert result["error"] == f"{cause} Start a new session. {saved}"
    assert "To resume" not in err


@pytest.mark.parametrize("reason", ["max_tokens", "refusal", "model_context_window_exceeded"])
def test_json_result_has_the_reason_of_an_empty_first_answer(stub: StubServer, reason: str) -> None:
    stub.script(Answer(stop_reason=reason))
    code, out, _ = run("--task", "2+2?", "--output-format", "json", env=stub.env)
    (result,) = records(out)
    assert (code, result["status"], result["stop_reason"], result["session_id"]) == (1, "failed", reason, None)


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
    assert "API key was refused" in result["error"]
    assert "API key was refused" in err


def test_failure_after_a_step_names_the_command_that_resumes(stub: StubServer) -> None:
    stub.script(SUM, HTTPError(500))
    code, out, err = run("--task", "2+2?", "--output-format", "json", env=stub.env)
    (result,) = records(out)
    assert (code, result["status"]) == (1, "failed")
    assert f"To resume: aloop --resume {result['session_id'][:8]} --task Continue" in err
    assert run("--resume", result["session_id"][:8], "--task", "Continue", env=stub.env)[0] == 0


def test_stream_json_format_reports_a_failure_before_the_turn() -> None:
    code, out, _ = run("--resume", "--task", "Go on", "--output-format", "stream-json")
    (result,) = records(out)
    assert (code, result["status"], result["model"]) == (1, "failed", None)
    assert "no session to resume" in result["error"]


def test_json_format_reports_an_interruption_as_a_result(stub: StubServer) -> None:
    gate = Gate()
    stub.script(Text("Half an answer ", gate))
    with forked("--task", "Hi", "--output-format", "json", env=stub.env) as process:
        gate.wait_until_reached()
        process.send_signal(signal.SIGINT)
        code, out, _ = process.result()
    (result,) = records(out)
    assert (code, result["status"]) == (-signal.SIGINT, "interrupted")


def test_task_terminated_after_a_step_names_the_command_that_resumes(stub: StubServer) -> None:
    gate = Gate()
    stub.script(SUM, Text("It ", gate))
    with forked("--task", "2+2?", "--output-format", "json", env=stub.env) as process:
        gate.wait_until_reached()
        process.send_signal(signal.SIGTERM)
        code, out, _ = process.result()
    (result,) = records(out)
    assert (code, result["status"]) == (143, "interrupted")
    resume = f"aloop --resume {result['session_id'][:8]} --task Continue"
    assert result["error"] == f"Interrupted. The steps so far are saved. To resume: {resume}"


def test_max_steps_limits_a_turn(stub: StubServer) -> None:
    stub.script(*[ToolUse("calculator", {"expression": "2+2"}, call_id=f"toolu_{number}") for number in range(2)])
    code, out, err = run("--task", "Go on", "--max-steps", "2", "--allow", "write", env=stub.env)
    assert (code, out) == (1, "")
    last = err.splitlines()[-1]
    said = "aloop: The turn reached its limit of 2 steps. The steps so far are saved. To resume: aloop --resume "
    assert last.startswith(said)
    assert last.endswith(" --allow write --max-steps 2 --task Continue")
    assert err.count("limit of 2 steps") == 1
    stub.script("Done.")
    assert run(*shlex.split(last.partition("To resume: aloop ")[2]), env=stub.env)[:2] == (0, "Done.\n")


@pytest.mark.parametrize("output_format", ["json", "stream-json"])
def test_json_result_has_the_limit_of_steps_as_stop_reason(stub: StubServer, output_format: str) -> None:
    stub.script(SUM)
    code, out, _ = run("--task", "Go on", "--max-steps", "1", "--output-format", output_format, env=stub.env)
    result = records(out)[-1]
    assert (code, result["status"], result["stop_reason"], result["answer"]) == (1, "failed", "max_steps", None)
    assert result["error"].startswith("The turn reached its limit of 1 step. ")
    assert result["steps"] == 1
    texts = [record["text"] for record in records(out) if record["type"] == "text"]
    assert texts == (["Let me see."] if output_format == "stream-json" else [])


def test_json_result_has_repeated_calls_as_stop_reason(stub: StubServer) -> None:
    stub.script(*[ToolUse("calculator", {"expression": "2+2"}, call_id=f"toolu_{number}") for number in range(3)])
    code, out, _ = run("--task", "Go on", "--output-format", "json", env=stub.env)
    (result,) = records(out)
    assert (code, result["status"], result["stop_reason"]) == (1, "failed", "repeated_calls")
    assert "made the same tool call 3 times with the same result. The steps so far" in result["error"]


def test_system_option_replaces_the_system_message(stub: StubServer) -> None:
    save_dir = ".aloop/sessions"
    assert run("--task", "Hi", "--system", "You are a pirate.", "--sessions-dir", save_dir, env=stub.env)[0] == 0
    assert stub.requests[0].body["system"][0]["text"] == "You are a pirate."
    assert run("--resume", "--task", "Hi", "--system", "Be brief.", "--sessions-dir", save_dir, env=stub.env)[0] == 0
    assert stub.requests[1].body["system"][0]["text"] == "Be brief."
    assert run("--resume", "--task", "Hi", "--sessions-dir", save_dir, env=stub.env)[0] == 0
    assert stub.requests[2].body["system"][0]["text"] == "Be brief."


def test_resumed_task_keeps_the_model_of_its_session(stub: StubServer) -> None:
    assert run("--task", "Hi", "--model", "claude-mine", env=stub.env)[0] == 0
    assert run("--resume", "--task", "Hi", env=stub.env)[0] == 0
    assert run("--resume", "--task", "Hi", "--model", "claude-other", env=stub.env)[0] == 0
    assert [request.body["model"] for request in stub.requests] == ["claude-mine", "claude-mine", "claude-other"]


def test_retry_is_reported_on_standard_error(stub: StubServer) -> None:
    stub.script(HTTPError(529, retry=True, headers={"retry-after-ms": "10"}), "At last.")
    code, out, err = run("--task", "Hi", env=stub.env)
    assert (code, out) == (0, "At last.\n")
    assert "is overloaded (529)" in err
    assert "retry in 1 s (2/5)" in err


EXPENSIVE = {"input_tokens": 1_000_000}
MODEL = ("--model", "claude-sonnet-5-5")


def test_json_result_has_the_cost_of_the_turn(stub: StubServer) -> None:
    stub.script(Answer(Text("Hi."), usage=EXPENSIVE))
    code, out, _ = run("--task", "Hi", *MODEL, "--output-format", "json", env=stub.env)
    (result,) = records(out)
    assert code == 0
    assert 1 < result["cost_usd"] < 10


def test_json_result_has_no_cost_for_a_model_without_a_price(stub: StubServer) -> None:
    stub.script("Hi.")
    _, out, _ = run("--task", "Hi", "--model", "claude-test", "--output-format", "json", env=stub.env)
    (result,) = records(out)
    assert result["cost_usd"] is None


def test_max_cost_ends_a_task_with_an_error_and_keeps_its_work(stub: StubServer) -> None:
    stub.script(Answer(Text("Let me see."), ToolUse("calculator", {"expression": "2+2"}), usage=EXPENSIVE))
    code, out, err = run("--task", "2+2?", *MODEL, "--max-cost", "0.50", "--output-format", "json", env=stub.env)
    (result,) = records(out)
    assert (code, result["status"], result["stop_reason"]) == (1, "failed", "max_cost")
    assert "its limit is $0.50, so no further request was sent" in result["error"]
    assert result["error"].endswith(f"--resume {result['session_id'][:8]} --max-cost 0.50 --task Continue")
    assert result["error"] in err
    assert len(stub.requests) == 1
    (session,) = Path().glob(".aloop/sessions/*/session.yaml")
    assert "Let me see." in session.read_text()


def test_effort_option_is_sent_with_each_request(stub: StubServer) -> None:
    stub.script("Hi.")
    assert run("--task", "Hi", "--effort", "low", env=stub.env)[0] == 0
    assert stub.requests[0].body["output_config"] == {"effort": "low"}


def test_answers_are_added_to_the_cost_of_the_month(stub: StubServer) -> None:
    stub.script(Answer(Text("Hi."), usage=EXPENSIVE))
    _, out, _ = run("--task", "Hi", *MODEL, "--output-format", "json", env=stub.env)
    (result,) = records(out)
    code, out, _ = run("sessions", "stats", result["session_id"], "--json")
    (stats,) = records(out)
    assert code == 0
    assert stats["cost_usd"] == stats["turn_cost_usd"] == stats["month_cost_usd"] == result["cost_usd"]


def test_limit_and_prices_of_the_config_file_are_applied(stub: StubServer) -> None:
    config = Path(os.environ["HOME"], ".config/aloop/config.toml")
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text('max_cost = 0.50\n\n[prices."claude-test"]\ninput = 3\noutput = 15\n')
    stub.script(Answer(Text("Let me see."), ToolUse("calculator", {"expression": "2+2"}), usage=EXPENSIVE))
    code, out, _ = run("--task", "2+2?", "--model", "claude-test", "--output-format", "json", env=stub.env)
    (result,) = records(out)
    assert code == 1
    assert "This run has cost $3.00, and its limit is $0.50" in result["error"]
    assert 3 < result["cost_usd"] < 3.001
