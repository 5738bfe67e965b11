"""Export a session as JSON with the keys of session.yaml, and the files beside it.

JSON is also YAML: in a session folder, as ``session.yaml``, the document is the same session again. An import of the
document also restores the files.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from aloop.export.attached import ATTACHED, attached_files
from aloop.export.base import Document
from aloop.memory.codec.message_record import message_record
from aloop.memory.session import Session

# Characters in texts that YAML forbids or reads as line endings, and those that control a terminal.
_ESCAPED = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff]")

METADATA = "aloop_session"
"""The key of ``metadata`` with the ID of the session, in documents of which the format has no ID."""
_OPTIONAL = ("title", "model", "forked_from", "system_digest", "tools_digest")


def to_json(session: Session) -> Document:
    """Return ``session`` as JSON, without the optional keys that have no value."""
    left_out: Counter[str] = Counter()
    return Document(tuple(_pieces(session, left_out)), left_out)


def _pieces(session: Session, left_out: Counter[str]) -> Iterator[str]:
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
    record.pop(ATTACHED, None)
    yield json_document(record).removesuffix("\n}\n")
    separator = f',\n  "{ATTACHED}": {{\n    '
    for path, file in attached_files(session, left_out):
        yield f"{separator}{_escaped(json.dumps({path: file}, ensure_ascii=False)[1:-1])}"
        separator = ",\n    "
    yield "\n}\n" if ATTACHED in separator else "\n  }\n}\n"


def json_document(value: object) -> str:
    """Return a value as JSON in which no character controls a terminal."""
    return _escaped(json.dumps(value, ensure_ascii=False, indent=2)) + "\n"


def _escaped(text: str) -> str:
    return _ESCAPED.sub(lambda found: f"\\u{ord(found.group()):04x}", text)
