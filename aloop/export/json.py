"""Export a session as JSON with the keys of session.yaml.

JSON is also YAML: in a session folder, as ``session.yaml``, the document is the same session again.
"""

from __future__ import annotations

import json
import re
from typing import Any

from aloop.memory.codec.emitter import message_record
from aloop.memory.session import Session

# Characters in texts that YAML forbids or reads as line endings, and those that control a terminal.
_ESCAPED = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff]")

METADATA = "aloop_session"
"""The key of ``metadata`` with the ID of the session, in documents of which the format has no ID."""
_OPTIONAL = ("title", "model", "forked_from", "system_digest", "tools_digest")


def to_json(session: Session) -> str:
    """Return ``session`` as JSON, without the optional keys that have no value."""
    record: dict[str, Any] = {
        "id": session.id,
        "created_at": session.created_at.isoformat(),
        "updated_at": session.updated_at.isoformat(),
    }
    record |= {name: value for name in _OPTIONAL if (value := getattr(session, name))}
    record["version"] = session.version
    record |= session.extra.as_dict()
    record["system_messages"] = [message_record(message) for message in session.system_messages]
    record["messages"] = [message_record(message) for message in session.messages]
    return json_document(record)


def json_document(value: object) -> str:
    """Return a value as JSON in which no character controls a terminal."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    return _ESCAPED.sub(lambda found: f"\\u{ord(found.group()):04x}", text) + "\n"
