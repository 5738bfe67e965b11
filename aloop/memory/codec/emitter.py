"""Write sessions as YAML.

The text has the layout of the specification's sample. Multi-line text becomes a literal block, one-line text a quoted
scalar, and an identifier a plain scalar. Text that a literal block cannot represent (control characters, line breaks
other than LF) is double-quoted and broken at line ends. The output is YAML 1.1, as read by libyaml and PyYAML, and
means the same in YAML 1.2.

Functions return complete lines with their newlines. ``column`` is the column of a list item's dash; the item's keys are
two columns to the right of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, fields, replace
from datetime import datetime
from typing import Any

from aloop.llm.content.parts import ContentPart, split_content
from aloop.llm.content.provenance import Permission
from aloop.llm.json_values import JsonObject, Plain, read_object
from aloop.llm.message_types import LLMMessage, ThinkingBlock, ToolCall, Usage
from aloop.memory.session import Session
from aloop.text import clean_text

# The characters that are escaped: those that YAML cannot print, those that some readers take for a line break (NEL, LS,
# PS) or a byte order mark, and those that hide text or change its order in an editor (zero-width space, bidi controls,
# tags). Listed, because a negated set of all others takes ten times as long to compile.
_HIDDEN = (
    r"\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufffe\uffff"
    r"\U000e0000-\U000e0fff"
)
_UNSHOWABLE_IN_BLOCK = re.compile(f"[{_HIDDEN}]")
_UNSHOWABLE_IN_LINE = re.compile(rf"[\t\n{_HIDDEN}]")
_NEEDS_ESCAPE = re.compile(rf'[\\"\t\n{_HIDDEN}]')

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?:[./:-][A-Za-z0-9_]+)*\Z")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")
# Plain scalars that YAML readers do not take for text.
_WORDS = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})
_SHORT_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r", "\x1b": "\\e", "\0": "\\0"}


def emit_text(text: str, indent: int) -> str:
    """Return ``text`` as the value after ``key:``.

    Further lines are indented by ``indent``. ``indent`` must be two more than the column of the key. The result ends
    with a newline only if the text ends with several, which a block represents as blank lines.
    """
    if "\n" in text and not text.isspace() and not _UNSHOWABLE_IN_BLOCK.search(text):
        return _literal(text, indent)
    if _UNSHOWABLE_IN_LINE.search(text):
        return _double_quoted(text, indent)
    if '"' in text or "\\" in text:
        # Single quotes need no escapes except for the quote itself, so JSON arguments and paths stay readable.
        return "'" + text.replace("'", "''") + "'"
    return f'"{text}"'


def emit_word(text: str, indent: int) -> str:
    """Return an identifier (role, ID, tool name), without quotes if it is unambiguous."""
    if (_PLAIN.match(text) and text.lower() not in _WORDS) or _UUID.match(text):
        return text
    return emit_text(text, indent)


def _literal(text: str, indent: int) -> str:
    margin = " " * indent
    stripped = text.rstrip("\n")
    newlines = len(text) - len(stripped)
    chomp = "-" if newlines == 0 else "" if newlines == 1 else "+"
    # Without the indicator, readers derive the indentation from the first line.
    indicator = "2" if text[0] in " \t\n" else ""
    body = "\n".join(margin + line if line else "" for line in stripped.split("\n"))
    return f"|{indicator}{chomp}\n{body}" + "\n" * max(0, newlines - 1)


def _double_quoted(text: str, indent: int) -> str:
    """Return a double-quoted scalar that is broken after each line end of the text."""
    first, *rest = (_NEEDS_ESCAPE.sub(_escape, line) for line in clean_text(text).split("\n"))
    # Readers drop unescaped spaces at the start of a continuation line.
    pieces = [first, *(f"\\{line}" if line.startswith(" ") else line for line in rest)]
    last = pieces.pop()
    # No continuation line after a final line end.
    end = f"\\n\\\n{' ' * indent}{last}" if last and pieces else "\\n" if pieces else last
    return '"' + f"\\n\\\n{' ' * indent}".join(pieces) + end + '"'


def _escape(match: re.Match[str]) -> str:
    char = match.group()
    short = _SHORT_ESCAPES.get(char)
    if short:
        return short
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


SCHEMA_LINE = "# yaml-language-server: $schema=../.session.schema.json\n"
END_MARKER = "...\n"
ITEM_COLUMN = 2
FLAGS = ("is_error", "interrupted", "skip", "summary")
"""The boolean keys of a message, in the order of the file."""
_FIGURES = tuple(figure.name for figure in fields(Usage))
_ALWAYS_SHOWN = ("input_tokens", "output_tokens")
MAX_DIGITS = 15
"""The greatest length of a whole number; others are written as the nearest one that can be read."""


def emit_value(value: Any, column: int) -> str:
    """Return a frozen JSON value as the value after ``key:`` or a dash.

    ``column`` is that of the key or the dash. Starts with a space or a newline; texts are never plain.
    """
    margin = " " * (column + 2)
    if isinstance(value, Plain):
        # A plain text of several lines is folded, so only quotes keep its line endings.
        return f" {value or 'null'}" if value.isprintable() else f" {emit_text(value, column + 2)}"
    if isinstance(value, str):
        return f" {emit_text(value, column + 2)}"
    if isinstance(value, tuple):
        items = [f"{margin}-{_behind_dash(emit_value(item, column + 2))}" for item in value]
        return "\n" + "\n".join(items) if items else " []"
    lines = "".join(emit_pairs(value, column + 2))
    return f"\n{lines[:-1]}" if lines else " {}"


def _behind_dash(text: str) -> str:
    """Move the first line of a nested collection to the line of the dash."""
    return " " + text.lstrip("\n ") if text.startswith("\n") else text


def emit_pairs(values: JsonObject, column: int) -> Iterator[str]:
    """Yield the lines of each key, at ``column``, and its value."""
    margin = " " * column
    for key, value in values.frozen().items():
        word = emit_word(key, column + 2)
        if "\n" in word or len(word) > MAX_KEY:
            word = f"? {word}\n{margin}"
        yield f"{margin}{word}:{emit_value(value, column)}\n"


MAX_KEY = 1_000
"""In YAML, a simple key is at most 1,024 characters long and on one line."""


_SHORT = 100
"""The length up to which JSON in one line stays JSON."""
_MAX_JSON_DEPTH = 12
# The numbers that every YAML reader takes for the same number: YAML 1.1 reads 1e5 as text, and some readers have
# integers of 64 bits only.
_SHARED_NUMBER = re.compile(r"-?[0-9]{1,18}|-?[0-9]+\.[0-9]+(?:[eE][-+][0-9]+)?")


def emit_json(text: str, column: int, *, is_exact: bool = True) -> str:
    """Return JSON text as the value after ``key:`` at ``column``.

    An object that is long or has text of several lines is written as a mapping, if reading that gives exactly ``text``;
    it starts with a newline. A ``column`` of -2 is for a mapping that is a whole document. Without ``is_exact``, so is
    every object of which YAML can hold the values.
    """
    if not is_exact:
        value = read_object(text)
        if value and _is_shared(value):
            return emit_value(value, column)
    # A short text without an escaped line end has nothing to gain, and most are such.
    if text.startswith("{") and (len(text) > _SHORT or "\\n" in text):
        value = read_object(text)
        is_worth_it = value and (len(text) > _SHORT or any(map(_has_lines, value.frozen().values())))
        if value and is_worth_it and value.json == text and _is_shared(value):
            return emit_value(value, column)
    return f" {emit_text(text, column + 2)}"


def _has_lines(value: Any) -> bool:
    """Return True if a frozen value has a text of several lines."""
    if isinstance(value, str):
        return "\n" in value
    return any(map(_has_lines, value if isinstance(value, tuple) else value.frozen().values()))


def _is_shared(value: Any, depth: int = _MAX_JSON_DEPTH) -> bool:
    """Return True if all YAML readers read the same value from its mapping."""
    if isinstance(value, Plain):
        return value in _JSON_WORDS or _SHARED_NUMBER.fullmatch(value) is not None
    if isinstance(value, str):
        return True
    if depth == 0:
        return False
    if isinstance(value, tuple):
        return all(_is_shared(each, depth - 1) for each in value)
    return all(_is_simple_key(key) and _is_shared(each, depth - 1) for key, each in value.frozen().items())


_JSON_WORDS = frozenset({"null", "true", "false"})


def _is_simple_key(key: str) -> bool:
    word = emit_word(key, 0)
    return "\n" not in word and len(word) <= _SHORT


def emit_session(session: Session) -> Iterator[str]:
    """Yield the text of a new session file, one message at a time."""
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
    digests = (("system_digest", session.system_digest), ("tools_digest", session.tools_digest))
    header.extend(f"{key}: {emit_word(digest, 2)}\n" for key, digest in digests if digest)
    if session.version != 1:
        header.append(f"version: {session.version}\n")
    header.extend(emit_pairs(session.extra, 0))
    yield from header
    yield _gap(header[-1])
    system = emit_section("system_messages", session.system_messages)
    yield system
    yield _gap(system)
    yield "messages:\n" if session.messages else emit_section("messages", ())
    yield from (emit_messages([message], ITEM_COLUMN) for message in session.messages)
    yield END_MARKER


def _gap(before: str) -> str:
    """Return the blank line between two sections, unless a block would include it."""
    return "" if before.endswith("\n\n") else "\n"


def emit_section(key: str, messages: Iterable[LLMMessage]) -> str:
    """Return ``key:`` and its list of messages."""
    items = emit_messages(messages, ITEM_COLUMN)
    return f"{key}:\n{items}" if items else f"{key}: []\n"


def emit_messages(messages: Iterable[LLMMessage], column: int) -> str:
    """Return the messages as list items with their dashes at ``column``."""
    return "".join(_item(_message_lines(message, column + 2), column) for message in messages)


def emit_time(moment: datetime) -> str:
    """Return a time as quoted ISO 8601 with milliseconds and time zone.

    All times of a zone have the same width, so that a save can overwrite the old time in place.
    """
    return f'"{moment.isoformat(timespec="milliseconds")}"'


def _item(lines: str, column: int) -> str:
    """Turn the lines of a mapping into a list item by adding a dash to the first line."""
    return f"{' ' * column}- {lines[column + 2 :]}"


def _message_lines(message: LLMMessage, column: int) -> str:
    margin, inner = " " * column, column + 2
    lines = [f"{margin}role: {message.role}\n"]
    if message.parts:
        lines.append(f"{margin}content:\n")
        lines.extend(_content_part(each, inner) for each in split_content(message.content or "", message.parts))
    elif message.role == "tool" and message.content is not None:
        lines.append(f"{margin}content:{emit_json(message.content, column)}\n")
    else:
        content = "null" if message.content is None else emit_text(message.content, inner)
        lines.append(f"{margin}content: {content}\n")
    if message.tool_calls:
        lines.append(f"{margin}tool_calls:\n")
        lines.extend(_tool_call(call, inner) for call in message.tool_calls)
    for key, word in (("tool_call_id", message.tool_call_id), ("name", message.name)):
        if word is not None:
            lines.append(f"{margin}{key}: {emit_word(word, inner)}\n")
    lines.extend(f"{margin}{flag}: true\n" for flag in FLAGS if getattr(message, flag))
    words = (
        ("output_file", message.output_file),
        ("model", message.model),
        ("stop_reason", message.stop_reason),
        ("layout", message.layout or None),
        ("provider", message.provider),
    )
    for key, word in words:
        if word is not None:
            lines.append(f"{margin}{key}: {emit_word(word, inner)}\n")
    if message.blocks:
        lines.append(f"{margin}blocks:\n")
        lines.extend(f"{' ' * inner}- json: {emit_text(block, inner + 4)}\n" for block in message.blocks)
    if message.thinking:
        lines.append(f"{margin}thinking:\n")
        lines.extend(_thinking(block, inner) for block in message.thinking)
    if message.usage is not None:
        lines.append(f"{margin}usage:{_usage(message, column)}\n")
    lines.extend(_provenance(message, column))
    if message.extra:
        lines.extend(emit_pairs(message.extra.with_values(usage=None), column))
    return "".join(lines)


def _content_part(part: str | ContentPart, column: int) -> str:
    """Return one item of a content that is a list."""
    if isinstance(part, str):
        return f"{' ' * column}- type: text\n{' ' * column}  text: {emit_text(part, column + 4)}\n"
    margin = " " * (column + 2)
    lines = []
    if part.is_own:
        lines = [f"{margin}type: {part.kind}\n", f"{margin}file: {emit_word(part.file, column + 4)}\n"]
        if part.media_type:
            lines.append(f"{margin}media_type: {emit_word(part.media_type, column + 4)}\n")
        if part.size:
            lines.append(f"{margin}size: {part.size}\n")
        if part.name:
            lines.append(f"{margin}name: {emit_text(part.name, column + 4)}\n")
    lines.extend(emit_pairs(part.extra, column + 2))
    return _item("".join(lines), column) if lines else f"{' ' * column}- {{}}\n"


def _provenance(message: LLMMessage, column: int) -> Iterator[str]:
    """Yield the lines of when, who and what it cost."""
    margin = " " * column
    if message.at is not None:
        yield f'{margin}at: "{time_text(message.at)}"\n'
    if message.cost is not None:
        yield f"{margin}cost: {message.cost:f}\n"
    if message.duration_ms is not None:
        yield f"{margin}duration_ms: {message.duration_ms}\n"
    if message.permission is not None:
        yield f"{margin}permission:{_permission(message.permission, column)}\n"
    if message.files:
        yield f"{margin}files:\n"
        for change in message.files:
            yield f"{margin}  - path: {emit_text(change.path, column + 6)}\n"
            for key, digest in (("before", change.before), ("after", change.after)):
                if digest:
                    yield f"{margin}    {key}: {emit_word(digest, column + 6)}\n"


def time_text(moment: datetime) -> str:
    """Return the time of a message as ISO 8601, exactly."""
    return moment.isoformat(timespec="microseconds" if moment.microsecond % 1000 else "milliseconds")


_FLOW_WORD = re.compile(r"[a-z][a-z0-9_]*")


def _permission(permission: Permission, column: int) -> str:
    """Return the decision on one line, unless a reason or an unusual word needs more."""
    texts = {key: text for key, text in asdict(permission).items() if text or key == "answer"}
    if all(_FLOW_WORD.fullmatch(text) and text not in _WORDS for text in texts.values()):
        return " {" + ", ".join(f"{key}: {text}" for key, text in texts.items()) + "}"
    lines = (f"{' ' * (column + 2)}{key}: {emit_word(text, column + 4)}" for key, text in texts.items())
    return "\n" + "\n".join(lines)


def _tool_call(call: ToolCall, column: int) -> str:
    margin = " " * (column + 2)
    extra = call.extra.frozen()
    function = "".join(emit_pairs(extra["function"], column + 4)) if "function" in extra else ""
    more = "".join(emit_pairs(call.extra.with_values(type=None, function=None), column + 2)) if extra else ""
    return (
        f"{' ' * column}- id: {emit_word(call.id, column + 4)}\n"
        f"{margin}type:{emit_value(extra['type'], column + 2) if 'type' in extra else ' function'}\n"
        f"{margin}function:\n"
        f"{margin}  name: {emit_word(call.name, column + 6)}\n"
        f"{margin}  arguments:{emit_json(call.arguments, column + 4)}\n{function}{more}"
    )


def _thinking(block: ThinkingBlock, column: int) -> str:
    margin = " " * (column + 2)
    lines = [
        f"{margin}{key}: {emit_text(text, column + 4)}\n"
        for key, text in (("thinking", block.thinking), ("signature", block.signature), ("redacted", block.redacted))
        if text or (key == "thinking" and not block.redacted)
    ]
    for key, value in (("after_chars", block.after_chars), ("after_calls", block.after_calls)):
        if number := storable_number(value):
            lines.append(f"{margin}{key}: {number}\n")
    if block.prefix:
        lines.append(f"{margin}prefix: {emit_word(block.prefix, column + 4)}\n")
    lines.extend(emit_pairs(block.extra, column + 2))
    return _item("".join(lines), column)


def _usage(message: LLMMessage, column: int) -> str:
    """Return the numbers on one line, as the least interesting part of a message."""
    numbers = _numbers(message.usage or Usage())
    shown = {key: number for key, number in numbers.items() if number or key in _ALWAYS_SHOWN}
    unknown = message.extra.frozen().get("usage")
    if unknown:
        return emit_value(JsonObject.of({**JsonObject(shown).frozen(), **unknown.frozen()}), column)
    return " {" + ", ".join(f"{key}: {number}" for key, number in shown.items()) + "}"


def _numbers(usage: Usage) -> dict[str, int]:
    return {key: storable_number(getattr(usage, key)) for key in _FIGURES}


def storable_number(value: object) -> int:
    """Return the nearest number that a session can hold, or 0 if not a number.

    Token counts come from servers: a wrong one must not prevent the text beside it from being saved.
    """
    if not isinstance(value, int | float) or value != value:  # NaN
        return 0
    return int(min(max(value, 0), 10**MAX_DIGITS - 1))


def storable(message: LLMMessage) -> LLMMessage:
    """Return the message as it is read back, with the numbers that were written."""
    if message.usage is None and "usage" in message.extra:
        message = replace(message, extra=message.extra.with_values(usage=None))
    usage = message.usage and Usage(**_numbers(message.usage))
    thinking = tuple(
        replace(block, after_chars=storable_number(block.after_chars), after_calls=storable_number(block.after_calls))
        for block in message.thinking
    )
    if usage == message.usage and thinking == message.thinking:
        return message
    return replace(message, usage=usage, thinking=thinking)
