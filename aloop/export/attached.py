"""The files beside session.yaml as part of a JSON document.

The key ``attached_files`` of the document has an object for each file, by its path in the folder of the session: with
``text``, or with ``base64`` for bytes that are not text.
"""

from __future__ import annotations

import base64
import binascii
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from aloop.export.base import MISSING_MEDIA, MISSING_OUTPUTS
from aloop.llm.content.parts import ContentPart, is_intact
from aloop.llm.message_types import LLMMessage
from aloop.memory.disk.filesystem import SYSTEM
from aloop.memory.session import Session
from aloop.memory.session_folder.media import read_media
from aloop.memory.session_folder.outputs import is_output_path, read_output
from aloop.text import clean_text

ATTACHED = "attached_files"


def attached_files(session: Session, left_out: Counter[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the path and the object of each file that the messages of a session name.

    ``left_out`` counts those that cannot be read. A document that is used as session.yaml may have them itself.
    """
    folder = session.path.parent
    kept = session.extra.get(ATTACHED)
    kept = kept if isinstance(kept, dict) else {}
    for part in media_of(session.messages):
        data = read_media(SYSTEM, folder, part)
        data = stored_bytes(kept, part) if data is None else data
        if data is None:
            left_out[MISSING_MEDIA] += 1
        else:
            yield part.file, _record(data)
    for relative in outputs_of(session.messages):
        try:
            found = read_output(SYSTEM, folder, relative)
        except OSError:
            found = None  # counted as left out
        found = stored_bytes(kept, relative) if found is None else found
        if found is None:
            left_out[MISSING_OUTPUTS] += 1
        else:
            yield relative, _record(found, is_text=True)


def _record(data: bytes, *, is_text: bool = False) -> dict[str, str]:
    if is_text:
        try:
            return {"text": data.decode()}
        except UnicodeDecodeError:
            pass  # a file that another program has changed
    return {"base64": base64.b64encode(data).decode()}


def media_of(messages: Iterable[LLMMessage]) -> list[ContentPart]:
    """Return the parts whose bytes are in a file, each file once."""
    return list({part.file: part for message in messages for part in message.parts if part.is_own}.values())


def outputs_of(messages: Iterable[LLMMessage]) -> list[str]:
    """Return the paths of the complete results, each once."""
    return list(dict.fromkeys(message.output_file for message in messages if message.output_file))


def stored_bytes(attached: Mapping[str, Any], wanted: ContentPart | str) -> bytes | None:
    """Return the bytes of an image, a document or the path of a result in a document.

    None if it has none, if they are not those that the part was made from, and for a path that aloop does not make.
    """
    record = attached.get(wanted.file if isinstance(wanted, ContentPart) else wanted)
    if not isinstance(record, dict):
        return None
    text, encoded = record.get("text"), record.get("base64")
    if isinstance(text, str):
        data = clean_text(text).encode()
    elif isinstance(encoded, str):
        try:
            data = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            return None
    else:
        return None
    if isinstance(wanted, ContentPart):
        return data if is_intact(wanted, data) else None
    return data if is_output_path(wanted) else None
