"""Phrases for what is known about a message, and readable arguments.

The texts may still contain control characters.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from datetime import datetime

from aloop.formatting import duration_text, format_dollars
from aloop.llm.content.provenance import FileChange, Permission
from aloop.llm.message_types import LLMMessage, ToolCall
from aloop.memory.codec.emitter import emit_json
from aloop.memory.origin import is_injected, origin_of
from aloop.memory.session import Session

_ANSWERS = {"once": "allowed once", "session": "allowed for the session", "allowed": "allowed", "refused": "refused"}
_SHORT_MS = 100
_SUMMARY_LENGTH = 200
_AUTHORS = {"user": "the user", "rule": "a rule"}


def origin_facts(session: Session) -> Iterator[tuple[str, str]]:
    """Yield the tool that a session was imported from and its model, with their names."""
    imported = session.extra.get("imported")
    model = imported.get("model") if isinstance(imported, Mapping) else None
    last = next((message.model for message in reversed(session.messages) if message.model), None)
    found = {"imported from": origin_of(session.extra), "model": session.model or last or model}
    yield from ((name, str(value)) for name, value in found.items() if value)


def is_folded(message: LLMMessage) -> bool:
    """Return True for a message that readers unfold: it was not sent, or inserted."""
    return message.skip or is_injected(message)


def first_line(text: str) -> str:
    """Return the first line of a text, shortened."""
    line, _, more = text.strip().partition("\n")
    return f"{line[:_SUMMARY_LENGTH]} …" if more or len(line) > _SUMMARY_LENGTH else line


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
