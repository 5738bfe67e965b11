"""The effect of an answer on its turn."""

from __future__ import annotations

import pytest

from aloop.agent.loop import assess_reply, empty_answer_error
from aloop.errors import ContextOverflow, LLMError, RequestRejected, StreamBroken
from aloop.llm.base import Reply, StopReason
from aloop.llm.message_types import LLMMessage, ToolCall

CALL = ToolCall("call_1", "calculator", '{"expression": "1"}')


def reply(text: str | None, stop_reason: StopReason, *asked: ToolCall, detail: str = "") -> Reply:
    return Reply(LLMMessage("assistant", text, tool_calls=asked), stop_reason, detail=detail)


@pytest.mark.parametrize("stop_reason", ["end_turn", "stop_sequence"])
def test_complete_answer_ends_the_turn_without_notices(stop_reason: StopReason) -> None:
    outcome = assess_reply(reply("Hello.", stop_reason))
    assert (outcome.continues, outcome.notices) == (False, ())
    assert outcome.message == LLMMessage("assistant", "Hello.")


def test_tool_use_with_calls_continues() -> None:
    outcome = assess_reply(reply(None, "tool_use", CALL))
    assert outcome.continues
    assert outcome.message is not None
    assert outcome.message.tool_calls == (CALL,)


def test_tool_use_without_calls_ends_the_turn() -> None:
    assert not assess_reply(reply("Hello.", "tool_use")).continues


@pytest.mark.parametrize("stop_reason", ["max_tokens", "model_context_window_exceeded"])
def test_calls_of_a_cut_answer_are_kept_with_a_result_and_reported(stop_reason: StopReason) -> None:
    cut = ToolCall("call_2", "write_file", '{"path": "a.txt", "content": "half a li')
    outcome = assess_reply(reply("Let me see", stop_reason, CALL, cut))
    assert outcome.message is not None
    assert outcome.message.tool_calls == (CALL, cut)
    assert outcome.message.stop_reason == stop_reason
    assert not outcome.continues
    assert [result.tool_call_id for result in outcome.not_run] == ["call_1", "call_2"]
    assert all(result.is_error for result in outcome.not_run)
    assert "half a li" not in (outcome.not_run[0].content or "")
    assert "half a li" in (outcome.not_run[1].content or "")
    assert (
        outcome.notices[-1].text
        == f"2 tool calls were not run, because the answer ended for another reason ({stop_reason})."
    )


def test_refused_answer_is_kept_and_marked_and_its_calls_do_not_run() -> None:
    outcome = assess_reply(reply("Let me", "refusal", CALL))
    assert outcome.message == LLMMessage("assistant", "Let me", (CALL,), stop_reason="refusal")
    assert (outcome.continues, outcome.not_run) == (False, ())


def test_refusal_offers_the_recommended_model() -> None:
    refused = Reply(LLMMessage("assistant", "No"), "refusal", recommended_model="claude-opus-5")
    assert any("/model claude-opus-5" in notice.text for notice in assess_reply(refused).notices)


def test_pause_continues_only_with_content_so_that_no_request_repeats() -> None:
    assert assess_reply(reply("Half of", "pause_turn")).continues
    assert assess_reply(Reply(LLMMessage("assistant", "", blocks=('{"type": "x"}',)), "pause_turn")).continues
    empty = assess_reply(reply(None, "pause_turn"))
    assert (empty.message, empty.continues, empty.early_end) == (None, False, "pause_turn")


def test_call_of_an_answer_with_an_unusual_end_ends_the_turn_early() -> None:
    outcome = assess_reply(reply("Let me see", "end_turn", CALL))
    assert (outcome.continues, outcome.early_end) == (False, "end_turn")
    assert outcome.message == LLMMessage("assistant", "Let me see", (CALL,), stop_reason="end_turn")
    assert [notice.cause for notice in outcome.notices] == [
        "A tool call was not run, because the answer ended for another reason (end_turn)."
    ]


def test_pause_with_a_call_continues_and_is_not_an_early_end() -> None:
    outcome = assess_reply(reply("Let me see", "pause_turn", CALL))
    assert (outcome.continues, outcome.early_end, len(outcome.not_run)) == (True, None, 1)
    assert outcome.message == LLMMessage("assistant", "Let me see", (CALL,))


@pytest.mark.parametrize(
    ("stop_reason", "notice"),
    [
        ("max_tokens", "length limit"),
        ("refusal", "declined to answer (cyber)."),
        ("model_context_window_exceeded", "filled the model's context window"),
    ],
)
def test_incomplete_answer_is_kept_with_a_notice(stop_reason: StopReason, notice: str) -> None:
    outcome = assess_reply(reply("So far", stop_reason, detail="cyber" if stop_reason == "refusal" else ""))
    assert outcome.message == LLMMessage("assistant", "So far", stop_reason=stop_reason)
    assert notice in outcome.notices[0].text
    assert (outcome.early_end, outcome.notices[0].cause in outcome.notices[0].text) == (stop_reason, True)


@pytest.mark.parametrize("text", [None, "", " \n"])
def test_empty_answer_is_not_kept(text: str | None) -> None:
    assert assess_reply(reply(text, "end_turn")).message is None
    assert assess_reply(reply(text, "max_tokens")).message is None


@pytest.mark.parametrize(
    ("stop_reason", "kind"),
    [
        ("end_turn", StreamBroken),
        ("max_tokens", StreamBroken),
        ("refusal", RequestRejected),
        ("model_context_window_exceeded", ContextOverflow),
    ],
)
def test_empty_answer_error_depends_on_the_stop_reason(stop_reason: StopReason, kind: type[LLMError]) -> None:
    assert type(empty_answer_error(reply(None, stop_reason, detail="cyber"))) is kind
