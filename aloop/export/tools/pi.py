"""Export for pi: JSON lines in ``~/.pi/agent/sessions``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aloop.export.tools.content import Media, content_of, count_words
from aloop.export.tools.folders import pi_slug
from aloop.export.tools.target import ORIGIN, ToolExport, input_of, marked_lines, new_uuid, timed_uuid
from aloop.export.transcript import Entry, resumable
from aloop.formatting import expand_home, home_folder
from aloop.memory.session import Session

_FORMAT = 3


def export(session: Session, folder: Path) -> ToolExport:
    """Return a session that ``pi --session`` continues."""
    found = resumable(session)
    session_id = timed_uuid(session.created_at)
    stamp = f"{session.created_at.astimezone():%Y-%m-%dT%H-%M-%S}-000Z"
    root = expand_home(os.environ.get("PI_CODING_AGENT_DIR") or home_folder() / ".pi/agent") / "sessions"
    path = root / pi_slug(str(folder)) / f"{stamp}_{session_id}.jsonl"
    lines = list(_lines(session, found.entries, session_id, folder))
    left_out = found.left_out + count_words(found.entries)
    return ToolExport(marked_lines(session, lines), path, "pi --session {path}", left_out)


def _lines(session: Session, entries: tuple[Entry, ...], session_id: str, folder: Path) -> Iterator[dict[str, Any]]:
    begun = entries[0].stamp
    yield {"type": "session", "version": _FORMAT, "id": session_id, "timestamp": begun, "cwd": str(folder)}
    parent: str | None = None
    ids = [new_uuid().replace("-", "")[:16] for _ in entries]
    for index, entry in enumerate(entries):
        around = {"id": ids[index], "parentId": parent, "timestamp": entry.stamp}
        parent = ids[index]
        if entry.is_summary:
            kept = {"firstKeptEntryId": ids[index + 1]} if index + 1 < len(ids) else {"firstKeptEntryId": ids[index]}
            yield {"type": "compaction", **around, "summary": entry.text, **kept, "tokensBefore": 0}
        else:
            yield {"type": "message", **around, "message": _message(entry, session)}
    if session.title:
        around = {"id": new_uuid().replace("-", "")[:16], "parentId": parent, "timestamp": entries[-1].stamp}
        yield {"type": "session_info", **around, "name": session.title}


def _message(entry: Entry, session: Session) -> dict[str, Any]:
    message = entry.message
    parts = list(map(_part, content_of(entry)))
    if message.role == "tool":
        return {
            "role": "toolResult",
            "toolCallId": message.tool_call_id,
            "toolName": message.name or "tool",
            "content": parts,
            "isError": message.is_error,
            "timestamp": entry.milliseconds,
        }
    # Not as "aborted": pi shows such an answer, but leaves it out of its requests.
    mark = {ORIGIN: {"interrupted": True}} if message.interrupted else {}
    if message.role != "assistant":
        return {"role": "user", "content": parts, "timestamp": entry.milliseconds, **mark}
    usage = message.usage
    figures = {
        "input": usage.input_tokens if usage else 0,
        "output": usage.output_tokens if usage else 0,
        "cacheRead": usage.cache_read_tokens if usage else 0,
        "cacheWrite": usage.cache_creation_tokens if usage else 0,
    }
    free = dict.fromkeys(("input", "output", "cacheRead", "cacheWrite", "total"), 0)
    parts += [
        {"type": "toolCall", "id": call.id, "name": call.name, "arguments": input_of(call.arguments)}
        for call in message.tool_calls
    ]
    return {
        "role": "assistant",
        "content": parts,
        "api": "anthropic-messages",
        "provider": "anthropic",
        "model": message.model or session.model or "unknown",
        "usage": {**figures, "totalTokens": sum(figures.values()), "cost": free},
        "stopReason": "toolUse" if message.tool_calls else "stop",
        "timestamp": entry.milliseconds,
        **mark,
    }


def _part(piece: str | Media) -> dict[str, Any]:
    if isinstance(piece, str):
        return {"type": "text", "text": piece}
    return {"type": "image", "data": piece.data, "mimeType": piece.media_type}
