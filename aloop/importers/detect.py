"""Recognize the format of a file by its content."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aloop.importers.databases.sqlite import SQLITE, table_names
from aloop.importers.json_decoder import decode
from aloop.importers.source import HEAD, Source
from aloop.importers.values import text

COMPANION = "companion"
"""A file that belongs to a conversation in another file."""
_FIRST_LINES = 40
# A string that is cut off is a token, too: otherwise each quotation mark in it would be tried as the start of one.
_TOKEN = re.compile(r'"([^"\\]*+(?:\\.[^"\\]*+)*)(?:"\s*(:?)|\\?\Z)|[{}\[\]]', re.DOTALL)
_CLAUDE_TYPES = frozenset({"file-history-snapshot", "queue-operation", "summary", "progress", "user", "assistant"})
_ANTHROPIC_BLOCKS = re.compile(rb'"type"\s*:\s*"(?:tool_use|tool_result|thinking|redacted_thinking)"|"input_schema"')
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
    if re.search(rb"^id: ", head, re.MULTILINE) and re.search(rb"^messages:", head, re.MULTILINE):
        return _session_form(head)
    return None


def _is_aider(name: str, head: bytes) -> bool:
    """Return True for a history of aider.

    It may have been cut before its first start. A file with another name may only quote a part of one.
    """
    if name.startswith(".aider"):
        return bool(re.search(rb"^(?:# aider chat started at |#### )", head, re.MULTILINE))
    return bool(re.match(rb"(?:(?:#### |> )[^\n]*  \r?\n(?s:.*)^)?# aider chat started at ", head, re.MULTILINE))


def _session_form(head: bytes) -> str:
    """Return the format of a session: aloop or ouro.

    Only ouro counts the tokens of each message, which an import of its sessions keeps.
    """
    if re.search(rb'^(?:imported:|  "imported":)\s', head, re.MULTILINE):
        return "aloop"
    return "ouro" if re.search(rb'^[ {-]*"?tokens"?: ', head, re.MULTILINE) else "aloop"


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
    return _from_object(source, first.keys(), source.head)


def _is_claude_code(line: dict[str, Any]) -> bool:
    kind = line.get("type")
    if "sessionId" in line and kind and ("uuid" in line or kind in _CLAUDE_TYPES):
        return True
    return (kind == "file-history-snapshot" and "messageId" in line) or (kind == "summary" and "leafUuid" in line)


def _from_keys(source: Source, head: bytes) -> str | None:
    """Recognize a document by the keys of its outermost objects."""
    keys = _outer_keys(head.decode("utf-8", "replace"))
    return _from_object(source, keys.keys(), head)


def _outer_keys(head: str) -> dict[str, None]:
    """Return the keys of the outermost object, or of all objects in a list.

    ``head`` may be cut off anywhere.
    """
    keys: dict[str, None] = {}
    level, depth = 0, 0
    for token in _TOKEN.finditer(head):
        if token[0] in "{[":
            depth += 1
            if token[0] == "{" and not level:
                level = depth
        elif token[0] in "}]":
            depth -= 1
        elif token[2] and level == depth:
            keys[token[1]] = None
    return keys


def _from_object(source: Source, found: Any, head: bytes) -> str | None:
    keys = set(found)
    # A first line that is longer than the head, such as a prompt with an image.
    if {"sessionId", "type"} <= keys and keys & {"uuid", "parentUuid"}:
        return "claude-code"
    if {"timestamp", "type", "payload"} <= keys:
        return "codex"
    if "mapping" in keys:
        return "chatgpt"
    if "chat_messages" in keys:
        return "claude-ai"
    if "conversations" in keys or ("conversation" in keys and b'"from"' in head):
        return "sharegpt"
    if {"sessionId", "projectHash"} <= keys:
        return "gemini-cli"
    if {"info", "messages"} <= keys or {"projectID", "directory", "time"} <= keys:
        return "opencode"
    if {"conversation_id", "prompt", "response"} <= keys:
        return "llm"
    if {"session", "items"} <= keys:
        return "codex"
    if ("history" in keys or "role" in keys) and b'"parts"' in head and b'"role"' in head:
        return "gemini-cli"
    if {"metadata", "messages"} <= keys and b"working_directory" in head:
        return "mistral-vibe"
    if {"agent", "sessionId", "messages"} <= keys or source.name == "api_conversation_history.json":
        return "cline"
    if {"id", "system_messages", "messages"} <= keys:
        return _session_form(head)
    if {"store_format", "generation", "session_id"} <= keys:
        return "mistral-vibe"
    if any(companion <= keys for companion in _COMPANIONS):
        return COMPANION
    if {"role", "content", "ts"} <= keys:
        return "cline"
    if "messages" in keys or "chosen_messages" in keys or {"role", "content"} <= keys or "chosen" in keys:
        is_anthropic = ("system" in keys and "messages" in keys) or _ANTHROPIC_BLOCKS.search(head)
        return "anthropic" if is_anthropic else "openai"
    return None
