"""Pairs of tool calls and results, in the request and in the checker."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aloop.llm.message_types import LLMMessage, ToolCall
from aloop.memory.codec.serialization import dump_session, load_session
from aloop.memory.context import UNANSWERED, project, unanswered
from aloop.memory.disk.filesystem import SYSTEM
from aloop.memory.pairing import in_call_order, pair_calls
from aloop.memory.sessions_dir.check import Checker
from tests.memory.examples import answer, call, result, session, user
from tests.properties import scaled


def test_two_calls_with_one_id_have_a_result_each() -> None:
    history = (user("Go"), answer(None, call(), call()), result("1"), result("2"))
    assert pair_calls(history).callers == {2: 1, 3: 1}
    assert pair_calls(history).open_calls == {1: []}


def test_result_belongs_to_the_newest_call_with_its_id() -> None:
    history = (user("Go"), answer(None, call()), user("Again"), answer(None, call()), result("1"), result("2"))
    pairing = pair_calls(history)
    assert (pairing.callers, pairing.late) == ({4: 3, 5: 1}, {5})


def test_result_behind_a_summary_belongs_to_no_call() -> None:
    summary = LLMMessage("user", "In short", summary=True)
    assert pair_calls((user("Go"), answer(None, call()), summary, result("1"))).callers == {}


def test_late_result_follows_the_other_results_of_its_call() -> None:
    calls = answer(None, call("a"), call("b"))
    history = (user("Go"), calls, result("2", "b"), user("Wait"), result("1", "a"))
    assert in_call_order(history) == [user("Go"), calls, result("2", "b"), result("1", "a"), user("Wait")]


def test_second_of_two_calls_with_one_id_is_unanswered() -> None:
    assert unanswered((user("Go"), answer(None, call(), call()), result("1"))) == [call()]
    assert unanswered((user("Go"), answer(None, call(), call()), result("1"), result("2"))) == []


ids = st.sampled_from(("a", "b"))
calls = st.builds(
    lambda call_id, number: ToolCall(call_id, "calculator", f'{{"n": {number}}}'), ids, st.integers(0, 99)
)
talks = st.lists(
    st.one_of(
        st.builds(
            lambda text, skip: LLMMessage("user", text, skip=skip), st.sampled_from(("One", "Two\n")), st.booleans()
        ),
        st.builds(
            lambda some: LLMMessage("assistant", "Let me see", tool_calls=tuple(some)), st.lists(calls, max_size=3)
        ),
        st.builds(
            lambda call_id, number: LLMMessage("tool", f"result {number}\n", tool_call_id=call_id),
            ids,
            st.integers(0, 999),
        ),
        st.just(LLMMessage("user", "In short", summary=True)),
    ),
    max_size=9,
)


def results_in(messages: tuple[LLMMessage, ...] | list[LLMMessage]) -> Counter[str | None]:
    """Return how often each result occurs that is not a placeholder."""
    return Counter(message.content for message in messages if message.role == "tool" and message.content != UNANSWERED)


@settings(max_examples=scaled(150), suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(talks)
def test_repair_keeps_every_result_and_what_is_sent(tmp_path: Path, talk: list[LLMMessage]) -> None:
    path = tmp_path / "2025-01-31_a1b2c3d4" / "session.yaml"
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_bytes(dump_session(session(user("Hi"), *talk)))
    path.chmod(0o600)
    before = load_session(path.read_bytes(), path).messages
    findings = Checker(SYSTEM, tmp_path, fix=True).check_folder(path.parent.name)
    after = load_session(path.read_bytes(), path).messages
    assert all(finding.fixed for finding in findings if finding.fixable), findings
    assert project((), after).messages == project((), before).messages
    assert results_in(after) == results_in(before)
    kept = [message for message in after if not message.skip]
    paired = pair_calls(before).callers
    assert results_in(kept) == results_in([before[number] for number in paired])
    repairs = " ".join(project((), after).repairs)
    assert "moved" not in repairs
    assert "without a tool call" not in repairs


@settings(max_examples=scaled(300), deadline=None)
@given(talks)
def test_every_paired_result_in_use_is_sent(talk: list[LLMMessage]) -> None:
    start = max((number for number, message in enumerate(talk) if message.summary), default=0)
    history = [user("Hi"), *talk[start:]]
    assert results_in(project((), history).messages) == results_in([history[n] for n in pair_calls(history).callers])
