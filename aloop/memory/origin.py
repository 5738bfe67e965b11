"""The origin of an imported session: the keys and the message that record it.

``imported`` in the header has the source, ``foreign`` in a message what only the other tool understands. The first
message describes the source to the model. All of these are aloop's own words, which no search should find.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from aloop.llm.json_values import JsonObject
from aloop.llm.message_types import LLMMessage

IMPORTED, FOREIGN = "imported", "foreign"
INJECTED = "injected"
"""The key of ``foreign`` for text that another tool wrote in the name of the user."""

RECORD = "a record: tools whose names differ from yours are not available here, and files may have changed since."
"""The end of each message about an import."""
NOTE = r"(?:This|The conversation) %s tool calls are a record: [^\n]* files may have changed since\."
"""A pattern for such a message, also in the words of earlier versions, with a pattern for its middle."""
_NOTE = re.compile(NOTE % r"[\s\S]*" + r"\s*")


def is_note(message: LLMMessage) -> bool:
    """Return True for a message about an import, which aloop wrote for the model."""
    return message.role == "system" and _NOTE.fullmatch(message.content or "") is not None


def is_injected(message: LLMMessage) -> bool:
    """Return True for text that another tool wrote in the name of the user."""
    foreign = message.extra.get(FOREIGN) if message.extra else None
    return isinstance(foreign, Mapping) and bool(foreign.get(INJECTED))


def origin_of(header: JsonObject) -> str | None:
    """Return the format from which a session was imported, by the keys of its header."""
    return _fact(header, "from")


def kind_of(header: JsonObject) -> str | None:
    """Return ``branch`` or ``subagent`` for a part of a conversation, else None."""
    return _fact(header, "kind")


def _fact(header: JsonObject, key: str) -> str | None:
    imported = header.get(IMPORTED)
    fact = imported.get(key) if isinstance(imported, Mapping) else None
    return str(fact) if isinstance(fact, str) else None
