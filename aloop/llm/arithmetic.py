"""Finds the arithmetic in a sentence, without taking dates, telephone numbers or ranges for it."""

from __future__ import annotations

import ast
import re

_LONGEST_TEXT = 300  # arithmetic in a pasted page is part of the page, not a question

_CANDIDATE = re.compile(r"[\d(.+−-][\d\s().+*/%^×÷·−-]*")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_SPACED_X = re.compile(r"(?<=\d) +x +(?=\d)")
_IN_WORDS = str.maketrans({"×": "*", "·": "*", "÷": "/", "−": "-", "^": "**"})

_DATE = re.compile(r"(?<!\d)(?:\d{4}[-/]\d{1,2}[-/]\d{1,2}|\d{1,2}[-/]\d{1,2}[-/]\d{2,4})(?!\d)")
_LONG_NUMBER = re.compile(r"\+?\d+(?:-\d+)+")
_TELEPHONE_DIGITS = 7
_ASKED = re.compile(
    r"(?:what(?:'s|’s| is)|calculate|compute|evaluate|how much is|solve|work out)\s*:?\s*$", re.IGNORECASE
)


def find_expression(text: str) -> str | None:
    """Return the first arithmetic expression in ``text``, with the operators of Python, or None."""
    if len(text) > _LONGEST_TEXT:
        return None
    plain = _SPACED_X.sub(" * ", _THOUSANDS.sub("", text))
    for found in _CANDIDATE.finditer(plain):
        before, after = plain[: found.start()], plain[found.end() :]
        expression = found.group().strip().rstrip(" .*")
        if not _touches_a_word(before, found.group(), after) and _is_meant(expression, before, after):
            return expression.translate(_IN_WORDS)
    return None


def _touches_a_word(before: str, candidate: str, after: str) -> bool:
    """Whether the candidate is a piece of something longer: ``x2+3``, ``10:30-11``, ``3,14 + 1``."""
    starts_inside = bool(before) and (before[-1].isalnum() or before[-1] in "_,:.#")
    ends_inside = bool(after) and not candidate[-1].isspace() and (after[0].isalnum() or after[0] in "_:")
    return starts_inside or ends_inside


def _is_meant(expression: str, before: str, after: str) -> bool:
    compact = expression.translate(_IN_WORDS)
    if not _is_arithmetic(compact) or _DATE.search(compact):
        return False
    if _LONG_NUMBER.fullmatch(compact) and sum(map(str.isdigit, compact)) >= _TELEPHONE_DIGITS:
        return False
    if set(compact) & set("*+%"):
        return True
    # A lone - or / between numbers is more often a range or a fraction than a sum: it must be asked for.
    alone = not before.strip() and not after.strip(" =?.!\n")
    return alone or bool(_ASKED.search(before)) or after.lstrip().startswith("=")


def _is_arithmetic(expression: str) -> bool:
    """Whether it is one valid expression of numbers with an operator between two of them."""
    try:
        tree = ast.parse(expression, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    nodes = list(ast.walk(tree.body))
    numbers_only = all(
        isinstance(node, ast.BinOp | ast.UnaryOp | ast.Constant | ast.operator | ast.unaryop) for node in nodes
    )
    return numbers_only and any(isinstance(node, ast.BinOp) for node in nodes)
