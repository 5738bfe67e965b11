"""The ``calculator`` tool.

An expression is translated to Python's notation, parsed and evaluated node by node; it is never executed as code.
``×``, ``·`` and ``÷`` become ``*`` and ``/``, typographic minus signs ``-``, and ``^`` a power. ``1,234,567`` is one
number, ``15%`` is 15/100, and ``15% of 80`` a product.

Integers are exact. No intermediate integer may have more than MAX_BITS bits, so every step is fast and every result can
be printed.
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

MAX_BITS = 14_000
"""Of an integer: 4,215 digits, just below the limit that Python prints by default."""

_MAX_FACTORIAL = 1_500  # the largest round argument whose result is within MAX_BITS
_MAX_ARGUMENTS = 500
_MAX_PLACES = 400


@dataclass(frozen=True, slots=True)
class Function:
    """A function of numbers; ``call`` raises ValueError outside its domain."""

    call: Callable[..., int | float]
    min_arguments: int = 1
    max_arguments: int = 1


def _factorial(number: int | float) -> int:
    if number != int(number) or number < 0:
        raise ToolError("factorial needs an integer that is not negative.")
    if number > _MAX_FACTORIAL:
        raise ToolError(f"The largest argument of factorial is {_MAX_FACTORIAL:,}.")
    return math.factorial(int(number))


def _sqrt(number: int | float) -> int | float:
    """Return the square root, exact for squares of integers of any size."""
    if isinstance(number, int) and number >= 0 and (root := math.isqrt(number)) ** 2 == number:
        return root
    return math.sqrt(number)


def _round(number: int | float, places: int | float = 0) -> int | float:
    # round(5, -10**9) would first calculate 10**10**9.
    if places != int(places) or abs(places) > _MAX_PLACES:
        raise ToolError(f"The number of places in round must be an integer, at most {_MAX_PLACES}.")
    return round(number, int(places)) if places else round(number)


def _rounding(function: Callable[[Any], int]) -> Callable[[int | float], int]:
    return lambda number: number if isinstance(number, int) else function(number)


FUNCTIONS: Mapping[str, Function] = {
    "abs": Function(abs),
    "ceil": Function(_rounding(math.ceil)),
    "cos": Function(math.cos),
    "exp": Function(math.exp),
    "factorial": Function(_factorial),
    "floor": Function(_rounding(math.floor)),
    "log": Function(math.log, 1, 2),
    "log10": Function(math.log10),
    "log2": Function(math.log2),
    "max": Function(max, 2, _MAX_ARGUMENTS),
    "min": Function(min, 2, _MAX_ARGUMENTS),
    "round": Function(_round, 1, 2),
    "sin": Function(math.sin),
    "sqrt": Function(_sqrt),
    "tan": Function(math.tan),
}

CONSTANTS: Mapping[str, float] = {"e": math.e, "pi": math.pi, "tau": math.tau}


MAX_CHARACTERS = 1_000
"""Of an expression."""
MAX_DEPTH = 50
"""Of nested brackets."""

_SIGNS = str.maketrans({"×": "*", "·": "*", "⋅": "*", "÷": "/", "−": "-", "–": "-", "π": " pi ", "τ": " tau "})
_GROUPED = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?(?![0-9])")
_TOKEN = re.compile(
    r"(?P<number>0[xX][0-9a-fA-F]+|0[bB][01]+|(?:[0-9][0-9_]*\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z_0-9]*)"
    r"|(?P<sign>\*\*|//|[-+*/%^(),])"
)


def to_python(text: str) -> str:
    """Return ``text`` in Python's notation, tokens separated by a space."""
    if len(text) > MAX_CHARACTERS:
        raise ToolError(f"The expression has {len(text):,} characters; the limit is {MAX_CHARACTERS:,}.")
    if not text.strip():
        raise ToolError("The expression is empty.")
    return _Translator(text.translate(_SIGNS).strip().removesuffix("=")).translate()


class _Translator:
    """Translates the tokens from left to right.

    A comma separates arguments in the brackets of a call and thousands elsewhere, so open brackets are kept on a stack.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0
        self._out: list[str] = []
        self._open: list[int] = []  # for each open bracket, the index in _out of its operand
        self._operand = 0  # the index in _out of the last complete operand

    def translate(self) -> str:
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
                raise ToolError("A comma may only separate the arguments of a function, or thousands as in 1,234.")
            else:
                self._out.append("**" if text == "^" else text)
        return " ".join(self._out)

    def _next(self) -> tuple[str, str] | None:
        """Return the kind and the text of the next token and move past it."""
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
            raise ToolError(f"{character!r} at character {self._position + 1} is not part of an expression.")
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
        if len(self._open) == MAX_DEPTH:
            raise ToolError(f"Brackets are nested more than {MAX_DEPTH} levels deep.")
        is_call = bool(self._out) and self._out[-1].isidentifier()
        self._open.append(len(self._out) - is_call)
        self._out.append("(")

    def _put_percent(self) -> None:
        """Distinguish ``10 % 3``, a remainder, from ``10%``, a percentage."""
        rest = self._text[self._position :].lstrip()
        if rest.startswith(("+", "-")):
            raise ToolError("% before a sign is ambiguous.", "Write (10 / 100) - 3, or 10 % (-3).")
        if rest and (rest[0].isalnum() or rest[0] in "(.") and not re.match(r"of\b", rest, re.IGNORECASE):
            self._out.append("%")
            return
        if not self._out:
            raise ToolError("The % has no number before it.")
        self._out.insert(self._operand, "(")
        self._out += ["/", "100", ")"]


def _decimal(text: str) -> str:
    """Return a number without leading zeros, which Python does not allow in integers."""
    return text.lstrip("0") or "0" if text.isdigit() else text


Number = int | float

_MAX_NESTING = 100  # of operators, except in a chain such as 1 + 2 + 3


def calculate(text: str) -> Number:
    """Return the value of an expression; raises ToolError if it has none."""
    try:
        return _value(ast.parse(to_python(text), mode="eval").body, 0)
    except SyntaxError as error:
        raise ToolError(f"The expression is not valid: {error.msg}.", "A valid one is 2 * (3 + 4)") from error
    except ZeroDivisionError as error:
        raise ToolError("The expression divides by zero.") from error
    except OverflowError as error:
        raise ToolError("A number in the calculation is too large for the calculator.") from error
    except (RecursionError, MemoryError) as error:
        raise ToolError("The expression is nested too deeply.") from error
    except ValueError as error:
        raise ToolError(f"The expression has no real value ({error}).") from error


def format_number(value: Number) -> str:
    """Return a value as text, a float with the 15 digits that are always correct."""
    try:
        return str(value) if isinstance(value, int) else f"{value + 0.0:.15g}"
    except ValueError as error:
        # Only if PYTHONINTMAXSTRDIGITS is lower than Python's default.
        raise ToolError("The result has more digits than PYTHONINTMAXSTRDIGITS allows.") from error


def _value(node: ast.expr, depth: int) -> Number:
    if depth > _MAX_NESTING:
        raise ToolError("The expression is nested too deeply.")
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return _require_in_range(number)
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
            raise ToolError("An operator is missing between a number and a bracket.", "Write 2 * (3 + 4).")
        case _:
            raise ToolError(
                "An expression may contain only numbers, + - * / // % **, brackets, functions and constants."
            )


def _chain(node: ast.BinOp, depth: int) -> Number:
    """Evaluate ``1 + 2 + 3 + …`` in a loop, because its tree is as deep as it is long."""
    chain = [node]
    while isinstance(chain[-1].left, ast.BinOp):
        chain.append(chain[-1].left)
    value = _value(chain[-1].left, depth + 1)
    for step in reversed(chain):
        operate = _OPERATORS.get(type(step.op))
        if operate is None:
            raise ToolError("The only operators are + - * / // % and **.")
        value = _require_in_range(operate(value, _value(step.right, depth + 1)))
    return value


def _constant(name: str) -> Number:
    if name in CONSTANTS:
        return CONSTANTS[name]
    if name in FUNCTIONS:
        raise ToolError(f"{name} is a function.", f"Write {name}(…).")
    raise ToolError(f"Unknown name {name!r}: the calculator has no variables.")


def _call(name: str, arguments: list[Number]) -> Number:
    function = FUNCTIONS.get(name)
    if function is None:
        raise ToolError(f"Unknown function {name!r}.", f"The functions are {', '.join(sorted(FUNCTIONS))}.")
    if not function.min_arguments <= len(arguments) <= function.max_arguments:
        raise ToolError(f"{name} does not take {len(arguments)} arguments.")
    return _require_in_range(function.call(*arguments))


def _require_in_range(value: Number | complex) -> Number:
    """Return ``value``; raises ToolError if complex, OverflowError if too large."""
    if isinstance(value, complex):
        raise ToolError("The result is not a real number.")
    if isinstance(value, int):
        if value.bit_length() > MAX_BITS:
            raise OverflowError
    elif not math.isfinite(value):
        raise OverflowError
    return value


def _divide(left: Number, right: Number) -> Number:
    """Divide; the quotient of integers of any size is exact if it is an integer."""
    if isinstance(left, int) and isinstance(right, int) and right and not left % right:
        return left // right
    return left / right


def _power(base: Number, exponent: Number) -> Number | complex:
    if isinstance(base, int) and isinstance(exponent, int) and exponent > 0:
        if abs(base) <= 1:
            exponent = 2 - exponent % 2  # for -1, 0 and 1 only the parity counts, so any exponent is allowed
        elif (base.bit_length() - 1) * exponent > MAX_BITS:
            raise OverflowError  # known from the size alone, before any multiplication
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
    """Calculates one arithmetic expression; fast enough to need no thread."""

    name = "calculator"
    description = (
        "Calculate an arithmetic expression. Integers are exact. Operators: + - * / // ** (or ^) and % (remainder, or "
        f"percent as in 15% of 80). Functions: {', '.join(FUNCTIONS)} (angles are in radians; log(x) is natural, "
        "log(x, base) takes a base; round(0.5) is 0, the nearest even integer). "
        f"Constants: {', '.join(CONSTANTS)}."
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
        return ToolResult(format_number(calculate(arguments["expression"])))
