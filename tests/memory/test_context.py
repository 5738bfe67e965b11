"""Any history is sent as a valid transcript, and the context is measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aloop.llm.message_types import LLMMessage, ToolCall, Usage
from aloop.memory import ContextUse, MemoryManager
from aloop.memory.context import UNANSWERED, answer_for, estimate, measure, project, unanswered
from tests.agent.scripted import ScriptedLLM
from tests.memory.examples import answer, call, messages, result, user
from tests.properties import scaled

SYSTEM = (LLMMessage("system", "Be kind."),)
WHOLE = (user("2+2?"), answer(None, call()), result("4"), answer("Four."))


def sent(*history: LLMMessage) -> tuple[LLMMessage, ...]:
    return project((), history).messages


def test_valid_history_is_sent_unchanged_after_the_system_message() -> None:
    projection = project(SYSTEM, WHOLE)
    assert projection.messages == (*SYSTEM, *WHOLE)
    assert projection.repairs == ()


def test_empty_history_sends_nothing() -> None:
    assert project((), ()).messages == ()


def test_skipped_message_is_not_sent() -> None:
    assert sent(user("a"), replace(user("b"), skip=True), user("c")) == (user("a"), user("c"))


def test_result_of_a_skipped_call_is_not_sent() -> None:
    question, asked, returned, final = WHOLE
    assert sent(question, replace(asked, skip=True), returned, final) == (question, final)


def test_skipped_result_is_replaced_by_a_placeholder() -> None:
    question, asked, returned, final = WHOLE
    assert sent(question, asked, replace(returned, skip=True), final) == (question, asked, answer_for(call()), final)


def test_summary_replaces_all_messages_before_it() -> None:
    summary = replace(user("So far: 4."), summary=True)
    assert sent(*WHOLE, summary, user("And 3+3?")) == (summary, user("And 3+3?"))


def test_summary_marked_as_refused_is_sent() -> None:
    summary = replace(user("So far: 4."), summary=True, stop_reason="refusal")
    assert sent(*WHOLE, summary) == (summary,)
    assert sent(*WHOLE, summary, answer("And 5.")) == (summary, answer("And 5."))


def test_last_summary_that_is_not_skipped_is_used() -> None:
    first, second = (replace(user(text), summary=True) for text in ("first", "second"))
    assert sent(first, user("a"), second, user("b")) == (second, user("b"))
    assert sent(first, user("a"), replace(second, skip=True), user("b")) == (first, user("a"), user("b"))


def test_call_without_a_result_gets_a_placeholder() -> None:
    projection = project((), (user("Go"), answer("I will.", call()), user("Well?")))
    stand_in = LLMMessage("tool", UNANSWERED, tool_call_id="call_1", name="calculator", is_error=True)
    assert projection.messages == (user("Go"), answer("I will.", call()), stand_in, user("Well?"))
    assert "a tool call that had none" in projection.repairs[0]


def test_call_at_the_end_gets_a_placeholder() -> None:
    assert sent(user("Go"), answer(None, call("a"), call("b")), result("1", "b"))[-2:] == (
        result("1", "b"),
        answer_for(call("a")),
    )


@pytest.mark.parametrize(
    "history",
    [
        (user("Hi"), result("4")),
        (user("Hi"), answer("Hello"), result("4")),
        (result("4"), user("Hi")),
        (*WHOLE, result("4")),
        (user("Hi"), answer(None, call()), result("4"), result("5")),
        (user("Hi"), answer(None, call()), LLMMessage("user", "In short", summary=True), result("4")),
    ],
)
def test_result_without_a_call_is_left_out(history: tuple[LLMMessage, ...]) -> None:
    projection = project((), history)
    assert_valid(projection.messages)
    assert any("a tool result without a tool call" in repair for repair in projection.repairs)


def test_result_behind_a_later_message_is_sent_directly_after_its_call() -> None:
    projection = project((), (user("Hi"), answer(None, call()), user("Wait"), result("4"), answer("Four.")))
    assert projection.messages == (user("Hi"), answer(None, call()), result("4"), user("Wait"), answer("Four."))
    assert projection.repairs == ("The history was repaired before sending: moved a tool result to its tool call.",)


@pytest.mark.parametrize("content", [None, "", " \n\t"])
@pytest.mark.parametrize("role", ["user", "assistant"])
def test_empty_message_is_left_out(role: str, content: str | None) -> None:
    empty = user(content or "") if role == "user" else answer(content)
    projection = project((), (user("Hi"), empty, user("There")))
    assert projection.messages == (user("Hi"), user("There"))
    assert "an empty message" in projection.repairs[0]


def test_empty_result_is_sent() -> None:
    history = (user("Go"), answer(None, call()), result(""))
    assert sent(*history) == history


def test_answer_before_the_first_question_is_left_out_with_its_results() -> None:
    projection = project((), (answer("Hi!", call()), result("4"), user("Hello")))
    assert projection.messages == (user("Hello"),)
    assert "before the first user message" in projection.repairs[0]


def test_summary_in_an_assistant_message_is_sent_as_user_message() -> None:
    """A transcript must start with a user message."""
    summary = replace(answer("So far: 4."), summary=True)
    assert sent(*WHOLE, summary, user("And 3+3?")) == (replace(user("So far: 4."), summary=True), user("And 3+3?"))


def test_calls_with_the_same_id_get_unique_ids() -> None:
    """APIs reject requests with duplicate IDs."""
    once = (user("Go"), answer(None, call("a"), call("a", "{}")), result("1", "a"), result("2", "a"))
    projection = project((), (*once, *once))
    ids = [message.tool_call_id for message in projection.messages if message.role == "tool"]
    assert ids == ["a", "a-2", "a-3", "a-4"]
    assert_valid(projection.messages)
    assert projection.repairs == ("The history was repaired before sending: renamed tool calls with the same ID.",)


def test_tool_calls_outside_of_assistant_messages_are_left_out() -> None:
    odd = replace(user("Hi"), tool_calls=(call(),))
    assert sent(odd, result("4")) == (user("Hi"),)
    assert sent(user("Hi"), LLMMessage("system", "Now.", tool_calls=(call(),))) == (
        user("Hi"),
        LLMMessage("system", "Now."),
    )


def test_each_kind_of_repair_is_reported_once() -> None:
    assert len(project((), (user("Hi"), result("1"), result("2"), result("3"))).repairs) == 1


def test_unanswered_returns_open_calls_of_the_last_answer() -> None:
    assert unanswered([user("Go"), answer(None, call("a"), call("b")), result("1", "a")]) == [call("b")]
    assert unanswered([user("Go"), answer(None, call("a")), result("1", "a")]) == []
    assert unanswered([answer(None, call("a")), user("Well?")]) == []
    assert unanswered([]) == []


def assert_valid(transcript: Sequence[LLMMessage]) -> None:
    """Check the order of messages, and that each call has exactly one direct result."""
    open_calls: list[str] = []
    used: set[str] = set()
    asked = False
    for message in transcript:
        if message.role == "tool":
            assert message.tool_call_id in open_calls, transcript
            open_calls.remove(message.tool_call_id)
            continue
        assert not open_calls, transcript
        assert message.role == "system" or message.tool_calls or message.parts or (message.content or "").strip(), (
            transcript
        )
        assert message.role != "assistant" or asked, transcript
        asked = asked or message.role == "user"
        open_calls = [tool_call.id for tool_call in message.tool_calls]
        assert message.role == "assistant" or not open_calls, transcript
        assert len({*used, *open_calls}) == len(used) + len(open_calls), transcript
        used.update(open_calls)
    assert not open_calls, transcript


few_ids = st.sampled_from(("a", "b", ""))
likely = st.one_of(
    st.builds(user, st.sampled_from(("Hi", "", " "))),
    st.builds(
        lambda text, ids, summary: replace(
            answer(text, *(ToolCall(identity, "calculator") for identity in ids)), summary=summary
        ),
        st.sampled_from(("Well.", "", None)),
        st.lists(few_ids, max_size=3),
        st.integers(0, 9).map(lambda number: number == 0),
    ),
    st.builds(lambda identity, skip: replace(result("4", identity), skip=skip), few_ids, st.booleans()),
)


@given(st.lists(likely, max_size=12))
@settings(max_examples=scaled(800))
def test_any_history_is_sent_as_a_valid_transcript(history: list[LLMMessage]) -> None:
    repaired = project((), history)
    assert_valid(repaired.messages)
    assert project((), repaired.messages) == replace(repaired, repairs=())


@given(st.lists(messages, max_size=6))
@settings(max_examples=scaled(50))
def test_history_with_arbitrary_fields_is_sent_as_a_valid_transcript(history: list[LLMMessage]) -> None:
    assert_valid(project((), history).messages)


QUESTION = LLMMessage("user", "x" * 400)
ANSWER = LLMMessage("assistant", "y" * 40, usage=Usage(1_000, 50, 200, 30))
SYSTEM_TEXT = LLMMessage("system", "z" * 4_000)


def test_measure_estimates_everything_before_the_first_answer() -> None:
    assert measure([SYSTEM_TEXT], [QUESTION], overhead=500) == (1_000 + 100 + 8 + 500, True)


def test_measure_uses_the_usage_of_the_last_answer() -> None:
    assert measure([SYSTEM_TEXT], [QUESTION, ANSWER], overhead=500) == (1_280, False)


def test_measure_estimates_messages_after_the_last_answer() -> None:
    tokens, is_estimate = measure([SYSTEM_TEXT], [QUESTION, ANSWER, QUESTION])
    assert (tokens, is_estimate) == (1_280 + 104, True)


def test_measure_ignores_usage_of_another_context() -> None:
    assert measure([], [QUESTION, ANSWER, QUESTION], counted_from=3)[0] == 104 + 14 + 104


def test_measure_estimates_an_interrupted_answer() -> None:
    broken = LLMMessage("assistant", "w" * 400, interrupted=True)
    assert measure([], [QUESTION, ANSWER, QUESTION, broken])[0] == 1_280 + 104 + 104


def test_measure_ignores_messages_that_are_not_sent() -> None:
    skipped = replace(QUESTION, skip=True)
    summary = LLMMessage("user", "s" * 40, summary=True)
    assert measure([], [QUESTION, skipped, summary])[0] == 14


def test_estimate_counts_tool_calls_and_non_ascii_bytes() -> None:
    call = LLMMessage("assistant", tool_calls=(ToolCall("c", "abcd", "e" * 36),))
    assert estimate([call]) == 14
    assert estimate([LLMMessage("user", "日本語です")]) == 4 + 3


async def test_measure_context_returns_the_used_share_of_the_window(sessions_dir: Path) -> None:
    llm = ScriptedLLM()
    llm.context_window = 2_000
    memory = MemoryManager(llm, sessions_dir=sessions_dir)
    assert memory.measure_context(300) == ContextUse(300, 2_000, True)
    await memory.add_message(QUESTION)
    await memory.add_message(ANSWER)
    use = memory.measure_context(300)
    assert (use, use.share) == (ContextUse(1_280, 2_000, False), 0.64)


async def test_measure_context_ignores_old_usage_after_edit_and_reload(sessions_dir: Path) -> None:
    memory = MemoryManager(sessions_dir=sessions_dir)
    for message in (QUESTION, ANSWER, QUESTION, ANSWER):
        await memory.add_message(message)
    await memory.save_memory()
    summary = LLMMessage("user", "s" * 40, summary=True)
    await memory.edit(lambda messages: (*messages[:2], summary, *messages[2:]))
    assert memory.measure_context() == ContextUse(14 + 104 + 14, 0, True)
    again = await MemoryManager.from_session(memory.session_id, sessions_dir=sessions_dir)
    assert again.measure_context() == memory.measure_context()
    await again.add_message(ANSWER)
    assert again.measure_context() == ContextUse(1_280, 0, False)
