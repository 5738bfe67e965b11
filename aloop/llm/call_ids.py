"""IDs of tool calls, in the form that every server of the Messages API accepts."""

from __future__ import annotations

import re
import uuid

_FORBIDDEN = re.compile(r"[^A-Za-z0-9_-]")
_MOST_CHARACTERS = 64


def sendable(name: str) -> str:
    """Return an ID or a tool name with every character replaced that the API refuses.

    Two different IDs may become equal; the sender of a conversation makes them unique again.
    """
    return _FORBIDDEN.sub("_", name)[:_MOST_CHARACTERS] or "unnamed"


def new_call_id() -> str:
    """Return an ID for a call that came without one."""
    return f"call_{uuid.uuid4().hex[:12]}"
