"""The records of a conversation, in the format of session.yaml.

It is the OpenAI chat format (roles, ``tool_calls`` with JSON text in ``arguments``, ``tool_call_id``) with a few more
optional fields. All records are immutable.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

Role = Literal["system", "user", "assistant", "tool"]
ROLES: frozenset[str] = frozenset(get_args(Role))


def clean_text(text: str) -> str:
    """Return ``text`` without surrogates: pairs are joined, lone ones become U+FFFD.

    Surrogates come from JSON escapes, command-line arguments and file names. UTF-8 and every API reject them.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One tool call; ``arguments`` is the JSON text exactly as the model wrote it."""

    id: str
    name: str
    arguments: str = "{}"

    def __post_init__(self) -> None:
        for attribute in ("id", "name", "arguments"):
            value = getattr(self, attribute)
            if not isinstance(value, str):
                raise TypeError(f"{attribute} of a tool call must be text, not {type(value).__name__}")
            object.__setattr__(self, attribute, clean_text(value))

    @classmethod
    def from_mapping(cls, value: Mapping[str, Any]) -> ToolCall:
        """Read the OpenAI format: ``{"id", "function": {"name", "arguments"}}``."""
        function = value["function"]
        return cls(value["id"], function["name"], function.get("arguments", "{}"))

    @property
    def brief(self) -> str:
        """The only argument's value, or the JSON of several; not sanitized."""
        try:
            arguments = json.loads(self.arguments)
        except (ValueError, RecursionError):
            return self.arguments
        if isinstance(arguments, dict) and len(arguments) == 1:
            return str(next(iter(arguments.values())))
        return self.arguments if arguments else ""


@dataclass(frozen=True, slots=True)
class Usage:
    """The tokens of one answer, as counted by the API.

    The whole input is the sum of the three input figures. ``duration_ms`` is the time that the answer took, measured
    here; comparisons ignore it.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cache_creation_tokens: int = 0
    cache_read_tokens: int = 0
    duration_ms: int = field(default=0, compare=False)

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

    def __post_init__(self) -> None:
        for attribute in ("thinking", "signature", "redacted", "prefix"):
            object.__setattr__(self, attribute, clean_text(getattr(self, attribute)))


@dataclass(frozen=True, slots=True)
class LLMMessage:
    """One message; raises ValueError for its role, TypeError if a field is not text.

    ``interrupted`` marks an answer that was cut short, ``is_error`` a tool result that reports a failure, ``skip`` a
    message that is not sent to the model, and ``summary`` one that replaces all earlier messages. ``output_file`` is
    the path of a complete tool result whose content was shortened, relative to the session folder. ``model`` is the
    model that gave the answer.
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

    def __post_init__(self) -> None:
        if self.role not in ROLES:
            raise ValueError(f"unknown role {self.role!r}: must be one of {', '.join(sorted(ROLES))}")
        for attribute in ("content", "tool_call_id", "name", "model", "output_file", "provider", "stop_reason"):
            value = getattr(self, attribute)
            if value is None:
                continue
            if not isinstance(value, str):
                raise TypeError(f"{attribute} of a message must be text, not {type(value).__name__}")
            object.__setattr__(self, attribute, clean_text(value))
        calls: Iterable[ToolCall | Mapping[str, Any]] = self.tool_calls or ()
        records = tuple(call if isinstance(call, ToolCall) else ToolCall.from_mapping(call) for call in calls)
        object.__setattr__(self, "tool_calls", records)
        object.__setattr__(self, "thinking", tuple(self.thinking))
        object.__setattr__(self, "blocks", tuple(map(clean_text, self.blocks)))
        object.__setattr__(self, "layout", clean_text(self.layout))
