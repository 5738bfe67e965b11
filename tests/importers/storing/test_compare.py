"""Messages that are the same as stored ones."""

from __future__ import annotations

import pytest

from aloop.importers.storing.compare import count_same
from aloop.llm.content.parts import ContentPart
from aloop.llm.message_types import LLMMessage
from tests.memory.test_parts import PIXEL


@pytest.mark.parametrize("typed", ["[file: b.txt]", "[image: two]", "[document: b, 2 bytes]"])
def test_messages_that_differ_in_words_in_brackets_are_different(typed: str) -> None:
    assert count_same([LLMMessage("user", "See [file: a.txt]")], [LLMMessage("user", f"See {typed}")]) == 0


@pytest.mark.parametrize("name", ["", "a, b.png"])
def test_image_is_the_same_as_its_mark_in_the_text(name: str) -> None:
    part = ContentPart("image", PIXEL.file, PIXEL.media_type, 1_234, name=name)
    message = LLMMessage("user", "See", parts=(part,))
    assert count_same([LLMMessage("user", f"See\n{part.mark}")], [message]) == 1
    assert count_same([LLMMessage("user", "See")], [message]) == 1
