"""From the way people write arithmetic to the way Python does: the spelling, not yet the meaning.

``×``, ``·`` and ``÷`` are taken as ``*`` and ``/``, typographic minus signs as ``-``, ``^`` as power (nobody who asks
a calculator means exclusive or), ``1,234,567`` as one number, ``15%`` as 15/100, and ``15% of 80`` as a product.
"""

from __future__ import annotations

import re

from aloop.errors import ToolError

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
