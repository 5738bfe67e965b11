"""Export a session as JSON with the keys of session.yaml, and the files beside it.

JSON is also YAML: in a session folder, as ``session.yaml``, the document is the same session again. An import of the
document also restores the files.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from aloop.export.attached import ATTACHED, attached_files
from aloop.export.base import Document
from aloop.memory.codec.message_record import message_record
from aloop.memory.session import Session

# Characters in texts that YAML forbids or reads as line endings, and those that control a terminal.
_ESCAPED = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff]")

METADATA = "aloop_session"
"""The key of ``metadata`` with the ID of the session, in documents of which the format has no ID."""
_CONTENT = ("role", "content", "tool_calls", "tool_call_id", "name", "output_file", "blocks", "thinking")
"""The keys of a message that a session keeps while it is only continued."""
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


def contains_export(document: str, earlier: bytes) -> bool:
    """Return True if a JSON export has all that an ``earlier`` one of its session has.

    The messages must still be there in their order, and the attached files, too. The title, the system message, notes
    and skip marks are not compared: they can change in a session that is only continued.
    """
    try:
        old = json.loads(earlier)
    except (ValueError, RecursionError):
        return False
    new = json.loads(document)
    if not isinstance(old, dict) or not isinstance(old.get("updated_at"), str) or old.get("id") != new["id"]:
        return False
    attached = old.get(ATTACHED, {})
    if not isinstance(attached, dict) or not attached.items() <= new.get(ATTACHED, {}).items():
        return False
    try:
        is_later = datetime.fromisoformat(old["updated_at"]) > datetime.fromisoformat(new["updated_at"])
    except (ValueError, TypeError):  # a time without a zone is not one of aloop
        return False
    return not is_later and _has_all(new["messages"], old.get("messages"))


def _has_all(messages: list[dict[str, Any]], earlier: object) -> bool:
    """Return True if the ``earlier`` messages are all there, in their order.

    Others may be between them: a compaction inserts its summary before the last turns.
    """
    if not isinstance(earlier, list) or not all(isinstance(each, dict) for each in earlier):
        return False
    left = iter(messages)
    return all(any(_same_words(old, new) for new in left) for old in earlier)


def _same_words(old: dict[str, Any], new: dict[str, Any]) -> bool:
    return all(old.get(key) == new.get(key) for key in _CONTENT)


def _escaped(text: str) -> str:
    return _ESCAPED.sub(lambda found: f"\\u{ord(found.group()):04x}", text)
