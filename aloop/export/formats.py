"""The names of the export formats, for parsers that do not need the exporters."""

from __future__ import annotations

from typing import Literal, get_args

from aloop.errors import UsageError

ExportFormat = Literal["md", "html", "json"]
EXPORT_FORMATS: tuple[ExportFormat, ...] = get_args(ExportFormat)

DOCUMENTS = (*EXPORT_FORMATS, "openai", "anthropic", "sharegpt")
"""The formats that are a document, on standard output or in a file."""
TOOLS = ("claude-code", "codex", "opencode", "pi")
"""The tools in whose store a session can be put."""


def read_format(text: str) -> ExportFormat:
    """Return the format with the name ``text`` in any case; raises UsageError."""
    for known in EXPORT_FORMATS:
        if text.lower() == known:
            return known
    choice = f"{', '.join(EXPORT_FORMATS[:-1])} or {EXPORT_FORMATS[-1]}"
    raise UsageError(f"Unknown format {text!r}. Choose {choice}." if text else f"No format given. Choose {choice}.")
