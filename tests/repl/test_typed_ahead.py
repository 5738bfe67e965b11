"""Keys that came before the prompt, put together from what two have read."""

from __future__ import annotations

import os
import tty

import pytest
from prompt_toolkit.input.typeahead import get_typeahead
from prompt_toolkit.input.vt100 import Vt100Input

from repl.input import prompt as typed_ahead
from tests.e2e.shell import unread


@pytest.mark.parametrize(
    ("before", "rest", "keys"),
    [
        ("one", "two", ["o", "n", "e", "t", "w", "o"]),
        ("a\x1b[", "Db", ["a", "left", "b"]),
        ("\x1b", "[200~x\r\x1b[201~\r", ["<bracketed-paste>", "c-m"]),
        ("\x1b[200~x", "y\x1b[201~", ["<bracketed-paste>"]),
        ("a\x1b", "", ["a", "escape"]),
    ],
)
def test_a_key_that_was_cut_in_two_is_one_key(
    before: str, rest: str, keys: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if rest:
        monkeypatch.setattr(typed_ahead, "_REST_SECONDS", 60)
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    with os.fdopen(ours, "wb", 0) as keyboard, os.fdopen(theirs, encoding="utf-8") as terminal:
        keyboard.write(rest.encode())
        while unread(theirs) < len(rest):
            pass  # a terminal hands it on when it comes to it
        source = Vt100Input(terminal)
        typed_ahead.take_what_was_typed(source, before)
        assert [press.key for press in get_typeahead(source)] == keys
