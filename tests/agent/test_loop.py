"""The effect of an answer on its turn."""

from __future__ import annotations

import pytest

from aloop.agent.loop import assess_reply, empty_answer_error, without_calls
from aloop.errors import ContextOverflow, LLMError, RequestRejected, StreamBroken
from aloop.llm.base import Reply, StopReason
from aloop.llm.message_types import LLMMessage, ThinkingBlock, ToolCall

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


@pytest.mark.parametrize("stop_reason", ["end_turn", "max_tokens", "refusal", "model_context_window_exceeded"])
def test_calls_with_another_stop_reason_are_dropped_and_reported(stop_reason: StopReason) -> None:
    outcome = assess_reply(reply("Let me see", stop_reason, CALL))
    assert outcome.message == LLMMessage("assistant", "Let me see")
    assert not outcome.continues
    assert (
        outcome.notices[-1] == f"A tool call was not run, because the answer ended for another reason ({stop_reason})."
    )


def test_pause_continues_with_or_without_text() -> None:
    assert assess_reply(reply("Half of", "pause_turn")).continues
    empty = assess_reply(reply(None, "pause_turn"))
    assert (empty.message, empty.continues) == (None, True)


@pytest.mark.parametrize(
    ("stop_reason", "notice"),
    [
        ("max_tokens", "length limit"),
        ("refusal", "declined to answer. (cyber)"),
        ("model_context_window_exceeded", "filled the model's context window"),
    ],
)
def test_incomplete_answer_is_kept_with_a_notice(stop_reason: StopReason, notice: str) -> None:
    outcome = assess_reply(reply("So far", stop_reason, detail="cyber" if stop_reason == "refusal" else ""))
    assert outcome.message == LLMMessage("assistant", "So far")
    assert notice in outcome.notices[0]


@pytest.mark.parametrize("text", [None, "", " \n"])
def test_empty_answer_is_not_kept(text: str | None) -> None:
    assert assess_reply(reply(text, "end_turn")).message is None
    assert assess_reply(reply(text, "max_tokens", CALL)).message is None


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


def test_without_calls_drops_thinking_at_the_end() -> None:
    first = ThinkingBlock("a", "sig-a")
    behind_text = ThinkingBlock("b", "sig-b", after_chars=4)
    between_calls = ThinkingBlock("c", "sig-c", after_chars=4, after_calls=1)
    message = LLMMessage("assistant", "text", (CALL, CALL), thinking=(first, behind_text, between_calls))
    assert without_calls(message).thinking == (first,)
