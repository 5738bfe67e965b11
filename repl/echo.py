"""A line that was entered, as it stays in the scrollback."""

from __future__ import annotations

from repl.lead import CONTINUATION, PROMPT
from repl.sanitize import safe_text
from repl.spans import Line, Tone, line


def echo_lines(entered: str) -> list[Line]:
    """Return ``entered`` as it stood at the prompt."""
    rows = safe_text(entered).rstrip().split("\n")
    return [line((Tone.STRONG, CONTINUATION if number else PROMPT), row) for number, row in enumerate(rows)]
