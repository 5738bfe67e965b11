"""Turns and tool calls in a conversation, and descriptions of its changes."""

from __future__ import annotations

import time

import pytest

from aloop.llm.message_types import LLMMessage
from aloop.memory.conversation import (
    Changes,
    align,
    all_sent,
    describe_changes,
    expand_to_tool_calls,
    last_turn,
    marked,
)
from tests.memory.examples import answer, call, result, user

SUMMARY = LLMMessage("user", "So far.", summary=True)
TALK = (user("a"), answer(None, call("1"), call("2")), result("x", "1"), result("y", "2"), answer("b"), user("c"))


def test_last_turn_starts_with_the_last_user_message() -> None:
    assert last_turn(TALK) == 5
    assert last_turn(TALK[:5]) == 0
    assert last_turn((user("a"), SUMMARY, answer("b"))) == 0
    assert last_turn((SUMMARY, answer("b"))) is None
    assert last_turn(()) is None


@pytest.mark.parametrize(
    ("asked", "widened"),
    [((0, 0), (0, 0)), ((1, 1), (1, 3)), ((2, 2), (1, 3)), ((3, 4), (1, 4)), ((0, 1), (0, 3)), ((4, 5), (4, 5))],
)
def test_range_is_expanded_to_complete_tool_calls(asked: tuple[int, int], widened: tuple[int, int]) -> None:
    assert expand_to_tool_calls(TALK, *asked) == widened


def test_range_of_unpaired_calls_and_results_is_not_expanded() -> None:
    assert expand_to_tool_calls((user("a"), answer(None, call())), 1, 1) == (1, 1)
    assert expand_to_tool_calls((result("x"), user("a")), 0, 0) == (0, 0)


def test_marked_copies_only_messages_whose_flag_changes() -> None:
    skipped = marked(TALK, 4, 5, skip=True)
    assert [message.skip for message in skipped] == [False] * 4 + [True] * 2
    assert all(one is other for one, other in zip(skipped[:4], TALK, strict=False))
    assert tuple(all_sent(skipped)) == TALK


def test_all_sent_keeps_skipped_summaries() -> None:
    [summary] = marked([SUMMARY], 0, 0, skip=True)
    assert all_sent([summary]) == [summary]


def messages(*texts: str) -> list[LLMMessage]:
    return [LLMMessage("user", text) for text in texts]


def test_changes_without_messages_are_described() -> None:
    assert str(describe_changes(messages("a", "b"), messages("a", "b"))) == "only text outside the messages"


def test_edited_message_is_counted() -> None:
    assert describe_changes(messages("a", "b", "c"), messages("a", "B", "c")) == Changes(edited=1)


def test_removed_message_is_counted() -> None:
    assert describe_changes(messages("a", "b", "c"), messages("a", "c")) == Changes(removed=1)


def test_added_messages_are_counted_at_any_position() -> None:
    assert describe_changes(messages("a", "c"), messages("a", "b", "c", "d")) == Changes(added=2)


def test_edited_removed_and_added_are_described_in_order() -> None:
    changes = describe_changes(messages("a", "b", "c", "d"), messages("a", "B", "d", "e"))
    assert str(changes) == "1 message changed, 1 message removed, 1 message added (“e”)"


def test_added_messages_are_named_by_the_first_words_of_the_last_text() -> None:
    added = [LLMMessage("user", "Hi"), LLMMessage("assistant", f"In\n{'x' * 60}"), LLMMessage("tool", "8")]
    assert str(describe_changes([], added)) == f"3 messages added (the last “In {'x' * 46}…”)"
    assert str(describe_changes([], [LLMMessage("assistant", " ")])) == "1 message added"


def test_changes_describe_messages_and_other_text() -> None:
    assert str(Changes(edited=2)) == "2 messages changed"
    assert str(Changes()) == "only text outside the messages"


def test_thousand_changed_messages_are_counted_without_alignment() -> None:
    before, after = messages(*map(str, range(1000))), messages(*(f"x{number}" for number in range(900)))
    assert describe_changes(before, after) == Changes(edited=900, removed=100)


def test_alignment_of_many_equal_items_is_fast_and_complete() -> None:
    old, new = [1, *[0] * 10_000, 2], [3, *[0] * 5_000, 4, *[0] * 5_000, 5]
    began = time.process_time()
    result: list[int] = []
    for kind, first, end, start, stop in align(old, new):
        result += old[first:end] if kind == "equal" else new[start:stop]
    assert result == new
    assert time.process_time() - began < 2
