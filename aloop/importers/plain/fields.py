"""Fields of messages and documents that have no place in a session."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from typing import Any

from aloop.importers.draft import OUTPUT_FILE, Builder
from aloop.importers.values import json_text
from aloop.memory.origin import INJECTED

_LONGEST = 2_000
"""Characters of a field as JSON that is kept beside its message."""
_MARKS = frozenset({INJECTED, OUTPUT_FILE})
"""Names that would be taken for marks of aloop, by which messages are compared and shown."""
_NAME = re.compile(r"[\w.-]{1,40}")


def keep_fields(builder: Builder, start: int, message: Mapping[str, Any], known: Set[str]) -> None:
    """Keep the other fields of a message beside its last draft, or count them.

    ``start`` is the number of drafts before those of the message.
    """
    if message.keys() <= known:
        return
    draft = builder.drafts[-1] if len(builder.drafts) > start else None
    is_kept = draft is not None and (draft.role == "tool" or bool(draft.content or draft.tool_calls or draft.thoughts))
    for key, value in message.items():
        if key in known or value in (None, "", [], {}):
            continue
        if draft is not None and is_kept and key not in _MARKS and len(key) + len(json_text(value)) <= _LONGEST:
            draft.foreign.setdefault(key, value)
        else:
            builder.lose(f"field {_shown(key)} of messages")


def lose_fields(builder: Builder, document: Mapping[str, Any], known: Set[str]) -> None:
    """Count the other fields of the object around the messages."""
    for key, value in document.items():
        if key not in known and value not in (None, "", [], {}):
            builder.lose("descriptions of tools" if key == "tools" else f"field {_shown(key)} beside the messages")


def _shown(key: str) -> str:
    return key if _NAME.fullmatch(key) else "with an unusual name"
