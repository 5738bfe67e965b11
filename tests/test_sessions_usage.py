"""Tokens and time in words."""

from __future__ import annotations

import pytest

from aloop.formatting import duration_text, model_rows, usage_text
from aloop.llm.message_types import Usage


@pytest.mark.parametrize(
    ("usage", "text"),
    [
        (Usage(), ""),
        (Usage(1_000, 20), "1,000 in, 20 out"),
        (Usage(500, 20, 250, 250), "1,000 in (25% from the cache), 20 out"),
        (Usage(1_000, 20, duration_ms=1_500), "1,000 in, 20 out, 1.5 s"),
    ],
)
def test_what_was_sent_cached_and_answered_is_told(usage: Usage, text: str) -> None:
    assert usage_text(usage) == text


@pytest.mark.parametrize(
    ("milliseconds", "text"), [(40, "0.0 s"), (59_940, "59.9 s"), (65_000, "1 min 5 s"), (3_725_000, "1 h 2 min")]
)
def test_time_is_as_exact_as_a_person_cares(milliseconds: int, text: str) -> None:
    assert duration_text(milliseconds) == text


def test_models_are_told_apart_only_where_there_are_several() -> None:
    one = {"claude-a": Usage(1, 2)}
    assert list(model_rows(one)) == []
    assert list(model_rows(one | {"claude-b": Usage()})) == ["claude-a: 1 in, 2 out", "claude-b: no tokens counted"]
