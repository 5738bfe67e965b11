"""What the offline demo takes for a wish."""

from __future__ import annotations

import pytest

from aloop.llm.offline import Wish, find_wish


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("write notes.txt: hello world", Wish("write_file", ("notes.txt", "hello world\n"))),
        ('Please write the file "my notes.txt":\none\ntwo', Wish("write_file", ("my notes.txt", "one\ntwo\n"))),
        ("write `a: b.txt`: x", Wish("write_file", ("a: b.txt", "x\n"))),
        ("run make test", Wish("run_shell", ("make test",))),
        ("Run `ls -l | wc`.", Wish("run_shell", ("ls -l | wc",))),
        ("read README.md", Wish("read_file", ("README.md",))),
        ("What is 6 * 7?", Wish("calculator", ("6 * 7",))),
    ],
)
def test_a_wish_is_understood(text: str, wish: Wish) -> None:
    assert find_wish(text) == wish


@pytest.mark.parametrize("text", ["write me a poem", "I run a shop", "write:", "hello", "running late"])
def test_other_text_is_none(text: str) -> None:
    assert find_wish(text) is None
