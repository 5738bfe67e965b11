"""ouro, and other files with the keys of a session: YAML, with anchors and lists."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any

import yaml

from aloop.importers.draft import Builder
from aloop.importers.imported import Imported
from aloop.importers.json_decoder import decode
from aloop.importers.plain import openai
from aloop.importers.source import Source
from aloop.importers.values import mapping, objects, text

TOOL = "ouro"
NOT_YAML = "files that are not YAML"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MAX_VALUES = 2_000_000
OWN_KEYS = frozenset({"version", "imported", "forked_from", "system_digest", "tools_digest"})
"""Keys in the header of a session that only aloop writes."""
_OWN_HEADER = re.compile(
    rb"\A# yaml-language-server: \$schema=[^\n]*\.session\.schema\.json\s"
    rb"|^(?:" + "|".join(sorted(OWN_KEYS)).encode() + rb"):\s"
    # ouro writes no time zone.
    rb"""|^(?:created|updated)_at: *["']?[0-9-]{10}[T ][0-9:.]{5,16}(?:Z|[+-][0-9:]{4,6})["']?\s""",
    re.MULTILINE,
)


def read(source: Source) -> Iterator[Imported]:
    """Yield the session of a file."""
    whole = source.text()
    try:
        # A safe loader: it makes plain values only.
        document = mapping(json.loads(whole) if whole.lstrip().startswith("{") else yaml.load(whole, _LOADER))  # noqa: S506
        _require_few_values(document, _MAX_VALUES)
    except (ValueError, RecursionError, yaml.YAMLError):
        source.problems[NOT_YAML] += 1
        return
    builder = Builder(TOOL, text(document.get("id")), source.path)
    imported = builder.imported
    imported.title, imported.model = text(document.get("title")), text(document.get("model")) or None
    imported.created_at, imported.updated_at = (_local(document.get(key)) for key in ("created_at", "updated_at"))
    for message in objects(document.get("system_messages")):
        builder.system(text(message.get("content"))).skip = False
    openai.add_messages(builder, objects(document.get("messages")), imported.model)
    if not builder.is_empty:
        yield builder.build()


def is_own(data: bytes) -> bool:
    """Return True if the header of a session file has what only aloop writes.

    For JSON, ``data`` is the whole file.
    """
    if not data.lstrip().startswith(b"{"):
        return bool(_OWN_HEADER.search(data))
    try:
        return not OWN_KEYS.isdisjoint(mapping(decode(data, strict=False)))
    except (ValueError, RecursionError):
        return False


def counts_tokens(head: bytes) -> bool:
    """Return True if a message in the first part of a file has a count of its tokens.

    The texts of messages are not read, and nothing that comes after an error or after the end of ``head``.
    """
    keys: list[str | None] = []
    """The key of each open mapping whose value is read, "" before a key; None is that of a list."""
    with suppress(yaml.YAMLError):
        for event in yaml.parse(head.decode("utf-8", "replace"), _LOADER):
            if isinstance(event, yaml.CollectionStartEvent):
                keys.append("" if isinstance(event, yaml.MappingStartEvent) else None)
                continue
            if isinstance(event, yaml.CollectionEndEvent):
                keys.pop()
            if keys and keys[-1] is not None and isinstance(event, yaml.NodeEvent | yaml.CollectionEndEvent):
                # A key and a value, in turn.
                keys[-1] = "" if keys[-1] else getattr(event, "value", "") or " "
                if keys == ["messages", None, "tokens"]:
                    return True
    return False


def _local(value: object) -> datetime | None:
    """Return a time; one without a zone is local."""
    try:
        found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return found.astimezone()


def _require_few_values(value: Any, left: int) -> int:
    """Raise ValueError if aliases expand a document beyond all measure."""
    if left <= 0:
        raise ValueError("too many values")
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for each in inner:
        left = _require_few_values(each, left - 1)
    return left
