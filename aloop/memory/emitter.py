"""Records as YAML text, in the layout of the specification's sample.

Every function returns whole lines, each with its newline. ``column`` is where the dash of a list item stands; keys of
the item stand two to the right of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from aloop.llm.message_types import LLMMessage, ThinkingBlock, ToolCall, Usage
from aloop.memory.scalars import emit_text, emit_word
from aloop.memory.session import Session

SCHEMA_LINE = "# yaml-language-server: $schema=../.session.schema.json\n"
END_MARKER = "...\n"
ITEM_COLUMN = 2
_ALWAYS_SHOWN = ("input_tokens", "output_tokens")


def emit_session(session: Session) -> str:
    """Return a new session's whole text, from the schema line to the end marker."""
    header = [
        SCHEMA_LINE,
        f"id: {emit_word(session.id, 2)}\n",
        f"created_at: {emit_time(session.created_at)}\n",
        f"updated_at: {emit_time(session.updated_at)}\n",
    ]
    if session.title:
        header.append(f"title: {emit_text(session.title, 2)}\n")
    if session.model:
        header.append(f"model: {emit_word(session.model, 2)}\n")
    if session.forked_from:
        header.append(f"forked_from: {emit_word(session.forked_from, 2)}\n")
    if session.version != 1:
        header.append(f"version: {session.version}\n")
    system = emit_section("system_messages", session.system_messages)
    messages = emit_section("messages", session.messages)
    return "".join(header) + _gap(header[-1]) + system + _gap(system) + messages + END_MARKER


def _gap(before: str) -> str:
    """Return the blank line between two sections, nothing where it would become part of a block that keeps them."""
    return "" if before.endswith("\n\n") else "\n"


def emit_section(key: str, messages: Iterable[LLMMessage]) -> str:
    """Return ``key:`` and its list of messages."""
    items = emit_messages(messages, ITEM_COLUMN)
    return f"{key}:\n{items}" if items else f"{key}: []\n"


def emit_messages(messages: Iterable[LLMMessage], column: int) -> str:
    """Return the messages as list items whose dash stands at ``column``."""
    return "".join(_item(_message_lines(message, column + 2), column) for message in messages)


def emit_time(moment: datetime) -> str:
    """Return a time as quoted ISO 8601 with milliseconds and zone: as wide as any other of the same zone.

    The width matters: a save puts the new time over the old one.
    """
    return f'"{moment.isoformat(timespec="milliseconds")}"'


def _item(lines: str, column: int) -> str:
    """Turn the lines of a mapping into a list item: its first line gets the dash."""
    return f"{' ' * column}- {lines[column + 2 :]}"


def _message_lines(message: LLMMessage, column: int) -> str:
    margin, inner = " " * column, column + 2
    lines = [f"{margin}role: {message.role}\n"]
    content = "null" if message.content is None else emit_text(message.content, inner)
    lines.append(f"{margin}content: {content}\n")
    if message.tool_calls:
        lines.append(f"{margin}tool_calls:\n")
        lines.extend(_tool_call(call, inner) for call in message.tool_calls)
    for key, word in (("tool_call_id", message.tool_call_id), ("name", message.name)):
        if word is not None:
            lines.append(f"{margin}{key}: {emit_word(word, inner)}\n")
    flags = ("is_error", "interrupted", "skip", "summary")
    lines.extend(f"{margin}{flag}: true\n" for flag in flags if getattr(message, flag))
    for key, word in (("output_file", message.output_file), ("model", message.model)):
        if word is not None:
            lines.append(f"{margin}{key}: {emit_word(word, inner)}\n")
    if message.thinking:
        lines.append(f"{margin}thinking:\n")
        lines.extend(_thinking(block, inner) for block in message.thinking)
    if message.usage is not None:
        lines.append(f"{margin}usage: {_usage(message.usage)}\n")
    return "".join(lines)


def _tool_call(call: ToolCall, column: int) -> str:
    margin = " " * (column + 2)
    return (
        f"{' ' * column}- id: {emit_word(call.id, column + 4)}\n"
        f"{margin}type: function\n"
        f"{margin}function:\n"
        f"{margin}  name: {emit_word(call.name, column + 6)}\n"
        f"{margin}  arguments: {emit_text(call.arguments, column + 6)}\n"
    )


def _thinking(block: ThinkingBlock, column: int) -> str:
    margin = " " * (column + 2)
    lines = [
        f"{margin}{key}: {emit_text(text, column + 4)}\n"
        for key, text in (("thinking", block.thinking), ("signature", block.signature), ("redacted", block.redacted))
        if text or (key == "thinking" and not block.redacted)
    ]
    for key, number in (("after_chars", block.after_chars), ("after_calls", block.after_calls)):
        if number:
            lines.append(f"{margin}{key}: {number}\n")
    return _item("".join(lines), column)


def _usage(usage: Usage) -> str:
    """Return the figures on one line: they interest a reader least and would take the most lines."""
    figures = (
        ("input_tokens", usage.input_tokens),
        ("output_tokens", usage.output_tokens),
        ("cache_creation_tokens", usage.cache_creation_tokens),
        ("cache_read_tokens", usage.cache_read_tokens),
        ("duration_ms", usage.duration_ms),
    )
    shown = [f"{key}: {number}" for key, number in figures if number or key in _ALWAYS_SHOWN]
    return "{" + ", ".join(shown) + "}"
