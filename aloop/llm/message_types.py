"""The records of a conversation, in the format of session.yaml.

It is the OpenAI chat format (roles, ``tool_calls`` with JSON text in ``arguments``, ``tool_call_id``) with a few more
optional fields. All records are immutable. ``extra`` of a record holds the keys of the file that aloop does not know.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, get_args

from aloop.llm.content.parts import ContentPart, normal_parts
from aloop.llm.content.provenance import (
    PROVENANCE_KEYS,
    FileChange,
    Permission,
    read_provenance,
    storable_cost,
    storable_duration,
    storable_time,
)
from aloop.llm.json_values import EMPTY, JsonObject
from aloop.text import clean_text

Role = Literal["system", "user", "assistant", "tool"]
ROLES: frozenset[str] = frozenset(get_args(Role))


def _keep_extra(record: ToolCall | ThinkingBlock | LLMMessage, reserved: Collection[str], has_parts: str = "") -> None:
    """Make ``extra`` a JsonObject; raise ValueError for a key that is a field.

    ``has_parts`` is a field that may be in it as an object, with the unknown keys of that field.
    """
    extra: Mapping[str, Any] = record.extra
    if not isinstance(extra, JsonObject):
        extra = JsonObject(extra)
        object.__setattr__(record, "extra", extra)
    for key, value in extra.frozen().items():
        # A value that cannot be read as the field has no other place.
        if key in PROVENANCE_KEYS and not getattr(record, key, None) and read_provenance(key, value) is None:
            continue
        if key in reserved and not (key == has_parts and isinstance(extra[key], dict)):
            raise ValueError(f"extra cannot contain the key {key!r}, because it is a field of the record")


_REFUSED = re.compile(r"[^A-Za-z0-9_-]")
_LONGEST_ID = 64


def sendable(name: str) -> str:
    """Return an ID or name of a call without characters that the API refuses.

    Two different IDs may become equal; the sender of a conversation makes them unique again.
    """
    return _REFUSED.sub("_", name)[:_LONGEST_ID] or "unnamed"


NO_REASON = "The tool failed and gave no reason."
"""Sent in place of an empty error result, which the API refuses."""

_TELLING = ("path", "file_path", "filePath", "command", "cmd", "action", "expression", "pattern", "query", "job", "url")
"""The arguments that say what a call does, in the tools of aloop and of other agents."""
_COMMANDS = frozenset({"command", "cmd", "script"})
_SHELL = re.compile(r"(?:.*[/\\])?(?:ba|z|da|k|fi)?sh|(?:.*[/\\])?(?:pwsh|powershell|cmd)(?:\.exe)?", re.IGNORECASE)
_SHELL_FLAG = re.compile(r"-[a-z]*c|-Command|/c", re.IGNORECASE)
_MAY_BE_SHELL = re.compile(r"\S*(?:sh|sh\.exe|cmd|cmd\.exe|shell|shell\.exe)\s+[-/]", re.IGNORECASE)
_LONGEST_SPLIT = 20_000
"""Characters of a command that is split into words at most."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One tool call; ``arguments`` is JSON text.

    ``extra`` has the shape of the file: unknown keys beside the name are in its ``function``.
    """

    id: str
    name: str
    arguments: str = "{}"
    extra: JsonObject = field(default=EMPTY, repr=False)

    def __post_init__(self) -> None:
        for attribute in ("id", "name", "arguments"):
            value = getattr(self, attribute)
            if not isinstance(value, str):
                raise TypeError(f"{attribute} of a tool call must be text, not {type(value).__name__}")
            object.__setattr__(self, attribute, clean_text(value))
        if self.extra is not EMPTY:
            _keep_extra(self, CALL_KEYS - {"type"}, "function")

    @classmethod
    def from_mapping(cls, value: Mapping[str, Any]) -> ToolCall:
        """Read the OpenAI format: ``{"id", "function": {"name", "arguments"}}``."""
        function = value["function"]
        more = {key: each for key, each in value.items() if key not in CALL_KEYS}
        return cls(value["id"], function["name"], function.get("arguments", "{}"), JsonObject(more) if more else EMPTY)

    @property
    def brief(self) -> str:
        """The main argument, such as a path, or the JSON of all; not sanitized.

        A list of objects is only counted, as in "3 todos". A command is without the shell that runs it.
        """
        try:
            arguments = json.loads(self.arguments)
        except (ValueError, RecursionError):
            return self.arguments
        if isinstance(arguments, dict) and arguments:
            only = next(iter(arguments)) if len(arguments) == 1 else ""
            name = next((name for name in (only, *_TELLING) if name in arguments), "")
            value = arguments.get(name)
            if name == "action" and isinstance(value, dict):  # the shell of a server
                name, value = "command", value.get("command", value)
            if name in _COMMANDS and (command := _command_line(value)):
                return command
            if isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
                return f"{len(value):,} {name.removesuffix('s') if len(value) == 1 else name}"
            if value is not None:
                return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        return self.arguments if arguments else ""


def _command_line(value: object) -> str:
    """Return a command as one would type it; empty for other values.

    It is text or a list of words, and may be the argument of a shell, as in ``["bash", "-lc", "make"]``.
    """
    if isinstance(value, str):
        if len(value) > _LONGEST_SPLIT or not _MAY_BE_SHELL.match(value):
            return value
        try:
            words = shlex.split(value)
        except ValueError:  # a quote that is not closed
            return value
        return words[-1] if _is_shell_call(words) else value
    if not (isinstance(value, list) and value and all(isinstance(word, str) for word in value)):
        return ""
    return value[-1] if _is_shell_call(value) else shlex.join(value)


def _is_shell_call(words: Sequence[str]) -> bool:
    """Return True if a shell runs the last word, and the others are its options."""
    shell, *options = words[:-1] or [""]
    if not (options and _SHELL.fullmatch(shell) and _SHELL_FLAG.fullmatch(options[-1])):
        return False
    return all(option.startswith(("-", "/")) for option in options)


@dataclass(frozen=True, slots=True)
class Usage:
    """The tokens of one answer, as counted by the API.

    The whole input is the sum of the three input figures. ``duration_ms`` is the time that the answer took, measured
    here; comparisons ignore it. ``cache_creation_1h_tokens`` are those of ``cache_creation_tokens`` that are cached for
    an hour, at a higher price. ``web_searches`` are those that the server made.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cache_creation_tokens: int = 0
    cache_read_tokens: int = 0
    duration_ms: int = field(default=0, compare=False)
    cache_creation_1h_tokens: int = 0
    web_searches: int = 0

    @property
    def sent_tokens(self) -> int:
        """The whole input: uncached, written to the cache, and read from the cache."""
        return self.input_tokens + self.cache_creation_tokens + self.cache_read_tokens

    @property
    def cached_share(self) -> float:
        """The part of the whole input that was read from the cache, from 0 to 1."""
        return self.cache_read_tokens / self.sent_tokens if self.sent_tokens else 0.0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cache_creation_tokens + other.cache_creation_tokens,
            self.cache_read_tokens + other.cache_read_tokens,
            self.duration_ms + other.duration_ms,
            self.cache_creation_1h_tokens + other.cache_creation_1h_tokens,
            self.web_searches + other.web_searches,
        )


@dataclass(frozen=True, slots=True)
class ThinkingBlock:
    """A block of the model's thinking, to be sent back unaltered and in its place.

    It holds either ``thinking`` with its ``signature``, or ``redacted`` (opaque data). Its place is after the first
    ``after_chars`` characters of the message's content and after its first ``after_calls`` tool calls.
    """

    thinking: str = ""
    signature: str = ""
    redacted: str = ""
    after_chars: int = 0
    after_calls: int = 0
    prefix: str = ""
    extra: JsonObject = field(default=EMPTY, repr=False)

    def __post_init__(self) -> None:
        for attribute in ("thinking", "signature", "redacted", "prefix"):
            object.__setattr__(self, attribute, clean_text(getattr(self, attribute)))
        if self.extra is not EMPTY:
            _keep_extra(self, THINKING_KEYS)


@dataclass(frozen=True)
class LLMMessage:
    """One message; raises ValueError for its role, TypeError if a field is not text.

    ``interrupted`` marks an answer that was cut short, ``is_error`` a tool result that reports a failure, ``skip`` a
    message that is not sent to the model, and ``summary`` one that replaces all earlier messages. ``output_file`` is
    the path of a complete tool result whose content was shortened, relative to the session folder. ``model`` is the
    model that gave the answer.

    ``parts`` are the images and documents of the content, with their places in its text.

    ``at`` is the time when the message was complete; a naive one is taken as local time. ``cost`` is in US dollars,
    None if unknown. ``duration_ms``, ``permission`` and ``files`` belong to a tool result: the run time of the call,
    the decision about it, and what it changed. ``extra`` are the keys that aloop does not know; those within ``usage``
    are in its ``usage``. All these are stored and never sent.

    A record stores only the fields that differ from their defaults. A message has few of those, and a long session has
    many messages.
    """

    role: Role
    content: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    name: str | None = None
    thinking: tuple[ThinkingBlock, ...] = field(default=(), repr=False)
    usage: Usage | None = field(default=None, repr=False)
    model: str | None = field(default=None, repr=False)
    interrupted: bool = False
    is_error: bool = False
    skip: bool = False
    summary: bool = False
    output_file: str | None = None
    layout: str = ""
    blocks: tuple[str, ...] = field(default=(), repr=False)
    provider: str | None = None
    stop_reason: str | None = None
    at: datetime | None = field(default=None, repr=False)
    cost: Decimal | None = field(default=None, repr=False)
    duration_ms: int | None = field(default=None, repr=False)
    permission: Permission | None = field(default=None, repr=False)
    files: tuple[FileChange, ...] = field(default=(), repr=False)
    parts: tuple[ContentPart, ...] = field(default=(), repr=False)
    extra: JsonObject = field(default=EMPTY, repr=False)

    def __init__(
        self,
        role: Role,
        content: str | None = None,
        tool_calls: Iterable[ToolCall | Mapping[str, Any]] | None = (),
        tool_call_id: str | None = None,
        name: str | None = None,
        thinking: Iterable[ThinkingBlock] = (),
        usage: Usage | None = None,
        model: str | None = None,
        interrupted: bool = False,
        is_error: bool = False,
        skip: bool = False,
        summary: bool = False,
        output_file: str | None = None,
        layout: str = "",
        blocks: Iterable[str] = (),
        provider: str | None = None,
        stop_reason: str | None = None,
        at: datetime | None = None,
        cost: Decimal | None = None,
        duration_ms: int | None = None,
        permission: Permission | None = None,
        files: Iterable[FileChange] = (),
        parts: Sequence[ContentPart] = (),
        extra: Mapping[str, Any] = EMPTY,
    ) -> None:
        if role not in ROLES:
            raise ValueError(f"unknown role {role!r}: must be one of {', '.join(sorted(ROLES))}")
        stored = self.__dict__
        stored["role"] = role
        if content is not None:
            stored["content"] = _text("content", content)
        if tool_calls and (
            calls := tuple(call if isinstance(call, ToolCall) else ToolCall.from_mapping(call) for call in tool_calls)
        ):
            stored["tool_calls"] = calls
        if tool_call_id is not None:
            stored["tool_call_id"] = _text("tool_call_id", tool_call_id)
        if name is not None:
            stored["name"] = _text("name", name)
        if thinking and (thoughts := tuple(thinking)):
            stored["thinking"] = thoughts
        if usage is not None:
            stored["usage"] = usage
        if model is not None:
            stored["model"] = _text("model", model)
        if interrupted:
            stored["interrupted"] = True
        if is_error:
            stored["is_error"] = True
        if skip:
            stored["skip"] = True
        if summary:
            stored["summary"] = True
        if output_file is not None:
            stored["output_file"] = _text("output_file", output_file)
        if layout:
            stored["layout"] = clean_text(layout)
        if blocks and (names := tuple(map(clean_text, blocks))):
            stored["blocks"] = names
        if provider is not None:
            stored["provider"] = _text("provider", provider)
        if stop_reason is not None:
            stored["stop_reason"] = _text("stop_reason", stop_reason)
        if at is not None:
            stored["at"] = storable_time(at)
        if cost is not None:
            stored["cost"] = storable_cost(cost)
        if duration_ms is not None:
            stored["duration_ms"] = storable_duration(duration_ms)
        if permission is not None:
            stored["permission"] = permission
        if files and (changes := tuple(files)):
            stored["files"] = changes
        if parts:
            stored["content"], stored["parts"] = normal_parts(self.content or "", parts)
        if extra is not EMPTY:
            stored["extra"] = extra
            _keep_extra(self, MESSAGE_KEYS, "usage")


def _text(attribute: str, value: str) -> str:
    """Return a text without surrogates; raises TypeError for any other value."""
    if not isinstance(value, str):
        raise TypeError(f"{attribute} of a message must be text, not {type(value).__name__}")
    return clean_text(value)


def _fields_of(record: type[LLMMessage | ThinkingBlock | Usage]) -> frozenset[str]:
    return frozenset(each.name for each in fields(record)) - {"extra"}


CALL_KEYS = frozenset({"id", "type", "function", "name", "arguments"})
USAGE_KEYS = _fields_of(Usage)
THINKING_KEYS = _fields_of(ThinkingBlock)
MESSAGE_KEYS = _fields_of(LLMMessage) - {"parts"}
