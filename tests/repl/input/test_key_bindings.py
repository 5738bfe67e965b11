from __future__ import annotations

import pytest
from prompt_toolkit.document import Document

from repl.input.key_bindings import wants_new_line


@pytest.mark.parametrize("text", ["one\\", "\\", "one\\\\\\", "one\ntwo\\"])
def test_a_backslash_at_the_end_says_that_a_line_is_to_come(text: str) -> None:
    assert wants_new_line(Document(text))


@pytest.mark.parametrize("text", ["", "one", "one\\\\", "one\\ ", "one\\\ntwo"])
def test_anything_else_does_not(text: str) -> None:
    assert not wants_new_line(Document(text))


def test_in_mid_line_it_says_nothing() -> None:
    assert not wants_new_line(Document("one\\ two", 4))
    assert wants_new_line(Document("one\\\ntwo", 4))
