"""The stub rejects the conversations that the API would reject."""

from __future__ import annotations

from typing import Any

import pytest

from tests.stub.transcript import complaint

Turn = dict[str, Any]


def user(*blocks: Turn) -> Turn:
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: Turn) -> Turn:
    return {"role": "assistant", "content": list(blocks)}


def text(words: str = "hi") -> Turn:
    return {"type": "text", "text": words}


def call(identity: str = "toolu_1") -> Turn:
    return {"type": "tool_use", "id": identity, "name": "add", "input": {}}


def result(identity: str = "toolu_1") -> Turn:
    return {"type": "tool_result", "tool_use_id": identity, "content": "4"}


def thought(signature: str = "sig") -> Turn:
    return {"type": "thinking", "thinking": "hm", "signature": signature}


GIVEN = {("m", "hm", "sig")}


@pytest.mark.parametrize(
    "turns",
    [
        [{"role": "user", "content": "hi"}],
        [user(text()), assistant(text()), user(text())],
        [user(text()), assistant(thought(), text(), call()), user(result(), text())],
        [user(text()), assistant(call("a"), call("b")), user(result("b"), result("a")), assistant(text("so far"))],
    ],
)
def test_valid_conversation_has_no_complaint(turns: list[Turn]) -> None:
    assert complaint(turns, "m", GIVEN) is None


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        ([], "at least one"),
        ([assistant(text())], "alternate"),
        ([user(text()), user(text())], "alternate"),
        ([user()], "empty"),
        ([user(text(" \n"))], "whitespace"),
        ([user(text()), assistant(text("so far "))], "trailing"),
        ([user(text()), assistant(call())], "without tool_result"),
        ([user(text()), assistant(call()), user(text())], "were called"),
        ([user(text()), assistant(text()), user(result())], "were called"),
        ([user(text()), assistant(call()), user(text(), result())], "come first"),
        ([user(text()), assistant(call(), call()), user(result(), result())], "unique"),
        ([user(text()), assistant(call("a b")), user(result("a b"))], "characters"),
        ([user(text()), assistant(call() | {"input": "{"}), user(result())], "object"),
        ([user(text()), assistant(call()), user(result() | {"content": "", "is_error": True})], "must have content"),
        ([user(text()), assistant(text(), thought()), user(text())], "final block"),
        ([user(text()), assistant(thought("forged"), text()), user(text())], "signature"),
        ([user(thought())], "cannot be sent"),
    ],
)
def test_invalid_conversation_has_a_complaint(turns: list[Turn], expected: str) -> None:
    assert expected in (complaint(turns, "m", GIVEN) or "")


def test_thinking_of_another_model_has_a_complaint() -> None:
    turns = [user(text()), assistant(thought(), text()), user(text())]
    assert "signature" in (complaint(turns, "another", GIVEN) or "")
