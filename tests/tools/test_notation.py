"""How people write arithmetic, and what Python is given for it."""

from __future__ import annotations

import pytest

from aloop.errors import ToolError
from aloop.tools.calculator import DEEPEST, LONGEST, spell


@pytest.mark.parametrize(
    ("written", "spelled"),
    [
        ("1+2", "1 + 2"),
        ("3 × 4 ÷ 2 − 1", "3 * 4 / 2 - 1"),
        ("2^10", "2 ** 10"),
        ("2**10", "2 ** 10"),
        ("7//2", "7 // 2"),
        ("π/2", "pi / 2"),
        ("SQRT(2)", "sqrt ( 2 )"),
        ("007", "7"),
        ("2+2=", "2 + 2"),
    ],
)
def test_signs_of_the_printed_page_become_those_of_python(written: str, spelled: str) -> None:
    assert spell(written) == spelled


@pytest.mark.parametrize(
    ("written", "spelled"),
    [
        ("1,234,567 + 1", "1234567 + 1"),
        ("1,234.5", "1234.5"),
        ("(1,234)", "( 1234 )"),
        ("max(1,234)", "max ( 1 , 234 )"),
        ("max((1,234), 5)", "max ( ( 1234 ) , 5 )"),
    ],
)
def test_a_comma_parts_thousands_except_between_the_arguments_of_a_function(written: str, spelled: str) -> None:
    assert spell(written) == spelled


@pytest.mark.parametrize("text", ["1,23", "1,2345", "1, 234", "(1,2)"])
def test_any_other_comma_is_refused_rather_than_guessed_at(text: str) -> None:
    with pytest.raises(ToolError, match="comma"):
        spell(text)


@pytest.mark.parametrize(
    ("written", "spelled"),
    [
        ("15% of 80", "( 15 / 100 ) * 80"),
        ("200 * 15%", "200 * ( 15 / 100 )"),
        ("(1+2)%", "( ( 1 + 2 ) / 100 )"),
        ("sqrt(16)%", "( sqrt ( 16 ) / 100 )"),
        ("10 % 3", "10 % 3"),
        ("10%(3)", "10 % ( 3 )"),
    ],
)
def test_a_percent_sign_is_a_remainder_before_an_operand_and_a_hundredth_elsewhere(written: str, spelled: str) -> None:
    assert spell(written) == spelled


def test_a_percent_sign_before_a_sign_is_refused_because_it_reads_in_two_ways() -> None:
    with pytest.raises(ToolError, match="two ways"):
        spell("10% - 3")


def test_a_percent_sign_needs_a_number_before_it() -> None:
    with pytest.raises(ToolError, match="no number before"):
        spell("%")


def test_a_character_that_means_nothing_is_named_with_its_place() -> None:
    with pytest.raises(ToolError, match=r"'\$' at character 3"):
        spell("1+$2")


def test_text_beyond_the_longest_is_refused_and_the_longest_is_not() -> None:
    assert spell("1" * LONGEST) == "1" * LONGEST
    with pytest.raises(ToolError, match="1,001 characters"):
        spell("1" * (LONGEST + 1))


def test_brackets_beyond_the_deepest_are_refused() -> None:
    assert spell("(" * DEEPEST + "1" + ")" * DEEPEST)
    with pytest.raises(ToolError, match="deep"):
        spell("(" * (DEEPEST + 1))


@pytest.mark.parametrize("text", ["", "  \n"])
def test_an_empty_expression_is_said_to_be_empty(text: str) -> None:
    with pytest.raises(ToolError, match="empty"):
        spell(text)
