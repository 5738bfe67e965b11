"""Recognize the format of a file by its content."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from aloop.export.json import METADATA
from aloop.importers.databases.sqlite import SQLITE, table_names
from aloop.importers.json_decoder import decode
from aloop.importers.plain import ouro
from aloop.importers.source import HEAD, Source
from aloop.importers.values import text

COMPANION = "companion"
"""A file that belongs to a conversation in another file."""
_FIRST_LINES = 40
# A string that is cut off is a token, too: otherwise each quotation mark in it would be tried as the start of one.
_TOKEN = re.compile(r'"([^"\\]*+(?:\\.[^"\\]*+)*)(?:"\s*(:?)|\\?\Z)|[{}\[\]]', re.DOTALL)
_CLAUDE_TYPES = frozenset({"file-history-snapshot", "queue-operation", "summary", "progress", "user", "assistant"})
_ANTHROPIC_BLOCKS = frozenset({"tool_use", "tool_result", "thinking", "redacted_thinking"})
_DEPTH = 8
"""Keys inside more objects and lists than this have no place."""
_OWN_FIRST = ("id", "created_at", "updated_at")
"""The first keys of a JSON export of aloop. Keys that the user added to the header come after them."""
_COMPANIONS = (
    {"messageID", "sessionID"},  # a part of opencode
    {"sessionID", "role"},
    {"session_id", "pid"},  # Cline
    {"agents", "workDir"},  # Kimi
    {"session_id", "environment"},  # Mistral Vibe, and the parts of its store
    {"payload", "record_sha256"},
    {"generation", "manifest_version"},
    {"checkpoint_version"},
    {"actions", "command_receipts"},
    {"agent_types", "hook_bindings"},
    {"projection_state_version"},
    {"message", "turn_index"},
    {"createdAt", "generationStatus"},
    {"agentType", "toolUseId"},  # Claude Code
    {"agentType", "description"},
    {"agentType"},
)


_OWN_FILES = frozenset({".index.yaml", ".session.schema.json"})
"""Files of a sessions folder that are not sessions."""


def recognize(source: Source) -> str | None:
    """Return the name of the format, COMPANION, or None if it is not known.

    Raises OSError, and StorageError for a database that cannot be read.
    """
    if source.name in _OWN_FILES:
        return COMPANION
    head = source.head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if head.startswith(SQLITE):
        return _database(source.path)
    if _is_aider(source.name, head):
        return "aider"
    if head[:1] in (b"{", b"["):
        return _from_lines(source, _first_lines(head)) or _from_keys(source, head)
    if re.search(rb"^id: ", head, re.MULTILINE) and re.search(rb"^(?:system_)?messages:", head, re.MULTILINE):
        is_own = ouro.is_own(head) or b"tokens" not in head
        return "aloop" if is_own or not ouro.counts_tokens(head) else "ouro"
    return None


def _is_aider(name: str, head: bytes) -> bool:
    """Return True for a history of aider.

    It may have been cut before its first start. A file with another name may only quote a part of one.
    """
    if name.startswith(".aider"):
        return bool(re.search(rb"^(?:# aider chat started at |#### )", head, re.MULTILINE))
    return bool(re.match(rb"(?:(?:#### |> )[^\n]*  \r?\n(?s:.*)^)?# aider chat started at ", head, re.MULTILINE))


def _database(path: Path | None) -> str | None:
    tables = table_names(path) if path else frozenset[str]()
    if {"session", "message", "part"} <= tables:
        return "opencode"
    if {"threads", "turns"} <= tables or {"conversations", "responses"} <= tables:
        return "llm"
    if {"sessions", "messages"} <= tables:
        return "crush" if "files" in tables or "goose_db_version" in tables else "goose"
    return None


def _first_lines(head: bytes) -> list[dict[str, Any]]:
    """Return the objects of the first lines, as long as each line is one."""
    found: list[dict[str, Any]] = []
    lines = head.split(b"\n")
    whole = lines if len(head) < HEAD - 3 else lines[:-1]
    for line in whole[:_FIRST_LINES]:
        if not line.strip():
            continue
        try:
            value = decode(line)
        except (ValueError, RecursionError):
            # A line that was cut off by a crash hides nothing, unless it is the first: then this is one document.
            if not found:
                return []
            continue
        if isinstance(value, dict):
            found.append(value)
    return found


def _from_lines(source: Source, lines: Sequence[dict[str, Any]]) -> str | None:
    if not lines:
        return None
    first = lines[0]
    if _is_session(first):
        return _session_form(first, _Shape(source.head))
    kind = first.get("type")
    if kind == "session_meta" or {"timestamp", "type", "payload"} <= first.keys():
        return "codex"
    if {"id", "timestamp", "instructions"} <= first.keys():
        return "codex"
    if kind == "session" and {"id", "timestamp"} <= first.keys():
        return "pi"
    if {"sessionId", "projectHash"} <= first.keys():
        return "gemini-cli"
    if kind == "metadata" and "protocol_version" in first:
        return "kimi"
    if any(map(_is_claude_code, lines)):
        return "claude-code"
    if any(text(line.get("role")).startswith("_") for line in lines):
        return "kimi"
    if "working_dir" in first and "message_count" in first:
        return "goose"
    if "role" in first:
        sibling = source.path.with_name("meta.json") if source.path else None
        if source.name == "messages.jsonl" and sibling and sibling.exists():
            return "mistral-vibe"
    return _from_object(source, set(first), _Shape(source.head))


def _is_claude_code(line: dict[str, Any]) -> bool:
    kind = line.get("type")
    if "sessionId" in line and kind and ("uuid" in line or kind in _CLAUDE_TYPES):
        return True
    return (kind == "file-history-snapshot" and "messageId" in line) or (kind == "summary" and "leafUuid" in line)


def _from_keys(source: Source, head: bytes) -> str | None:
    """Recognize a document by the keys of its outermost objects."""
    shape = _Shape(head)
    if _is_session(shape.outer):
        return _session_form(shape.outer, shape)
    return _from_object(source, set(shape.outer), shape)


def _is_session(keys: Iterable[str]) -> bool:
    """Return True for the keys, in their order, of a session of aloop or ouro.

    The user may have added any other key, such as one by which another format is recognized.
    """
    found = tuple(keys)
    if {"id", "system_messages", "messages"} <= set(found):
        return True
    return found[:3] == _OWN_FIRST and ("version" in found or "system_messages" in found)


def _session_form(keys: Iterable[str], shape: _Shape) -> str:
    """Return the format of a session: aloop or ouro.

    Only ouro counts the tokens of each message. The user may have added such a key to a message of aloop.
    """
    is_own = not ouro.OWN_KEYS.isdisjoint(keys)
    return "aloop" if is_own or ("messages", "tokens") not in shape.places else "ouro"


class _Shape:
    """The keys at the start of a JSON text, each with its place.

    The text of strings is not read.
    """

    def __init__(self, head: bytes) -> None:
        self._head = head

    @cached_property
    def outer(self) -> list[str]:
        """The keys of the outermost object, or of all objects in a list."""
        return [place[0] for place in self.places if len(place) == 1]

    @cached_property
    def places(self) -> dict[tuple[str, ...], set[str]]:
        """The keys, each after those of the objects around it.

        Those named ``type`` have their values.
        """
        found: dict[tuple[str, ...], set[str]] = {}
        around: list[str | None] = []
        """The last key of each open object; None is that of a list."""
        place: tuple[str, ...] = ()
        for token in _TOKEN.finditer(self._head.decode("utf-8", "replace")):
            if token[0] in "{[":
                around.append("" if token[0] == "{" else None)
                place = ()
            elif token[0] in "}]":
                del around[-1:]
                place = ()
            elif token[2] and around:
                around[-1] = token[1]
                place = tuple(key for key in around if key is not None) if len(around) <= _DEPTH else ()
                if place:
                    found.setdefault(place, set())
            elif place[-1:] == ("type",):
                found[place].add(token[1])
                place = ()
        return found


def _from_object(source: Source, keys: set[str], shape: _Shape) -> str | None:
    # A first line that is longer than the head, such as a prompt with an image.
    if {"sessionId", "type"} <= keys and keys & {"uuid", "parentUuid"}:
        return "claude-code"
    if {"timestamp", "type", "payload"} <= keys:
        return "codex"
    if "mapping" in keys:
        return "chatgpt"
    if "chat_messages" in keys:
        return "claude-ai"
    if "conversations" in keys or ("conversation" in keys and ("conversation", "from") in shape.places):
        return "sharegpt"
    if {"sessionId", "projectHash"} <= keys:
        return "gemini-cli"
    if {"info", "messages"} <= keys or {"projectID", "directory", "time"} <= keys:
        return "opencode"
    if {"conversation_id", "prompt", "response"} <= keys:
        return "llm"
    if {"session", "items"} <= keys:
        return "codex"
    in_history = {("history", "role"), ("history", "parts")}
    if {"role", "parts"} <= keys or ("history" in keys and in_history <= shape.places.keys()):
        return "gemini-cli"
    if {"metadata", "messages"} <= keys and _is_of_vibe(shape):
        return "mistral-vibe"
    if {"agent", "sessionId", "messages"} <= keys or source.name == "api_conversation_history.json":
        return "cline"
    if {"store_format", "generation", "session_id"} <= keys:
        return "mistral-vibe"
    if any(companion <= keys for companion in _COMPANIONS):
        return COMPANION
    if {"role", "content", "ts"} <= keys:
        return "cline"
    if "messages" in keys or "chosen_messages" in keys or {"role", "content"} <= keys or "chosen" in keys:
        return "anthropic" if {"system", "messages"} <= keys or _has_anthropic_blocks(shape) else "openai"
    return None


def _is_of_vibe(shape: _Shape) -> bool:
    """Return True if the metadata of a document name its folder.

    aloop exports metadata, too.
    """
    if ("metadata", METADATA) in shape.places:
        return False
    return any(place[0] == "metadata" and place[-1] == "working_directory" for place in shape.places)


def _has_anthropic_blocks(shape: _Shape) -> bool:
    """Return True for blocks of messages, or tools, in the shape of Anthropic.

    The input of a call is any JSON, and so is the schema of a tool.
    """
    if ("tools", "input_schema") in shape.places:
        return True
    blocks = (found for place, found in shape.places.items() if place[-2:] == ("content", "type"))
    return any(not _ANTHROPIC_BLOCKS.isdisjoint(found) for found in blocks)
