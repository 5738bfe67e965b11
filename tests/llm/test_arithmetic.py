"""What is arithmetic in a sentence, and what only looks like it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aloop.llm.offline import find_expression


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("what is 2+2*3?", "2+2*3"),
        ("17 * 23", "17 * 23"),
        ("7-3", "7-3"),
        ("what is 7-3?", "7-3"),
        ("7 - 3 = ?", "7 - 3"),
        ("How much is 10/4", "10/4"),
        ("what's 3 × 4?", "3 * 4"),
        ("3 x 4", "3 * 4"),
        ("2^10", "2**10"),
        ("9**9**9", "9**9**9"),
        ("(1 + 2) * -3", "(1 + 2) * -3"),
        ("what is (3 - 1) / 2", "(3 - 1) / 2"),
        ("1,234,567 + 1", "1234567 + 1"),
        ("the sum 0.1+0.2.", "0.1+0.2"),
        ("it is **2+3**", "2+3"),
    ],
)
def test_arithmetic_is_found(text: str, expression: str) -> None:
    assert find_expression(text) == expression


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "2025-01-31",
        "what is 2025-10-31?",
        "what is 2025-10-31 + 7?",
        "on 31/01/2025 we met",
        "call 555-1234",
        "what is +1-555-123-4567",
        "49 30 1234-5678",
        "pages 10-20",
        "1/2 cup",
        "item 3 - 4 apples",
        "a well-known a-b test",
        "10:30-11:45",
        "x2+3",
        "3+4x",
        "3,14 + 1",
        "192.168.0.1/24",
        "1920x1080",
        "issue #12-3",
        "v1.2.3-4",
        "C++ 17",
        "5% of 20",
        "**12**",
        "1 2 + 3",
        "f(2+3)",
        "((((",
        "3 +",
        "- one\n- two",
        "1. one\n2. two",
    ],
)
def test_what_only_looks_like_arithmetic_is_left_alone(text: str) -> None:
    assert find_expression(text) is None


def test_arithmetic_in_a_pasted_page_is_no_question() -> None:
    assert find_expression("2+2 " + "and so on " * 50) is None


@given(st.text(alphabet="0123456789 ()+-*/%^.,x=?ab", max_size=320) | st.text())
def test_any_text_is_answered_without_an_error(text: str) -> None:
    find_expression(text)
