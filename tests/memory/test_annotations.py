"""Notes, tags and pins of messages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from aloop.errors import UsageError
from aloop.llm.json_values import JsonObject
from aloop.llm.message_types import LLMMessage
from aloop.memory.annotations import (
    annotation_text,
    find_annotated,
    has_tag,
    is_pinned,
    note_of,
    read_tag,
    tags_of,
    with_note,
    with_pin,
    with_tags,
)
from aloop.memory.codec.serialization import load_session
from aloop.memory.context import estimate, live, project
from tests.memory.examples import ID, NOWHERE, answer, user

HAND = f"""\
id: {ID}
tags: work, two
messages:
  - role: user
    content: "Hi"
    note: 3
    tags:
      - bug
      - 7
  - role: assistant
    content: "Hello"
    pinned: yes
    tags: [a, a]
""".encode()


def test_annotations_written_by_hand_are_read() -> None:
    session = load_session(HAND, NOWHERE)
    first, second = session.messages
    assert tags_of(session.extra) == ("work", "two")
    assert (note_of(first), tags_of(first.extra)) == ("3", ("bug", "7"))
    assert is_pinned(second.extra)
    assert annotation_text(second) == "pinned #a"
    assert [each.number for each in find_annotated(session.messages, "a")] == [2]


@pytest.mark.parametrize(
    "change",
    [
        lambda message: with_note(message, "why"),
        lambda message: with_pin(message, pinned=True),
        lambda message: replace(message, extra=with_tags(message.extra, ["a"], [])),
    ],
    ids=["note", "pin", "tags"],
)
def test_annotation_keeps_the_digits_of_unknown_numbers(change: Callable[[LLMMessage], LLMMessage]) -> None:
    hand = HAND.replace(b"    note: 3\n", b"    note: 3\n    price: 5.50\n    size: {most: 1e400, least: 012}\n")
    message = load_session(hand, NOWHERE).messages[0]
    annotated = dict(change(message).extra.frozen())
    assert annotated["price"] == "5.50"
    assert dict(annotated["size"].frozen()) == {"most": "1e400", "least": "012"}


def test_annotations_are_added_and_removed_without_a_trace() -> None:
    plain = LLMMessage("user", "Hi", extra=JsonObject({"x-mood": "calm"}))
    full = with_pin(with_note(replace(plain, extra=with_tags(plain.extra, ["b", "a"], [])), "why"), pinned=True)
    assert annotation_text(full) == "pinned #b #a why"
    assert full.extra["x-mood"] == "calm"
    bare = with_pin(with_note(replace(full, extra=with_tags(full.extra, [], ["a", "b"])), ""), pinned=False)
    assert bare == plain


@pytest.mark.parametrize("word", ["7", "a b", "a:b", "#", "x" * 51, "[a]"])
def test_invalid_tag_is_refused(word: str) -> None:
    with pytest.raises(UsageError, match="is not a tag"):
        read_tag(word)


def test_annotations_are_not_sent() -> None:
    noted = with_note(with_pin(user("Hi"), pinned=True), "secret")
    assert estimate([noted]) == estimate([user("Hi")])
    (sent,) = project((), [noted]).messages
    assert sent.content == "Hi"


def test_pinned_message_before_a_summary_is_sent_with_it() -> None:
    pinned = with_note(with_pin(answer("Use tabs."), pinned=True), "agreed")
    skipped = replace(with_pin(user("not this"), pinned=True), skip=True)
    summary = LLMMessage("user", "So far.", summary=True)
    sent = live([user("Hi"), pinned, skipped, summary, answer("Yes.")])
    assert sent[0].content == (
        "So far.\n\nMessages pinned by the user, from the conversation before the summary:"
        "\n\n[assistant] Use tabs.\n(note: agreed)"
    )
    assert sent[1:] == [answer("Yes.")]


def test_pinned_message_after_a_summary_is_sent_once() -> None:
    pinned = with_pin(user("Use tabs."), pinned=True)
    sent = live([user("Hi"), LLMMessage("user", "So far.", summary=True), pinned])
    assert [message.content for message in sent] == ["So far.", "Use tabs."]


def test_tags_are_the_same_in_any_case() -> None:
    extra = with_tags(JsonObject({"tags": ["Bug", "bug", "Straße"]}), ["BUG", "New", "new", "STRASSE"], [])
    assert tags_of(extra) == ("Bug", "bug", "Straße", "New")  # those of the user stay as they were written
    assert has_tag(extra, "BUG")
    assert not has_tag(extra, "bu")
    assert tags_of(with_tags(extra, [], ["bUG", "new"])) == ("Straße",)
