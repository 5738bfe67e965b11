"""The last step before the terminal: text from elsewhere is shown, never obeyed.

Every text that reaches the screen, whoever wrote it (a model, a tool, a file, a session's title, an error), passes
through one of the two functions here, and nothing is added to it afterwards but our own styles.
"""

from __future__ import annotations

from aloop.visible import visible

_TAB = 4


def safe_text(text: str) -> str:
    """Return ``text`` with its control characters visible; line feeds stay, tabs become spaces.

    A carriage return before a line feed is a line end like any other and goes without a trace.
    """
    return visible(text.replace("\r\n", "\n")).expandtabs(_TAB)


def safe_line(text: str) -> str:
    """Return ``text`` as one line: as safe_text, with each run of white space folded into a space."""
    return visible(" ".join(text.split()))
