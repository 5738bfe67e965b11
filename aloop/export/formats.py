"""The names of the export formats, for parsers that do not need the exporters."""

from __future__ import annotations

from aloop.errors import UsageError
from aloop.text import meant_value

DOCUMENTS = ("md", "html", "json", "openai", "anthropic", "sharegpt")
"""The formats that are a document, on standard output or in a file."""
TOOLS = ("claude-code", "codex", "opencode", "pi")
"""The tools in whose store a session can be put."""
FORMATS = DOCUMENTS + TOOLS


def read_format(text: str) -> str:
    """Return the format with the name ``text`` in any case; raises UsageError."""
    if text.lower() in FORMATS:
        return text.lower()
    choice = f"Choose {', '.join(FORMATS[:-1])} or {FORMATS[-1]}."
    if not text:
        raise UsageError(f"No format given. {choice}")
    guess = meant_value(text, FORMATS)
    raise UsageError(f"Unknown format {text!r}. {f'Did you mean {guess}?' if guess else choice}")
