"""Guesses about servers and models."""

from __future__ import annotations

import pytest

from aloop.llm.anthropic.server_profile import may_think_adaptively


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("claude-sonnet-5-5", True),
        ("claude-opus-4-6-20260205", True),
        ("us.anthropic.claude-opus-5-5-20260801-v1:0", True),
        ("claude-fable-5-2@20261001", True),
        ("anthropic/claude-haiku-5-5", True),
        ("claude-opus-4-1-20250805", False),
        ("claude-sonnet-4-5", False),
        ("anthropic.claude-sonnet-4-20250514-v1:0", False),
        ("claude-haiku-4-5@20251001", False),
        ("anthropic/claude-3.5-sonnet", False),
        ("deepseek-v4", False),
        ("not-claude-at-all", False),
    ],
)
def test_only_newer_claude_models_may_think_adaptively(model: str, expected: bool) -> None:
    assert may_think_adaptively(model) is expected
