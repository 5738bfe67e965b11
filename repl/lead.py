"""What stands before the input: on its first line, and on the lines below."""

from __future__ import annotations

PROMPT = "> "
CONTINUATION = "  "
