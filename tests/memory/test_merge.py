"""What somebody did to a conversation, told in a few words."""

from __future__ import annotations

from aloop.llm.message_types import LLMMessage
from aloop.memory.conversation import Changes, compare


def messages(*texts: str) -> list[LLMMessage]:
    return [LLMMessage("user", text) for text in texts]


def test_nothing_changed_is_no_message() -> None:
    assert str(compare(messages("a", "b"), messages("a", "b"))) == "no message, but something around them"


def test_an_edited_message_counts_as_edited() -> None:
    assert compare(messages("a", "b", "c"), messages("a", "B", "c")) == Changes(edited=1)


def test_a_removed_message_counts_as_removed() -> None:
    assert compare(messages("a", "b", "c"), messages("a", "c")) == Changes(removed=1)


def test_added_messages_count_as_added_wherever_they_stand() -> None:
    assert compare(messages("a", "c"), messages("a", "b", "c", "d")) == Changes(added=2)


def test_all_three_are_told_in_order() -> None:
    changes = compare(messages("a", "b", "c", "d"), messages("a", "B", "d", "e"))
    assert str(changes) == "1 edited, 1 removed, 1 added"
    assert changes.to_their_author() == "1 message changed, 1 message removed, 1 message added"


def test_their_author_is_told_of_messages_and_of_what_stands_around_them() -> None:
    assert Changes(edited=2).to_their_author() == "2 messages changed"
    assert Changes().to_their_author() == "no message, but something around them"


def test_a_thousand_changed_messages_are_counted_without_being_aligned() -> None:
    before, after = messages(*map(str, range(1000))), messages(*(f"x{number}" for number in range(900)))
    assert compare(before, after) == Changes(edited=900, removed=100)
