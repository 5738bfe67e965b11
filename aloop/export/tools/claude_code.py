"""Export for Claude Code: JSON lines in the project's folder in ``~/.claude``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

from aloop.export.tools.content import Media, content_of, count_words
from aloop.export.tools.folders import claude_slug
from aloop.export.tools.target import ToolExport, input_of, marked_lines, new_uuid
from aloop.export.transcript import Entry, resumable
from aloop.formatting import expand_home, home_folder
from aloop.memory.origin import is_injected
from aloop.memory.session import Session

INTERRUPTED = "[Request interrupted by user]"
"""The message after an answer that the user has stopped, as the program writes it."""
_VERSION = "2.1.0"
"""The version of the format."""


def export(session: Session, folder: Path) -> ToolExport:
    """Return a session that ``claude --resume`` continues in ``folder``."""
    session_id = new_uuid()
    found = resumable(session)
    root = expand_home(os.environ.get("CLAUDE_CONFIG_DIR") or home_folder() / ".claude") / "projects"
    lines = list(_lines(session, found.entries, session_id, folder))
    path = root / claude_slug(str(folder)) / f"{session_id}.jsonl"
    left_out = found.left_out + count_words(found.entries, documents=True)
    return ToolExport(marked_lines(session, lines), path, f"claude --resume {session_id}", left_out)


def _lines(session: Session, entries: tuple[Entry, ...], session_id: str, folder: Path) -> Iterator[dict[str, Any]]:
    parent: str | None = None
    stopped = False
    around = {
        "isSidechain": False,
        "userType": "external",
        "cwd": str(folder),
        "sessionId": session_id,
        "version": _VERSION,
        "gitBranch": "",
    }
    for entry, following in zip_longest(entries, entries[1:]):
        if entry.is_summary:
            boundary = new_uuid()
            yield {
                "parentUuid": None,
                "logicalParentUuid": parent,
                **around,
                "type": "system",
                "subtype": "compact_boundary",
                "content": "Conversation compacted",
                "isMeta": False,
                "level": "info",
                "compactMetadata": {"trigger": "manual", "preTokens": 0},
                "uuid": boundary,
                "timestamp": entry.stamp,
            }
            parent = boundary
        uuid = new_uuid()
        kind = "assistant" if entry.message.role == "assistant" else "user"
        yield {
            "parentUuid": parent,
            **around,
            "type": kind,
            "message": _answer(entry, session) if kind == "assistant" else _question(entry),
            **({"isCompactSummary": True, "isVisibleInTranscriptOnly": True} if entry.is_summary else {}),
            **({"isMeta": True} if is_injected(entry.message) else {}),  # sent, but not shown
            "uuid": uuid,
            "timestamp": entry.stamp,
        }
        parent = uuid
        stopped |= entry.message.interrupted
        if stopped and (following is None or following.message.role != "tool"):
            # Not before the results of its calls, which have to follow it.
            stopped, uuid = False, new_uuid()
            message = {"role": "user", "content": [{"type": "text", "text": INTERRUPTED}]}
            line = {"type": "user", "message": message, "uuid": uuid, "timestamp": entry.stamp}
            yield {"parentUuid": parent, **around, **line}
            parent = uuid
    if session.title:
        yield {"type": "custom-title", "customTitle": session.title, "sessionId": session_id}


def _question(entry: Entry) -> dict[str, Any]:
    message = entry.message
    found = content_of(entry, documents=True)
    blocks = list(map(_block, found))
    content = blocks if any(isinstance(piece, Media) for piece in found) else entry.text
    if message.role != "tool":
        return {"role": "user", "content": content}
    result: dict[str, Any] = {"type": "tool_result", "tool_use_id": message.tool_call_id, "content": content}
    if message.is_error:
        result["is_error"] = True
    return {"role": "user", "content": [result]}


def _block(piece: str | Media) -> dict[str, Any]:
    if isinstance(piece, str):
        return {"type": "text", "text": piece}
    source = {"type": "base64", "media_type": piece.media_type, "data": piece.data}
    return {"type": "image" if piece.is_image else "document", "source": source}


def _answer(entry: Entry, session: Session) -> dict[str, Any]:
    message = entry.message
    blocks: list[dict[str, Any]] = [{"type": "text", "text": entry.text}] if entry.text else []
    blocks += [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": input_of(call.arguments)}
        for call in message.tool_calls
    ]
    usage = message.usage
    return {
        "id": f"msg_{new_uuid().replace('-', '')[:24]}",
        "type": "message",
        "role": "assistant",
        "model": message.model or session.model or "unknown",
        "content": blocks,
        "stop_reason": "tool_use" if message.tool_calls else "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": usage.input_tokens if usage else 0,
            "cache_creation_input_tokens": usage.cache_creation_tokens if usage else 0,
            "cache_read_input_tokens": usage.cache_read_tokens if usage else 0,
            "output_tokens": usage.output_tokens if usage else 0,
        },
    }
