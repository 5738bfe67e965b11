"""Edits of single messages in a text that a person has shaped."""

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


def test_a_dropped_message_leaves_all_others_as_they_are() -> None:
    text = after(edits().drop(1, 1))
    assert contents(text) == ["Hello", "Bye"]
    assert text == TEXT.replace("    -   role: assistant\n        content: |\n            Hi.\n", "")


def test_a_range_is_replaced_by_new_messages_in_the_style_of_the_list() -> None:
    text = after(edits().replace(0, 1, [LLMMessage("user", "New")]))
    assert contents(text) == ["New", "Bye"]
    assert '    - role: user\n      content: "New"\n' in text


def test_a_message_is_put_behind_another() -> None:
    text = after(edits().insert_after(1, [LLMMessage("user", "And\nthen")]))
    assert contents(text) == ["Hello", "Hi.\n", "And\nthen", "Bye"]


def test_a_comment_that_stands_deep_does_not_become_part_of_a_new_text() -> None:
    text = TEXT.replace("            Hi.\n\n", '            Hi.\n        mood: "so"\n\n             # deep\n')
    edit = MessageEdits(parse(text.encode(), NOWHERE)).insert_after(1, [LLMMessage("user", "And\nthen")])
    assert contents(b"".join(splice(text.encode(), [edit])).decode()) == ["Hello", "Hi.\n", "And\nthen", "Bye"]


def test_a_flag_is_set_on_a_line_of_its_own() -> None:
    text = after(edits().set_flag(0, "skip"))
    assert load_session(text.encode(), NOWHERE).messages[0].skip
    assert text == TEXT.replace("mood: good\n", "mood: good\n        skip: true\n")


def test_a_flag_that_is_there_is_set_where_it_stands() -> None:
    assert after(edits().set_flag(2, "skip")) == TEXT


def test_a_flag_is_cleared_with_its_line() -> None:
    assert after(edits().clear_flag(2, "skip")) == TEXT.replace("        skip: true\n", "")


def test_a_flag_that_is_not_there_needs_no_edit() -> None:
    assert edits().clear_flag(0, "skip") is None


def test_a_header_field_is_put_in_place_of_the_old_one() -> None:
    assert after(edits().header("title", "A new\nname")) == TEXT.replace(
        "title: Old   # what it was called\n", 'title: "A new name"\n'
    )


def test_a_new_header_field_stands_behind_those_that_are_there() -> None:
    assert after(edits().header("model", "large")) == TEXT.replace("called\n", 'called\nmodel: "large"\n')


def test_a_list_in_brackets_is_not_edited_in_place() -> None:
    flow = b"id: a1b2c3d4-5678-40ab-8def-1234567890ab\nmessages: [{role: user, content: a}]\n"
    with pytest.raises(ValueError, match="not a block list"):
        MessageEdits(parse(flow, NOWHERE))
