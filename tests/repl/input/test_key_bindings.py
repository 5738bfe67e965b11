"""Tests of the conditions of key bindings."""

from __future__ import annotations

import pytest
from prompt_toolkit.document import Document

from repl.input.key_bindings import wants_new_line


@pytest.mark.parametrize("text", ["one\\", "\\", "one\\\\\\", "one\ntwo\\"])
def test_unescaped_backslash_at_the_end_continues_the_line(text: str) -> None:
    assert wants_new_line(Document(text))


@pytest.mark.parametrize("text", ["", "one", "one\\\\", "one\\ ", "one\\\ntwo"])
def test_other_endings_do_not_continue_the_line(text: str) -> None:
    assert not wants_new_line(Document(text))


def test_backslash_in_the_middle_does_not_continue_the_line() -> None:
    assert not wants_new_line(Document("one\\ two", 4))
    assert wants_new_line(Document("one\\\ntwo", 4))
