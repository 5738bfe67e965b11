"""Edits of single messages in a handwritten text."""

from __future__ import annotations

import pytest

from aloop.llm.message_types import LLMMessage
from aloop.memory.codec.edits import MessageEdits
from aloop.memory.codec.serialization import load_session, parse
from aloop.memory.codec.splice import Edit, splice
from tests.memory.examples import NOWHERE

TEXT = """\
# mine
id: a1b2c3d4-5678-40ab-8def-1234567890ab
title: Old   # what it was called
messages:
    # the first
    -   role: user
        content: "Hello"  # a comment
        mood: good
    -   role: assistant
        content: |
            Hi.

    -   role: user
        skip: true
        content: Bye
notes: kept
"""


def edits() -> MessageEdits:
    return MessageEdits(parse(TEXT.encode(), NOWHERE))


def after(edit: Edit | None) -> str:
    assert edit
    return b"".join(splice(TEXT.encode(), [edit])).decode()


def contents(text: str) -> list[str | None]:
    return [message.content for message in load_session(text.encode(), NOWHERE).messages]


def test_drop_leaves_other_messages_unchanged() -> None:
    text = after(edits().drop(1, 1))
    assert contents(text) == ["Hello", "Bye"]
    assert text == TEXT.replace("    -   role: assistant\n        content: |\n            Hi.\n", "")


def test_replace_indents_new_messages_like_the_list() -> None:
    text = after(edits().replace(0, 1, [LLMMessage("user", "New")]))
    assert contents(text) == ["New", "Bye"]
    assert '    - role: user\n      content: "New"\n' in text


def test_insert_after_puts_the_message_after_another() -> None:
    text = after(edits().insert_after(1, [LLMMessage("user", "And\nthen")]))
    assert contents(text) == ["Hello", "Hi.\n", "And\nthen", "Bye"]


def test_deep_comment_does_not_become_part_of_a_new_text() -> None:
    text = TEXT.replace("            Hi.\n\n", '            Hi.\n        mood: "so"\n\n             # deep\n')
    edit = MessageEdits(parse(text.encode(), NOWHERE)).insert_after(1, [LLMMessage("user", "And\nthen")])
    assert contents(b"".join(splice(text.encode(), [edit])).decode()) == ["Hello", "Hi.\n", "And\nthen", "Bye"]


def test_set_flag_adds_a_line() -> None:
    text = after(edits().set_flag(0, "skip"))
    assert load_session(text.encode(), NOWHERE).messages[0].skip
    assert text == TEXT.replace("mood: good\n", "mood: good\n        skip: true\n")


def test_set_flag_that_is_already_set_changes_nothing() -> None:
    assert after(edits().set_flag(2, "skip")) == TEXT


def test_clear_flag_removes_its_line() -> None:
    assert after(edits().clear_flag(2, "skip")) == TEXT.replace("        skip: true\n", "")


def test_clear_flag_that_is_not_set_returns_none() -> None:
    assert edits().clear_flag(0, "skip") is None


def test_header_field_is_replaced() -> None:
    assert after(edits().header("title", "A new\nname")) == TEXT.replace(
        "title: Old   # what it was called\n", 'title: "A new name"\n'
    )


def test_new_header_field_is_added_after_existing_ones() -> None:
    assert after(edits().header("model", "large")) == TEXT.replace("called\n", 'called\nmodel: "large"\n')


def test_messages_in_brackets_are_rejected() -> None:
    flow = b"id: a1b2c3d4-5678-40ab-8def-1234567890ab\nmessages: [{role: user, content: a}]\n"
    with pytest.raises(ValueError, match="not a block list"):
        MessageEdits(parse(flow, NOWHERE))
