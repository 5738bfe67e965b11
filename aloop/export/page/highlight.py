"""Colors for the code in an exported page."""

from __future__ import annotations

from html import escape
from typing import Any

from pygments.lexers import get_lexer_by_name  # type: ignore[import-untyped] # pygments ships no types
from pygments.token import (  # type: ignore[import-untyped] # as above
    Comment,
    Generic,
    Keyword,
    Name,
    Number,
    Operator,
    String,
)
from pygments.util import ClassNotFound  # type: ignore[import-untyped] # as above

_CLASSES = (
    (Comment, "c"),
    (Keyword, "k"),
    (Operator.Word, "k"),
    (Name.Tag, "k"),
    (Number, "n"),
    (String, "s"),
    (Name.Function, "f"),
    (Name.Class, "f"),
    (Name.Builtin, "f"),
    (Name.Decorator, "f"),
    (Name.Attribute, "f"),
    (Generic.Inserted, "a"),
    (Generic.Deleted, "d"),
    (Generic.Subheading, "h"),
    (Generic.Heading, "h"),
)
_MOST = 200_000
"""Characters of a text that is colored."""


def highlight(text: str, language: str) -> str:
    """Return ``text`` as HTML, with a class for each kind of token it has."""
    if not language or len(text) > _MOST:
        return escape(text)
    try:
        # The lexer of diffs knows whole lines only.
        lexer = get_lexer_by_name(language, stripnl=False, ensurenl=language == "diff")
    except ClassNotFound:
        return escape(text)
    pieces = [_span(kind, piece) for kind, piece in lexer.get_tokens(text)]
    return "".join(pieces)


def _span(kind: Any, piece: str) -> str:
    name = next((name for known, name in _CLASSES if kind in known), "")
    return f'<span class="{name}">{escape(piece)}</span>' if name else escape(piece)


def looks_like_diff(text: str) -> bool:
    """Return True for a text that contains a unified diff."""
    return "\n@@ -" in text and ("\n+++ " in text or text.startswith("+++ "))
