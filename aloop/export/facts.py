"""Phrases for what is known about a message, and readable arguments.

The texts may still contain control characters.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime

from aloop.formatting import duration_text, format_dollars
from aloop.llm.content.provenance import FileChange, Permission
from aloop.llm.message_types import LLMMessage, ToolCall
from aloop.memory.codec.emitter import emit_json

_ANSWERS = {"once": "allowed once", "session": "allowed for the session", "allowed": "allowed", "refused": "refused"}
_SHORT_MS = 100
_AUTHORS = {"user": "the user", "rule": "a rule"}


def message_facts(message: LLMMessage) -> Iterator[str]:
    """Yield a phrase for each thing that is known about a message."""
    if message.at is not None:
        yield time_text(message.at)
    if message.duration_ms is not None:
        yield time_taken(message)
    if message.permission is not None:
        yield _permission_text(message.permission)
    yield from map(_change_text, message.files)
    usage = message.usage
    if usage is not None and (usage.sent_tokens or usage.output_tokens):
        yield f"{usage.sent_tokens:,} tokens in, {usage.output_tokens:,} out"
    if message.cost is not None:
        yield format_dollars(message.cost)


def time_taken(message: LLMMessage) -> str:
    """Return how long a message took."""
    milliseconds = message.duration_ms or 0
    return f"{milliseconds} ms" if milliseconds < _SHORT_MS else duration_text(milliseconds)


def readable_arguments(call: ToolCall) -> tuple[str, str]:
    """Return the arguments of a call, and the language they are in.

    They are YAML, or JSON if YAML cannot hold them.
    """
    mapping = emit_json(call.arguments, -2, is_exact=False)
    return (mapping[1:], "yaml") if mapping.startswith("\n") else (call.arguments, "json")


def time_text(moment: datetime) -> str:
    """Return a time of day with its date, in local time."""
    with contextlib.suppress(OverflowError, ValueError):  # the years 1 and 9999 keep their own zone
        moment = moment.astimezone()
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def _permission_text(permission: Permission) -> str:
    answer = _ANSWERS.get(permission.answer, permission.answer)
    author = f" by {_AUTHORS.get(permission.by, permission.by)}" if permission.by else ""
    return f"{answer}{author}{f' ({permission.reason})' if permission.reason else ''}"


def _change_text(change: FileChange) -> str:
    verb = "removed" if not change.after else "changed" if change.before else "created"
    return f"{verb} {change.path}"
