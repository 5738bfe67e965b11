from __future__ import annotations

import pytest
from prompt_toolkit.document import Document

from repl.input.key_bindings import goes_on


@pytest.mark.parametrize("text", ["one\\", "\\", "one\\\\\\", "one\ntwo\\"])
def test_a_backslash_at_the_end_says_that_a_line_is_to_come(text: str) -> None:
    assert goes_on(Document(text))


@pytest.mark.parametrize("text", ["", "one", "one\\\\", "one\\ ", "one\\\ntwo"])
def test_anything_else_does_not(text: str) -> None:
    assert not goes_on(Document(text))


def test_in_mid_line_it_says_nothing() -> None:
    assert not goes_on(Document("one\\ two", 4))
    assert goes_on(Document("one\\\ntwo", 4))
