"""What belongs together among messages."""

from __future__ import annotations

import pytest

from aloop.llm.message_types import LLMMessage
from aloop.memory.conversation import all_sent, last_turn, marked, whole
from tests.memory.examples import answer, call, result, user

SUMMARY = LLMMessage("user", "So far.", summary=True)
TALK = (user("a"), answer(None, call("1"), call("2")), result("x", "1"), result("y", "2"), answer("b"), user("c"))


def test_the_last_turn_begins_with_what_the_user_said_last() -> None:
    assert last_turn(TALK) == 5
    assert last_turn(TALK[:5]) == 0
    assert last_turn((user("a"), SUMMARY, answer("b"))) == 0
    assert last_turn((SUMMARY, answer("b"))) is None
    assert last_turn(()) is None


@pytest.mark.parametrize(
    ("asked", "widened"),
    [((0, 0), (0, 0)), ((1, 1), (1, 3)), ((2, 2), (1, 3)), ((3, 4), (1, 4)), ((0, 1), (0, 3)), ((4, 5), (4, 5))],
)
def test_a_range_takes_in_whole_calls(asked: tuple[int, int], widened: tuple[int, int]) -> None:
    assert whole(TALK, *asked) == widened


def test_a_call_without_results_and_results_without_a_call_stand_alone() -> None:
    assert whole((user("a"), answer(None, call())), 1, 1) == (1, 1)
    assert whole((result("x"), user("a")), 0, 0) == (0, 0)


def test_only_what_has_another_mark_becomes_another_message() -> None:
    skipped = marked(TALK, 4, 5, skip=True)
    assert [message.skip for message in skipped] == [False] * 4 + [True] * 2
    assert all(one is other for one, other in zip(skipped[:4], TALK, strict=False))
    assert tuple(all_sent(skipped)) == TALK


def test_a_summary_that_was_undone_stays_so() -> None:
    [summary] = marked([SUMMARY], 0, 0, skip=True)
    assert all_sent([summary]) == [summary]
