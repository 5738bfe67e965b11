"""Convert the syntax tree of a session file to records."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from aloop.errors import NewerVersion, SessionFileError
from aloop.llm.content.parts import TEXT_TYPES, ContentPart, joined_text, read_part
from aloop.llm.content.provenance import PROVENANCE_KEYS, parse_time, read_provenance
from aloop.llm.json_values import EMPTY, JsonObject, Plain, to_json_text
from aloop.llm.message_types import (
    CALL_KEYS,
    ROLES,
    THINKING_KEYS,
    USAGE_KEYS,
    LLMMessage,
    Role,
    ThinkingBlock,
    ToolCall,
    Usage,
)
from aloop.memory.codec.emitter import FLAGS, MAX_DIGITS
from aloop.memory.codec.nodes import MappingNode, Node, ScalarNode, SequenceNode
from aloop.memory.session import Session, make_title

KNOWN_VERSION = 1
UUID_PATTERN = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
EPOCH = datetime.fromtimestamp(0, UTC)

HEADER_KEYS = frozenset(
    {
        "id",
        "created_at",
        "updated_at",
        "title",
        "model",
        "forked_from",
        "version",
        "system_digest",
        "tools_digest",
        "system_messages",
        "messages",
    }
)
_CALL_KEYS = frozenset({"id", "type", "function"})
FUNCTION_KEYS = frozenset({"name", "arguments"})

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_YES = frozenset({"true", "yes", "on"})
_NO = frozenset({"false", "no", "off"})


class InvalidValue(Exception):
    """An invalid value at a character ``offset``, to be raised as ``kind``."""

    def __init__(self, reason: str, offset: int, kind: type[SessionFileError] = SessionFileError) -> None:
        super().__init__(reason)
        self.reason = reason
        self.offset = offset
        self.kind = kind


def read_session(root: MappingNode, path: Path, *, below: SequenceNode | None = None, cut: bool = False) -> Session:
    """Return the session; raises InvalidValue.

    ``below`` are messages below the end marker; ``cut`` is True if the marker is missing.
    """
    header = _Fields(root)
    session_id = header.text("id")
    if session_id is None:
        raise InvalidValue("the session has no id", root.start)
    if not UUID_PATTERN.fullmatch(session_id):
        raise InvalidValue(f"{session_id!r} is not a session ID (a UUID)", header.offset("id"))
    created, updated = header.time("created_at"), header.time("updated_at")
    system = tuple(_read_message(item, "system") for item in header.items("system_messages"))
    items = header.items("messages") + (below.items if below else [])
    messages = tuple(_read_message(item, None) for item in items)
    warnings = []
    if cut:
        warnings.append("The file has no end marker (...), so its end may be missing.")
    if below and below.items:
        warnings.append("The messages below the end marker (...) were read too.")
    extra = header.unknown(HEADER_KEYS)
    return Session(
        id=session_id.lower(),
        created_at=created or updated or EPOCH,
        updated_at=updated or created or EPOCH,
        system_messages=system,
        messages=messages,
        path=path,
        title=header.text("title")
        or make_title(messages)
        or make_title(messages, with_skipped="imported" not in extra),
        model=header.text("model"),
        forked_from=header.text("forked_from"),
        version=header.number("version", 1),
        warnings=tuple(warnings),
        system_digest=header.text("system_digest") or "",
        tools_digest=header.text("tools_digest") or "",
        extra=extra,
    )


def read_messages(root: MappingNode) -> tuple[LLMMessage, ...]:
    """Return the messages of a session or of a fragment of one; raises InvalidValue."""
    return tuple(_read_message(item, None) for item in _Fields(root).items("messages"))


def title_so_far(root: Node) -> str:
    """Return the title of a partly parsed session, or "" if it is not known yet."""
    if not isinstance(root, MappingNode):
        return ""
    header = _Fields(root)
    try:
        last = tuple(_read_message(item, None) for item in header.items("messages")[-1:])
        return header.text("title") or make_title(last)
    except InvalidValue:
        return ""  # not parsed far enough


def require_known_version(root: MappingNode) -> None:
    """Raise InvalidValue if the file was written by a later version of aloop."""
    version = _Fields(root).number("version", 1)
    if version > KNOWN_VERSION:
        reason = f"written by a later version of aloop (format {version}); update aloop to continue this session"
        raise InvalidValue(reason, root.values["version"].start, NewerVersion)


def is_null(node: ScalarNode) -> bool:
    """Return True for a plain ``null``, ``~`` or empty scalar."""
    return node.plain and node.text in _NULL


@dataclass(slots=True)
class _Fields:
    """Typed access to the keys of one mapping."""

    node: MappingNode

    def offset(self, key: str) -> int:
        return self.node.values[key].start

    def scalar(self, key: str) -> ScalarNode | None:
        node = self.node.values.get(key)
        if node is None:
            return None
        if not isinstance(node, ScalarNode):
            raise InvalidValue(f"{key} must be text, not a {_kind(node)}", node.start)
        return None if is_null(node) else node

    def text(self, key: str) -> str | None:
        node = self.scalar(key)
        return None if node is None else node.text

    def json(self, key: str) -> str | None:
        """Return a text, or the JSON text of a mapping."""
        node = self.node.values.get(key)
        return to_json_text(to_value(node)) if isinstance(node, MappingNode) else self.text(key)

    def number(self, key: str, default: int = 0) -> int:
        node = self.scalar(key)
        if node is None:
            return default
        if not (node.text.isascii() and node.text.isdigit() and len(node.text) <= MAX_DIGITS):
            raise InvalidValue(f"{key} must be a whole number", node.start)
        return int(node.text)

    def flag(self, key: str) -> bool:
        node = self.scalar(key)
        if node is None or node.text.lower() in _NO:
            return False
        if node.text.lower() in _YES:
            return True
        raise InvalidValue(f"{key} must be true or false", node.start)

    def time(self, key: str) -> datetime | None:
        node = self.scalar(key)
        if node is None:
            return None
        moment = parse_time(node.text)
        if moment is None:
            raise InvalidValue(f'{key} must be a time such as "2025-01-31T14:30:00"', node.start)
        return moment

    def items(self, key: str) -> list[Node]:
        node = self.node.values.get(key)
        if node is None or (isinstance(node, ScalarNode) and is_null(node)):
            return []
        if not isinstance(node, SequenceNode):
            raise InvalidValue(f"{key} must be a list", node.start)
        return node.items

    def mappings(self, key: str) -> list[_Fields]:
        return [_Fields(_mapping(item, key)) for item in self.items(key)]

    def unknown(self, known: frozenset[str]) -> JsonObject:
        """Return the values of all keys but the ``known`` ones."""
        values = self.node.values
        if values.keys() <= known:
            return EMPTY
        return JsonObject.of({key: to_value(node) for key, node in values.items() if key not in known})


def to_value(node: Node) -> Any:
    """Return a node as a frozen JSON value."""
    if isinstance(node, ScalarNode):
        return Plain(node.text) if node.plain else node.text
    if isinstance(node, SequenceNode):
        return tuple(map(to_value, node.items))
    return JsonObject.of({key: to_value(each) for key, each in node.values.items()})


def _kind(node: Node) -> str:
    return "list" if isinstance(node, SequenceNode) else "mapping" if isinstance(node, MappingNode) else "text"


def _mapping(node: Node | None, key: str) -> MappingNode:
    if not isinstance(node, MappingNode):
        raise InvalidValue(f"each item of {key} must be a mapping", node.start if node else 0)
    return node


def _read_message(node: Node, default_role: Role | None) -> LLMMessage:
    try:
        return _message_of(node, default_role)
    except (TypeError, ValueError) as error:
        # A combination that a record refuses. It must not be the end of a list of sessions.
        raise InvalidValue(str(error), node.start) from error


def _message_of(node: Node, default_role: Role | None) -> LLMMessage:
    fields = _Fields(_mapping(node, "messages"))
    role = fields.text("role") or default_role
    if role is None:
        raise InvalidValue("the message has no role", node.start)
    if role not in ROLES:
        raise InvalidValue(f"unknown role {role!r} (user, assistant, tool or system)", fields.offset("role"))
    # Only the keys that are present are read: most messages have few of the many.
    known: dict[str, Any] = {}
    unknown: dict[str, Any] = {}
    for key, each in fields.node.values.items():
        if read := _MESSAGE_READERS.get(key):
            if (value := read(fields, key)) is not None:
                known[key] = value
        elif key not in PROVENANCE_KEYS:
            unknown[key] = to_value(each)
        elif not (isinstance(each, ScalarNode) and is_null(each)):
            written = to_value(each)
            value = read_provenance(key, written)
            # A value that cannot be read stays as it is.
            (unknown if value is None else known)[key] = written if value is None else value
    known["content"], known["parts"] = _read_content(fields, role)
    if inner := _unknown_in_usage(fields):
        unknown["usage"] = inner
    known["role"] = cast("Role", role)
    return LLMMessage(**known, extra=JsonObject.of(unknown) if unknown else EMPTY)


def _read_content(fields: _Fields, role: str) -> tuple[str | None, tuple[ContentPart, ...]]:
    """Return the text of a message and the other parts of its content."""
    node = fields.node.values.get("content")
    if not isinstance(node, SequenceNode):
        return (fields.json("content") if role == "tool" else fields.text("content")), ()
    text, parts = "", []
    for item in node.items:
        value = to_value(item)
        if isinstance(value, JsonObject) and not (
            value.get("type") in TEXT_TYPES and isinstance(value.get("text"), str)
        ):
            parts.append(read_part(value, len(text)))
        elif isinstance(value, JsonObject):
            text = joined_text([text, str(value["text"])])
        else:
            raise InvalidValue("content must be text, or a list of mappings", item.start)
    return text, tuple(parts)


def _unknown_in_usage(fields: _Fields) -> JsonObject:
    usage = fields.node.values.get("usage")
    return _Fields(usage).unknown(USAGE_KEYS) if isinstance(usage, MappingNode) else EMPTY


def _read_call(fields: _Fields) -> ToolCall:
    nested = fields.node.values.get("function")
    function = _Fields(_mapping(nested or fields.node, "tool_calls"))
    name, call_id, arguments = function.text("name"), fields.text("id"), function.json("arguments")
    if name is None or call_id is None:
        raise InvalidValue("a tool call needs an id and a function with a name", fields.node.start)
    if nested and (stray := next((key for key in ("name", "arguments") if key in fields.node.values), None)):
        raise InvalidValue(f"the {stray} of a tool call must be in its function", fields.offset(stray))
    more = fields.unknown(CALL_KEYS if nested is None else _CALL_KEYS).frozen()
    kind, inner = fields.text("type"), function.unknown(FUNCTION_KEYS) if nested else EMPTY
    if kind is not None and kind != "function":
        more = {"type": kind, **more}
    if inner:
        more = {**more, "function": inner}
    return ToolCall(call_id, name, "{}" if arguments is None else arguments, JsonObject.of({**more}) if more else EMPTY)


def _read_block(fields: _Fields) -> str:
    return fields.text("json") or ""


def _read_thinking(fields: _Fields) -> ThinkingBlock:
    return ThinkingBlock(
        thinking=fields.text("thinking") or "",
        signature=fields.text("signature") or "",
        redacted=fields.text("redacted") or "",
        after_chars=fields.number("after_chars"),
        after_calls=fields.number("after_calls"),
        prefix=fields.text("prefix") or "",
        extra=fields.unknown(THINKING_KEYS),
    )


def _read_usage(fields: _Fields, key: str) -> Usage | None:
    node = fields.node.values[key]
    if isinstance(node, ScalarNode) and is_null(node):
        return None
    figures = _Fields(_mapping(node, key))
    return Usage(**{name: figures.number(name) for name in figures.node.values if name in USAGE_KEYS})


def _items_of(read: Callable[[_Fields], Any]) -> Callable[[_Fields, str], tuple[Any, ...]]:
    """Return a reader of a list of mappings."""
    return lambda fields, key: tuple(map(read, fields.mappings(key)))


def _read_above(fields: _Fields, key: str) -> None:
    """Leave out a key that is read before the others."""


_MESSAGE_READERS: Mapping[str, Callable[[_Fields, str], Any]] = {
    **dict.fromkeys(("role", "content"), _read_above),
    **dict.fromkeys(
        ("tool_call_id", "name", "model", "output_file", "layout", "provider", "stop_reason"), _Fields.text
    ),
    **dict.fromkeys(FLAGS, _Fields.flag),
    "tool_calls": _items_of(_read_call),
    "thinking": _items_of(_read_thinking),
    "blocks": _items_of(_read_block),
    "usage": _read_usage,
}
"""Readers of the keys of a message; None is a key without a value."""
