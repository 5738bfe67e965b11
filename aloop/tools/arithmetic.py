"""Arithmetic on text: parsed, never run, and refused at once when it would take long or grow large.

Whole numbers are exact. No whole number on the way has more than MOST_BITS bits, so every step is fast and every
result can be printed.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping

from aloop.errors import ToolError
from aloop.tools.functions import CONSTANTS, FUNCTIONS, MOST_BITS
from aloop.tools.notation import spell

Number = int | float

_DEEPEST = 100  # operators within operators, where they do not just follow one another


def calculate(text: str) -> Number:
    """Return the value of an expression; raises ToolError, with a sentence, for whatever has none."""
    try:
        return _value(ast.parse(spell(text), mode="eval").body, 0)
    except SyntaxError as error:
        raise ToolError(f"That is no whole expression: {error.msg}. An example of one: 2 * (3 + 4)") from error
    except ZeroDivisionError as error:
        raise ToolError("That divides by zero.") from error
    except OverflowError as error:
        raise ToolError("A number on the way is too large for the calculator.") from error
    except (RecursionError, MemoryError) as error:
        raise ToolError("The expression is nested too deeply.") from error
    except ValueError as error:
        raise ToolError(f"That has no real value ({error}).") from error


def show(value: Number) -> str:
    """Return a value as a person writes it: fractions with 15 digits, the most of which all are right."""
    try:
        return str(value) if isinstance(value, int) else f"{value + 0.0:.15g}"
    except ValueError as error:
        # Only where PYTHONINTMAXSTRDIGITS is set lower than Python's own default.
        raise ToolError("The result has more digits than Python is set to print.") from error


def _value(node: ast.expr, depth: int) -> Number:
    if depth > _DEEPEST:
        raise ToolError("The expression is nested too deeply.")
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return _sound(number)
        case ast.Name(id=name):
            return _constant(name)
        case ast.BinOp():
            return _chain(node, depth)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _value(operand, depth + 1)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, depth + 1)
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
            return _call(name, [_value(argument, depth + 1) for argument in arguments])
        case ast.Call():
            raise ToolError("Between a number and a bracket there must be an operator: write 2 * (3 + 4).")
        case _:
            raise ToolError("Only numbers, + - * / // % **, brackets and the functions of the calculator are known.")


def _chain(node: ast.BinOp, depth: int) -> Number:
    """Evaluate ``1 + 2 + 3 + …`` in a loop: as a tree it is as deep as it is long."""
    spine = [node]
    while isinstance(spine[-1].left, ast.BinOp):
        spine.append(spine[-1].left)
    value = _value(spine[-1].left, depth + 1)
    for step in reversed(spine):
        operate = _OPERATORS.get(type(step.op))
        if operate is None:
            raise ToolError("Only the operators + - * / // % and ** are known.")
        value = _sound(operate(value, _value(step.right, depth + 1)))
    return value


def _constant(name: str) -> Number:
    if name in CONSTANTS:
        return CONSTANTS[name]
    if name in FUNCTIONS:
        raise ToolError(f"{name} is a function: write {name}(…).")
    raise ToolError(f"{name!r} is not known here: the calculator has no variables.")


def _call(name: str, arguments: list[Number]) -> Number:
    function = FUNCTIONS.get(name)
    if function is None:
        raise ToolError(f"There is no function {name!r}. There are: {', '.join(sorted(FUNCTIONS))}.")
    if not function.fewest <= len(arguments) <= function.most:
        raise ToolError(f"{name} does not take {len(arguments)} arguments.")
    return _sound(function.call(*arguments))


def _sound(value: Number | complex) -> Number:
    """Return ``value`` when it is a number that may be gone on with."""
    if isinstance(value, complex):
        raise ToolError("The result is no real number.")
    if isinstance(value, int):
        if value.bit_length() > MOST_BITS:
            raise OverflowError
    elif not math.isfinite(value):
        raise OverflowError
    return value


def _divide(left: Number, right: Number) -> Number:
    """Divide whole numbers exactly where that comes out even, however large they are."""
    if isinstance(left, int) and isinstance(right, int) and right and not left % right:
        return left // right
    return left / right


def _power(base: Number, exponent: Number) -> Number | complex:
    if isinstance(base, int) and isinstance(exponent, int) and exponent > 0:
        if abs(base) <= 1:
            exponent = 2 - exponent % 2  # of these only the parity counts, and it may be as large as it likes
        elif (base.bit_length() - 1) * exponent > MOST_BITS:
            raise OverflowError  # the size of the result is known before a multiplication is made
    result: Number | complex = base**exponent
    return result


_OPERATORS: Mapping[type[ast.operator], Callable[[Number, Number], Number | complex]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: _divide,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: _power,
}
