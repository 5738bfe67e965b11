"""An exported document, and what it does not contain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from aloop.llm.content.parts import ContentPart
from aloop.llm.message_types import LLMMessage
from aloop.memory.context import UNANSWERED

SKIPPED = "skipped messages"
MISSING_MEDIA = "images and documents whose file is missing or altered"
MISSING_OUTPUTS = "the complete text of results whose file is missing or altered"


@dataclass(frozen=True, slots=True)
class Document:
    """A text in pieces, which are encoded one by one: base64 can be large.

    ``left_out`` counts what the session has and the document has not. ``is_empty`` is True if that is every message.
    """

    pieces: tuple[str, ...]
    left_out: Counter[str] = field(default_factory=Counter)
    is_empty: bool = False

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def losses(self) -> str:
        """A sentence about what was left out, or an empty text."""
        empty = "No message of this session can be sent, so the export has no conversation." if self.is_empty else ""
        return " ".join(filter(None, (left_out_text(self.left_out), empty)))


def left_out_text(left_out: Counter[str]) -> str:
    """Return a sentence about what an export does not contain, or an empty text."""
    listed = ", ".join(f"{what} ({count:,})" for what, count in left_out.items() if count)
    return f"Left out: {listed}." if listed else ""


def never(_message: LLMMessage, _part: ContentPart) -> bool:
    """Return False: a format of text shows no image."""
    return False


def count_named(
    messages: Iterable[LLMMessage], is_shown: Callable[[LLMMessage, ContentPart], bool], *, is_loaded: bool = True
) -> Counter[str]:
    """Count the images and documents of which an export has only the name.

    ``is_loaded`` is True if the parts have their bytes, so that one without them is known to lack its file.
    """
    return Counter(
        MISSING_MEDIA if is_loaded and part.is_own and part.data is None else _kind(part)
        for message in messages
        for part in message.parts
        if not is_shown(message, part)
    )


def _kind(part: ContentPart) -> str:
    if part.kind in ("document", "file"):
        return "documents"
    return "images" if "image" in part.kind else "other parts of messages"


def count_failures(messages: Iterable[LLMMessage]) -> Counter[str]:
    """Count the results whose mark of a failure a format does not have.

    One that was made up for a call without a result means the same without the mark.
    """
    count = sum(message.is_error and message.content != UNANSWERED for message in messages)
    return Counter({"marks of failed results": count} if count else {})
