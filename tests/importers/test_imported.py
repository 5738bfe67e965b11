"""Conversations whose messages are not made before they are needed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aloop.importers.draft import Builder, Draft
from aloop.importers.imported import DraftedMessages, Imported
from aloop.importers.storing.store import ImportStore
from aloop.memory.codec.emitter import ITEM_COLUMN, emit_messages
from tests.properties import scaled

TEXTS = st.text(max_size=200) | st.sampled_from(["", "\n" * 300, "\u2028" * 99, '{"a": [1, {"b": "\\n"}]}', "it's '"])


def talk(words: str = "Hello") -> Imported:
    builder = Builder("codex", "0199-a")
    builder.user("Hi")
    answer = builder.answer(model="gpt-5")
    answer.add_text(words)
    answer.add_call("c1", "shell", '{"command": "ls"}')
    builder.result("c1", "a.py")
    return builder.build()


@pytest.fixture
def no_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail each test in which a message is made."""

    def fail(_draft: Draft) -> None:
        raise AssertionError("a message was made")

    monkeypatch.setattr(Draft, "message", fail)


@pytest.mark.usefixtures("no_messages")
def test_dry_run_counts_messages_without_making_them(tmp_path: Path) -> None:
    store, imported = ImportStore(tmp_path, dry=True), talk()
    assert store.put(imported).added == 3
    assert (len(imported.messages), imported.call_count, imported.result_count) == (3, 1, 1)


@pytest.mark.usefixtures("no_messages")
def test_dry_run_compares_copies_without_making_their_messages(tmp_path: Path) -> None:
    store = ImportStore(tmp_path, dry=True)
    assert [store.put(talk(words)).action for words in ("One", "One", "Two")] == ["imported", "unchanged", "continued"]


def test_counts_are_the_same_before_and_after_the_messages_are_made() -> None:
    imported = talk()
    before = (len(imported.messages), imported.call_count, imported.result_count)
    assert [message.role for message in imported.messages] == ["user", "assistant", "tool"]
    assert (len(imported.messages), imported.call_count, imported.result_count) == before


def test_messages_are_made_only_once() -> None:
    messages = talk().messages
    assert isinstance(messages, DraftedMessages)
    assert messages[0] is next(iter(messages))
    assert messages[1:] == tuple(messages)[1:]


@settings(max_examples=scaled(50))
@given(st.lists(st.tuples(st.sampled_from(["text", "call", "thinking", "result"]), TEXTS), max_size=8))
def test_messages_have_at_most_the_size_that_is_known_before(pieces: list[tuple[str, str]]) -> None:
    builder = Builder("codex", "0199-a")
    for number, (kind, words) in enumerate(pieces):
        answer = builder.last_answer or builder.answer(model=words)
        if kind == "text":
            answer.add_text(words)
        elif kind == "call":
            answer.add_call(f"{words}{number}", words, words)
        elif kind == "thinking":
            answer.add_thinking(words, signature=words)
        else:
            builder.result(f"c{number}", words, name=words)
    imported = builder.build()
    bound = imported.size_bound
    assert len(emit_messages(list(imported.messages), ITEM_COLUMN).encode()) <= bound
    assert imported.size_bound <= bound
