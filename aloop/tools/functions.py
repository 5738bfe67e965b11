"""The functions and constants of the calculator, and how large a number may grow in it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aloop.errors import ToolError

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
