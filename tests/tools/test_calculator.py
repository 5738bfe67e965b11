"""The calculator: values, notation, and hostile expressions."""

from __future__ import annotations

import ast
import math
import operator
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aloop.errors import ToolError
from aloop.tools.calculator import MAX_BITS, MAX_CHARACTERS, MAX_DEPTH, Calculator, calculate, format_number, to_python


async def test_calculator_returns_the_value_as_text() -> None:
    result = await Calculator().run({"expression": "17 * 23"})
    assert (result.text, result.is_error) == ("391", False)


async def test_division_by_zero_is_a_tool_error() -> None:
    with pytest.raises(ToolError, match="divides by zero"):
        await Calculator().run({"expression": "1 / 0"})


def test_description_lists_the_functions() -> None:
    assert all(name in Calculator.description for name in ("sqrt", "factorial", "log10", "tau"))


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("17 * 23", 391),
        ("2 * (3 + 4) ** 2", 98),
        ("2 ** 3 ** 2", 512),
        ("-2 ** 2", -4),
        ("-7 // 2", -4),
        ("-7 % 3", 2),
        ("7 / 2", 3.5),
        ("2 ** -1", 0.5),
        ("0 ** 0", 1),
        ("1e3", 1000.0),
        ("0x1F + 0b11", 34),
        ("log(8, 2)", 3.0),
        ("log(e)", 1.0),
        ("round(2.567, 2)", 2.57),
        ("floor(-2.5) + ceil(2.1)", 0),
        ("min(3, 1, 2) + max(1, 2)", 3),
        ("abs(-5)", 5),
        ("factorial(20)", 2432902008176640000),
        ("cos(tau)", 1.0),
    ],
)
def test_calculate_returns_the_value(expression: str, value: float) -> None:
    assert calculate(expression) == value


def test_integers_stay_exact_at_any_size() -> None:
    assert calculate("10**400 / 10**399") == 10
    assert calculate("sqrt(10**400)") == 10**200
    assert calculate("3**200 - 1") == 3**200 - 1


def test_long_sum_is_calculated() -> None:
    assert calculate("+".join("1" * 500)) == 500


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.1 + 0.2, "0.3"),
        (4.0, "4"),
        (-0.0, "0"),
        (1 / 3, "0.333333333333333"),
        (1e300, "1e+300"),
        (10**20, "1" + "0" * 20),
    ],
)
def test_format_number_rounds_to_15_digits(value: float, shown: str) -> None:
    assert format_number(value) == shown


def test_largest_integer_can_be_formatted() -> None:
    assert len(format_number(2**MAX_BITS - 1)) == 4215


HOSTILE = [
    "9**9**9",
    "10**10**10",
    "2**99999999999",
    "(2**7000)*(2**7000)",
    "(9**999)**999",
    "10**400*1.5",
    "factorial(10**6)",
    "factorial(factorial(20))",
    "factorial(2.5)",
    "factorial(-1)",
    "round(5, -10**9)",
    "round(1.5, 0.5)",
    "exp(1000)",
    "1e999",
    "1e308*10",
    "-1e308-1e308",
    "1e999-1e999",
    "sqrt(-1)",
    "(-8)**(1/3)",
    "log(0)",
    "log(2, 1)",
    "log(-1)",
    "tan(1e999)",
    "1/0",
    "1//0",
    "1%0",
    "1.5%0",
    "0**-1",
    "-" * 999 + "1",
    "2**" * 300 + "1",
    "(" * 900,
    "(" * 400 + "1" + ")" * 400,
    "sin(" * 200,
    "__import__('os').system('id')",
    "().__class__.__bases__[0]",
    "open('/etc/passwd')",
    "[1]*10**9",
    "'a'*10**9",
    "lambda: 1",
    "(lambda: 1)()",
    "x := 3",
    "1 if 1 else 2",
    "1 and 2",
    "not 1",
    "1 < 2",
    "1 | 2",
    "1 << 99",
    "~1",
    "True",
    "None",
    "1j",
    "eval(1)",
    "exec",
    "sin",
    "sin()",
    "sin(1, 2)",
    "sin(x=1)",
    "max(*[1])",
    "max()",
    "abs(pi)(2)",
    "2(3)",
    "2pi",
    "1 2",
    "(1",
    "1)",
    "()",
    "1 +",
    "1..2",
    "1._1",
    "await 1",
    "yield",
    "f'{1}'",
    "1\n2",
    "1;2",
    "1#2",
    "\\",
    "1\0",
    "１+1",
    "=",
    ",",
    "of",
]


@pytest.mark.parametrize("expression", HOSTILE)
def test_hostile_expression_is_refused_at_once(expression: str) -> None:
    began = time.process_time()
    with pytest.raises(ToolError, match=r"[.)4]$"):
        calculate(expression)
    # A hundred times what it needs, for a busy machine. A hang would take hours.
    assert time.process_time() - began < 1


@pytest.mark.parametrize("expression", ["1**10**400", "(-1)**(10**400+1)", "0**10**400"])
def test_powers_of_one_and_zero_allow_any_exponent(expression: str) -> None:
    assert calculate(expression) in (-1, 0, 1)


def test_function_without_brackets_is_reported() -> None:
    with pytest.raises(ToolError, match=r"sqrt is a function\. Write sqrt\(…\)"):
        calculate("sqrt")


def test_unknown_function_error_lists_the_known_ones() -> None:
    with pytest.raises(ToolError, match="abs, ceil, cos"):
        calculate("cbrt(8)")


ALPHABET = st.sampled_from(
    [*"0123456789.,+-*/%^() eE×÷−π_=", "**", "//", "sqrt(", "factorial(", "max(", "round(", "1e300", "of"]
)


@given(st.lists(ALPHABET, max_size=60).map("".join))
def test_any_text_has_a_finite_value_or_is_refused(text: str) -> None:
    try:
        value = calculate(text)
    except ToolError:
        return
    assert math.isfinite(value) if isinstance(value, float) else value.bit_length() <= MAX_BITS
    assert len(format_number(value)) < 4_300


OPERATORS: dict[str, Callable[[int, int], int]] = {"+": operator.add, "-": operator.sub, "*": operator.mul}
TREES = st.recursive(
    st.integers(0, 10**9).map(str),
    lambda inner: st.tuples(inner, st.sampled_from(sorted(OPERATORS)), inner).map(lambda parts: f"({''.join(parts)})"),
    max_leaves=12,
)


@given(TREES)
def test_integer_arithmetic_agrees_with_python(expression: str) -> None:
    def value(node: ast.expr) -> int:
        if isinstance(node, ast.BinOp):
            sign = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*"}[type(node.op)]
            return OPERATORS[sign](value(node.left), value(node.right))
        return int(ast.literal_eval(node))

    assert calculate(expression) == value(ast.parse(expression, mode="eval").body)


@given(st.integers(-(10**30), 10**30), st.integers(-(10**30), 10**30))
def test_exact_quotient_is_an_integer(left: int, right: int) -> None:
    product = calculate(f"({left}) * ({right})")
    if right:
        assert calculate(f"({product}) / ({right})") == left


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
def test_typographic_signs_become_python_operators(written: str, spelled: str) -> None:
    assert to_python(written) == spelled


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
def test_comma_separates_thousands_except_between_arguments(written: str, spelled: str) -> None:
    assert to_python(written) == spelled


@pytest.mark.parametrize("text", ["1,23", "1,2345", "1, 234", "(1,2)"])
def test_ambiguous_comma_is_refused(text: str) -> None:
    with pytest.raises(ToolError, match="comma"):
        to_python(text)


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
def test_percent_is_a_remainder_before_an_operand_else_a_percentage(written: str, spelled: str) -> None:
    assert to_python(written) == spelled


def test_percent_before_a_sign_is_refused_as_ambiguous() -> None:
    with pytest.raises(ToolError, match="ambiguous"):
        to_python("10% - 3")


def test_percent_without_a_number_is_refused() -> None:
    with pytest.raises(ToolError, match="no number before it"):
        to_python("%")


def test_unknown_character_is_reported_with_its_position() -> None:
    with pytest.raises(ToolError, match=r"'\$' at character 3"):
        to_python("1+$2")


def test_expression_over_the_length_limit_is_refused() -> None:
    assert to_python("1" * MAX_CHARACTERS) == "1" * MAX_CHARACTERS
    with pytest.raises(ToolError, match="1,001 characters"):
        to_python("1" * (MAX_CHARACTERS + 1))


def test_brackets_over_the_depth_limit_are_refused() -> None:
    assert to_python("(" * MAX_DEPTH + "1" + ")" * MAX_DEPTH)
    with pytest.raises(ToolError, match="deep"):
        to_python("(" * (MAX_DEPTH + 1))


@pytest.mark.parametrize("text", ["", "  \n"])
def test_empty_expression_is_refused(text: str) -> None:
    with pytest.raises(ToolError, match="empty"):
        to_python(text)
