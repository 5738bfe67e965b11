"""Upper bounds of the size of a message in session.yaml.

Computing them takes less time than writing the message.
"""

from __future__ import annotations

from collections.abc import Callable

from aloop.llm.json_values import EMPTY, JsonObject
from aloop.llm.message_types import LLMMessage

_PER_RECORD = 1_000
"""Bytes of the names of the fields and the numbers of a message, a call or the like."""
_PER_LINE = 64
"""Bytes at the start of a line, at most: the indentation, a dash, quotes, and the escapes of the last line's end."""
_PER_CHARACTER, _PER_JSON_CHARACTER = 16, _PER_LINE // 2
"""Bytes, at most: of a line end between quotes, and of a list in JSON, which has each item on its own line."""
_JSON_LINES = (",", "[", "{", "\\n")
"""The parts of JSON that may start a new line when it is written as a mapping."""


def quick_bound(message: LLMMessage) -> int:
    """Return a size in bytes from the lengths of the texts only."""
    return _bound(message, _quick, _quick_json)


def bound_of_lengths(characters: int, records: int) -> int:
    """Return the size in bytes that as many characters have at most.

    ``records`` is the number of messages, calls and the like, and of other lists in these.
    """
    return _PER_RECORD * records + _PER_JSON_CHARACTER * characters


def close_bound(message: LLMMessage) -> int:
    """Return a size in bytes that usually is at most six times the true one."""
    return _bound(message, _of_text, _of_json)


def _quick(text: str) -> int:
    return _PER_CHARACTER * len(text)


def _quick_json(text: str) -> int:
    return _PER_JSON_CHARACTER * len(text) if text.startswith("{") else _quick(text)


def _of_text(text: str) -> int:
    size = len(text) if text.isascii() else len(text.encode())
    # Escaped, a character with 1 byte has at most 4 (\x07), one with 2 or 3 bytes 6 (\u2028), and one with 4 bytes 10.
    return 2 * (len(text) + size) + _PER_LINE * text.count("\n")


def _of_json(text: str) -> int:
    size = _of_text(text)
    return size + _PER_LINE * sum(map(text.count, _JSON_LINES)) if text.startswith("{") else size


def _bound(message: LLMMessage, plain: Callable[[str], int], structured: Callable[[str], int]) -> int:
    """Return the sum of the bounds of all texts of a message.

    ``plain`` returns that of a text, and ``structured`` that of one that may be JSON.
    """
    size = _PER_RECORD
    if message.content:
        size += structured(message.content) if message.role == "tool" else plain(message.content)
    words = (message.tool_call_id, message.name, message.model, message.stop_reason)
    for word in (*words, message.output_file, message.layout, message.provider):
        if word:
            size += plain(word)
    size += _of_extra(message.extra)
    for call in message.tool_calls:
        size += _PER_RECORD + plain(call.id) + plain(call.name) + structured(call.arguments) + _of_extra(call.extra)
    for block in message.thinking:
        size += _PER_RECORD + plain(block.thinking) + plain(block.signature) + plain(block.redacted)
        size += plain(block.prefix) + _of_extra(block.extra)
    for text in message.blocks:
        size += _PER_RECORD + plain(text)
    for part in message.parts:
        # A part divides the text before and after it.
        size += 2 * _PER_RECORD + plain(part.kind) + plain(part.file) + plain(part.media_type) + plain(part.name)
        size += _of_extra(part.extra)
    for change in message.files:
        size += _PER_RECORD + plain(change.path) + plain(change.before) + plain(change.after)
    if permission := message.permission:
        size += plain(permission.answer) + plain(permission.by) + plain(permission.reason)
    return size


def _of_extra(extra: JsonObject) -> int:
    return 0 if extra is EMPTY else _of_json(extra.json)
