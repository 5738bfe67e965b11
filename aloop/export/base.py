"""An exported document, and what it does not contain."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

SKIPPED = "skipped messages"
MISSING_MEDIA = "images and documents whose file is missing or altered"
MISSING_OUTPUTS = "the complete text of results whose file is missing or altered"


@dataclass(frozen=True, slots=True)
class Document:
    """A text in pieces, which are encoded one by one: base64 can be large.

    ``left_out`` counts what the session has and the document has not.
    """

    pieces: tuple[str, ...]
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def losses(self) -> str:
        """A sentence about what was left out, or an empty text."""
        return left_out_text(self.left_out)


def left_out_text(left_out: Counter[str]) -> str:
    """Return a sentence about what an export does not contain, or an empty text."""
    listed = ", ".join(f"{what} ({count:,})" for what, count in left_out.items() if count)
    return f"Left out: {listed}." if listed else ""
