"""The tool that calculates: ``calculator``.

Arithmetic on text: parsed, never run, and refused at once when it would take long or grow large.

Whole numbers are exact. No whole number on the way has more than MOST_BITS bits, so every step is fast and every
result can be printed.

The functions and constants of the calculator, and how large a number may grow in it.

From the way people write arithmetic to the way Python does: the spelling, not yet the meaning.

``×``, ``·`` and ``÷`` are taken as ``*`` and ``/``, typographic minus signs as ``-``, ``^`` as power (nobody who asks
a calculator means exclusive or), ``1,234,567`` as one number, ``15%`` as 15/100, and ``15% of 80`` as a product.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from aloop.errors import ToolError
from aloop.tools.base import Tool, ToolResult

MOST_BITS = 14_000
"""Of a whole number: 4,215 digits, just below what Python prints by default."""

_LARGEST_FACTORIAL = 1_500  # the last round one within MOST_BITS
_MOST_ARGUMENTS = 500
_MOST_PLACES = 400


@dataclass(frozen=True, slots=True)
class Function:
    """A function of ``fewest`` to ``most`` numbers; ``call`` raises ValueError outside its domain."""

    call: Callable[..., int | float]
    fewest: int = 1
    most: int = 1


def _factorial(number: int | float) -> int:
    if number != int(number) or number < 0:
        raise ToolError("factorial takes a whole number that is not negative.")
    if number > _LARGEST_FACTORIAL:
        raise ToolError(f"factorial is calculated up to {_LARGEST_FACTORIAL:,}.")
    return math.factorial(int(number))


def _sqrt(number: int | float) -> int | float:
    """Stay exact for the squares of whole numbers, of any size."""
    if isinstance(number, int) and number >= 0 and (root := math.isqrt(number)) ** 2 == number:
        return root
    return math.sqrt(number)


def _round(number: int | float, places: int | float = 0) -> int | float:
    # round(5, -10**9) would first calculate 10**10**9.
    if places != int(places) or abs(places) > _MOST_PLACES:
        raise ToolError(f"round takes a whole number of places, {_MOST_PLACES} at most.")
    return round(number, int(places)) if places else round(number)


def _whole(rounding: Callable[[Any], int]) -> Callable[[int | float], int]:
    return lambda number: number if isinstance(number, int) else rounding(number)


FUNCTIONS: Mapping[str, Function] = {
    "abs": Function(abs),
    "ceil": Function(_whole(math.ceil)),
    "cos": Function(math.cos),
    "exp": Function(math.exp),
    "factorial": Function(_factorial),
    "floor": Function(_whole(math.floor)),
    "log": Function(math.log, 1, 2),
    "log10": Function(math.log10),
    "log2": Function(math.log2),
    "max": Function(max, 2, _MOST_ARGUMENTS),
    "min": Function(min, 2, _MOST_ARGUMENTS),
    "round": Function(_round, 1, 2),
    "sin": Function(math.sin),
    "sqrt": Function(_sqrt),
    "tan": Function(math.tan),
}

CONSTANTS: Mapping[str, float] = {"e": math.e, "pi": math.pi, "tau": math.tau}


LONGEST = 1_000
"""Characters of an expression."""
DEEPEST = 50
"""Brackets within brackets."""

_SIGNS = str.maketrans({"×": "*", "·": "*", "⋅": "*", "÷": "/", "−": "-", "–": "-", "π": " pi ", "τ": " tau "})
_GROUPED = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?(?![0-9])")
_TOKEN = re.compile(
    r"(?P<number>0[xX][0-9a-fA-F]+|0[bB][01]+|(?:[0-9][0-9_]*\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z_0-9]*)"
    r"|(?P<sign>\*\*|//|[-+*/%^(),])"
)


def spell(text: str) -> str:
    """Return ``text`` with its tokens in Python's spelling, a space between them; raises ToolError with a sentence."""
    if len(text) > LONGEST:
        raise ToolError(f"The expression has {len(text):,} characters; {LONGEST:,} are the most that are calculated.")
    if not text.strip():
        raise ToolError("There is nothing to calculate: the expression is empty.")
    return _Speller(text.translate(_SIGNS).strip().removesuffix("=")).spell()


class _Speller:
    """Reads the tokens from left to right; brackets are kept on a stack, for a comma means one thing in each kind."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0
        self._out: list[str] = []
        self._open: list[int] = []  # where in _out each open bracket's operand begins
        self._operand = 0  # where the last whole operand begins

    def spell(self) -> str:
        while token := self._next():
            kind, text = token
            if kind == "number":
                self._put_operand(_decimal(text))
            elif kind == "name":
                self._put_name(text.lower())
            elif text == "(":
                self._put_bracket()
            elif text == ")":
                self._operand = self._open.pop() if self._open else 0
                self._out.append(")")
            elif text == "%":
                self._put_percent()
            elif text == "," and not self._is_in_call():
                raise ToolError("A comma stands between the arguments of a function, or in a number such as 1,234.")
            else:
                self._out.append("**" if text == "^" else text)
        return " ".join(self._out)

    def _next(self) -> tuple[str, str] | None:
        """Return kind and text of the next token, and step over it."""
        while self._text[self._position : self._position + 1].isspace():
            self._position += 1
        if self._position == len(self._text):
            return None
        if not self._is_in_call() and (grouped := _GROUPED.match(self._text, self._position)):
            self._position = grouped.end()
            return "number", grouped[0].replace(",", "")
        token = _TOKEN.match(self._text, self._position)
        if token is None:
            character = self._text[self._position]
            raise ToolError(f"{character!r} at character {self._position + 1} is nothing to calculate with.")
        self._position = token.end()
        return str(token.lastgroup), token[0]

    def _is_in_call(self) -> bool:
        return bool(self._open) and self._out[self._open[-1]] != "("

    def _put_operand(self, text: str) -> None:
        self._operand = len(self._out)
        self._out.append(text)

    def _put_name(self, name: str) -> None:
        if name == "of" and self._out and self._out[-1] == ")":
            self._out.append("*")
        else:
            self._put_operand(name)

    def _put_bracket(self) -> None:
        if len(self._open) == DEEPEST:
            raise ToolError(f"The brackets are more than {DEEPEST} deep.")
        is_call = bool(self._out) and self._out[-1].isidentifier()
        self._open.append(len(self._out) - is_call)
        self._out.append("(")

    def _put_percent(self) -> None:
        """Tell ``10 % 3``, the remainder, from ``10%``, a hundredth."""
        rest = self._text[self._position :].lstrip()
        if rest.startswith(("+", "-")):
            raise ToolError("% before a sign can be read in two ways: write (10 / 100) - 3, or 10 % (-3).")
        if rest and (rest[0].isalnum() or rest[0] in "(.") and not re.match(r"of\b", rest, re.IGNORECASE):
            self._out.append("%")
            return
        if not self._out:
            raise ToolError("There is no number before the %.")
        self._out.insert(self._operand, "(")
        self._out += ["/", "100", ")"]


def _decimal(text: str) -> str:
    """Return a number without leading zeros, which Python refuses in whole numbers."""
    return text.lstrip("0") or "0" if text.isdigit() else text


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


class Calculator(Tool):
    """Gives the value of one arithmetic expression. It is bounded, so it needs no thread."""

    name = "calculator"
    description = (
        "Calculate an arithmetic expression. Whole numbers are exact. Operators: + - * / // ** (or ^) and % "
        f"(remainder, or percent as in 15% of 80). Functions: {', '.join(FUNCTIONS)} (angles in radians, log is "
        f"natural unless a base follows, round takes a half to the even side). Constants: {', '.join(CONSTANTS)}."
    )
    parameters: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "properties": {"expression": {"type": "string", "description": "For example: 2 * (3 + 4) ** 2"}},
        "required": ["expression"],
        "additionalProperties": False,
    }
    headline = "expression"
    only_reads = True

    async def run(self, arguments: Mapping[str, Any]) -> ToolResult:
        return ToolResult(show(calculate(arguments["expression"])))
