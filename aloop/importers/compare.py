"""Compare stored messages with those of a later import."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from aloop.importers.json_decoder import decode
from aloop.llm.content.parts import marked_text
from aloop.llm.message_types import LLMMessage
from aloop.memory.context import UNANSWERED
from aloop.memory.session_folder.outputs import MAX_RESULT_BYTES

# Not past another bracket: each failed match would read to the end of the line.
_MARKS = re.compile(r"\[(?:image|file|document): files/[^\[\]\n]*\]")


def count_same(kept: Sequence[LLMMessage], fresh: Sequence[LLMMessage]) -> int:
    """Return how many messages are the same at the start of both."""
    pairs = enumerate(zip(kept, fresh, strict=False))
    return next((number for number, (old, new) in pairs if not _is_same(old, new)), min(len(kept), len(fresh)))


def is_placeholder(message: LLMMessage) -> bool:
    """Return True for a result that was made up for a call without one."""
    return message.role == "tool" and message.content == UNANSWERED


def _is_same(kept: LLMMessage, fresh: LLMMessage) -> bool:
    if is_placeholder(kept) and (kept.role, kept.tool_call_id) == (fresh.role, fresh.tool_call_id):
        return True  # the result has come since
    if (kept.role, kept.tool_call_id, kept.is_error) != (fresh.role, fresh.tool_call_id, fresh.is_error):
        return False
    if kept.role == "system":
        return True  # the wording about the origin may change with the version
    if kept.output_file:
        return (fresh.content or "").startswith((kept.content or "")[: MAX_RESULT_BYTES // 10])
    # Nearly all are equal as they are.
    has_same_text = (kept.content, kept.parts) == (fresh.content, fresh.parts) or _words(kept) == _words(fresh)
    return has_same_text and (kept.tool_calls == fresh.tool_calls or _calls(kept) == _calls(fresh))


def _words(message: LLMMessage) -> str:
    # An image was a mark in the text before it was a part.
    return _MARKS.sub("", marked_text(message.content, message.parts)).replace("\n", "")


def _calls(message: LLMMessage) -> list[tuple[str, str, Any]]:
    return [(call.id, call.name, _plain(call.arguments)) for call in message.tool_calls]


def _plain(arguments: str) -> Any:
    try:
        return decode(arguments)
    except (ValueError, RecursionError):
        return arguments
