"""Requests after random commands on random conversations with tool calls."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aloop.agent.compaction import undo_summary
from aloop.llm.message_types import LLMMessage
from aloop.memory.context import project
from aloop.memory.conversation import (
    Conversation,
    all_sent,
    expand_to_sendable,
    is_question,
    last_turn,
    marked,
)
from aloop.memory.session import Session
from tests.memory.examples import answer, call, result, session, user
from tests.properties import scaled

_OPERATIONS = (
    *("skip", "skip", "unskip", "unskip", "send all", "undo", "turn", "compact", "compact", "undo summary"),
    *("fork", "rewind"),
)


def take_turn(chance: random.Random, numbers: itertools.count[int]) -> list[LLMMessage]:
    """Return a turn of up to two steps, perhaps with words of the user between."""
    turn = [user(f"question {next(numbers)}")]
    for _ in range(chance.choice((0, 0, 1, 2))):
        calls = [call(f"call_{next(numbers)}") for _ in range(chance.choice((1, 1, 2, 3)))]
        turn += [answer(None, *calls), *(result("4", each.id) for each in calls)]
        turn += [user(f"and {next(numbers)}")] if chance.random() < 0.2 else []
    return [*turn, answer(f"answer {next(numbers)}")]


def change(messages: list[LLMMessage], chance: random.Random, numbers: itertools.count[int]) -> list[LLMMessage]:
    """Return ``messages`` after a random command."""
    first = chance.randrange(len(messages))
    last = min(len(messages) - 1, first + chance.choice((0, 0, 1, 2, 5)))
    questions = [place for place, message in enumerate(messages) if is_question(message)]
    # A summary in the middle of a turn comes before an answer.
    cuts = [place for place, message in enumerate(messages) if place and message.role != "tool"]
    match operation := chance.choice(_OPERATIONS):
        case "skip" | "unskip":
            skip = operation == "skip"
            return marked(messages, *expand_to_sendable(messages, first, last, skip=skip), skip=skip)
        case "send all":
            return all_sent(messages)
        case "undo":
            return messages[: last_turn(messages)]
        case "turn":
            return messages + take_turn(chance, numbers)
        case "undo summary" if any(message.summary and not message.skip for message in messages):
            return list(undo_summary(messages))
        case "compact" if cuts:
            cut = chance.choice(cuts)
            summary = LLMMessage("user", f"summary {next(numbers)}", summary=True)
            return [*messages[:cut], summary, *messages[cut:]]
        case "fork":
            source: Session = session(*messages)
            return Conversation.fork(source, last + 1).messages
        case "rewind" if questions:
            return messages[: chance.choice(questions)]
        case _:
            return messages


def require_valid(messages: tuple[LLMMessage, ...]) -> None:
    """Assert the rules of the API for calls, results and the first message."""
    assert not messages or messages[0].role == "user"
    waiting: list[str] = []
    for message in messages:
        if message.role == "tool":
            waiting.remove(message.tool_call_id or "")
        else:
            assert not waiting
            waiting = [each.id for each in message.tool_calls]
    assert not waiting


@given(st.integers(0, 2**32))
def test_conversation_after_any_commands_is_sent_without_a_repair(seed: int) -> None:
    for number in range(scaled(40)):
        chance, numbers = random.Random(f"{seed}-{number}"), itertools.count()
        messages = take_turn(chance, numbers)
        for _ in range(chance.randrange(1, 8)):
            messages = change(messages, chance, numbers) or take_turn(chance, numbers)
            projection = project((), messages)
            assert projection.repairs == ()
            require_valid(projection.messages)


@pytest.mark.parametrize(
    ("asked", "marks"), [((0, 0), (0, 3)), ((1, 1), (1, 2)), ((4, 4), (4, 4)), ((0, 2), (0, 3)), ((5, 5), (5, 5))]
)
def test_skipped_first_question_takes_its_answers_along(asked: tuple[int, int], marks: tuple[int, int]) -> None:
    messages = [user("a"), answer(None, call()), result("4"), answer("b"), user("c"), answer("d")]
    assert expand_to_sendable(messages, *asked, skip=True) == marks


def test_answer_that_is_sent_again_brings_its_question_back() -> None:
    messages = marked([user("a"), answer("b"), user("c"), answer("d")], 0, 1, skip=True)
    assert expand_to_sendable(messages, 1, 1, skip=False) == (0, 1)
    assert expand_to_sendable(messages, 3, 3, skip=False) == (3, 3)


SUMMARY = LLMMessage("user", "So far.", summary=True)


def test_question_that_a_summary_hides_takes_its_answers_along() -> None:
    """No answers come back without it if the summary is undone or removed."""
    messages = [user("a"), answer(None, call()), result("4"), answer("b"), SUMMARY, user("c"), answer("d")]
    assert expand_to_sendable(messages, 0, 0, skip=True) == (0, 3)
    skipped = marked(messages, 0, 3, skip=True)
    assert expand_to_sendable(skipped, 3, 3, skip=False) == (0, 3)
    assert project((), [*skipped[:4], *skipped[5:]]).repairs == ()
    assert project((), undo_summary(skipped)).repairs == ()


def test_undone_summary_takes_answers_without_question_along() -> None:
    messages = [user("a"), answer(None, call()), result("4"), SUMMARY, answer("b"), user("c")]
    undone = undo_summary(marked(messages, 0, 2, skip=True))
    assert [message.skip for message in undone] == [True, True, True, True, True, False]
    assert project((), undone).repairs == ()


def test_question_after_a_summary_is_skipped_without_its_answer() -> None:
    messages = [user("a"), answer("b"), SUMMARY, user("c"), answer("d")]
    assert expand_to_sendable(messages, 3, 3, skip=True) == (3, 3)
