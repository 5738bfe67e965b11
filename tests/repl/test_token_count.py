from __future__ import annotations

from aloop.llm.message_types import Usage
from repl.turn.turn_view import TokenCount


def test_what_is_heard_is_estimated_until_it_is_counted() -> None:
    tokens = TokenCount()
    assert tokens.text == ""
    tokens.hear("x" * 40)
    assert tokens.text == "~10 tokens"
    tokens.count(Usage(output_tokens=12))
    assert tokens.text == "12 tokens"
    tokens.hear("x" * 8_000)
    assert tokens.text == "~2.0k tokens"
    tokens.begin()
    assert tokens.text == ""


def test_without_a_count_the_estimate_stays() -> None:
    tokens = TokenCount()
    tokens.hear("x" * 40)
    tokens.count(None)
    tokens.count(Usage())
    assert tokens.text == "~10 tokens"
