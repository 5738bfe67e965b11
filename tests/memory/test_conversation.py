"""What belongs together among messages.

What somebody did to a conversation, told in a few words.
"""

from __future__ import annotations

import pytest

from aloop.llm.message_types import LLMMessage
from aloop.memory.conversation import Changes, all_sent, describe_changes, expand_to_tool_calls, last_turn, marked
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
    assert expand_to_tool_calls(TALK, *asked) == widened


def test_a_call_without_results_and_results_without_a_call_stand_alone() -> None:
    assert expand_to_tool_calls((user("a"), answer(None, call())), 1, 1) == (1, 1)
    assert expand_to_tool_calls((result("x"), user("a")), 0, 0) == (0, 0)


def test_only_what_has_another_mark_becomes_another_message() -> None:
    skipped = marked(TALK, 4, 5, skip=True)
    assert [message.skip for message in skipped] == [False] * 4 + [True] * 2
    assert all(one is other for one, other in zip(skipped[:4], TALK, strict=False))
    assert tuple(all_sent(skipped)) == TALK


def test_a_summary_that_was_undone_stays_so() -> None:
    [summary] = marked([SUMMARY], 0, 0, skip=True)
    assert all_sent([summary]) == [summary]


def messages(*texts: str) -> list[LLMMessage]:
    return [LLMMessage("user", text) for text in texts]


def test_nothing_changed_is_no_message() -> None:
    assert str(describe_changes(messages("a", "b"), messages("a", "b"))) == "only text outside the messages"


def test_an_edited_message_counts_as_edited() -> None:
    assert describe_changes(messages("a", "b", "c"), messages("a", "B", "c")) == Changes(edited=1)


def test_a_removed_message_counts_as_removed() -> None:
    assert describe_changes(messages("a", "b", "c"), messages("a", "c")) == Changes(removed=1)


def test_added_messages_count_as_added_wherever_they_stand() -> None:
    assert describe_changes(messages("a", "c"), messages("a", "b", "c", "d")) == Changes(added=2)


def test_all_three_are_told_in_order() -> None:
    changes = describe_changes(messages("a", "b", "c", "d"), messages("a", "B", "d", "e"))
    assert str(changes) == "1 edited, 1 removed, 1 added"
    assert changes.for_author() == "1 message changed, 1 message removed, 1 message added"


def test_their_author_is_told_of_messages_and_of_what_stands_around_them() -> None:
    assert Changes(edited=2).for_author() == "2 messages changed"
    assert Changes().for_author() == "only text outside the messages"


def test_a_thousand_changed_messages_are_counted_without_being_aligned() -> None:
    before, after = messages(*map(str, range(1000))), messages(*(f"x{number}" for number in range(900)))
    assert describe_changes(before, after) == Changes(edited=900, removed=100)
