"""Export for Codex: JSON lines in ``~/.codex/sessions``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aloop.export.base import count_failures
from aloop.export.tools.content import Media, content_of, count_words, words_of
from aloop.export.tools.target import ToolExport, marked_lines, timed_uuid
from aloop.export.transcript import Entry, resumable
from aloop.formatting import expand_home, home_folder
from aloop.llm.message_types import Usage
from aloop.memory.session import Session

_VERSION = "0.128.0"
"""The version of the format."""


def export(session: Session, folder: Path) -> ToolExport:
    """Return a session that ``codex resume`` continues."""
    found = resumable(session)
    session_id = timed_uuid(session.created_at)
    local = session.created_at.astimezone()
    root = expand_home(os.environ.get("CODEX_HOME") or home_folder() / ".codex") / "sessions"
    name = f"rollout-{local:%Y-%m-%dT%H-%M-%S}-{session_id}.jsonl"
    path = root / f"{local:%Y}" / f"{local:%m}" / f"{local:%d}" / name
    lines = list(_lines(found.entries, session_id, folder, session.title))
    text = marked_lines(session, lines, within="payload")
    left_out = found.left_out + count_words(found.entries) + count_failures(entry.message for entry in found.entries)
    return ToolExport(text, path, f"codex resume {session_id}", left_out)


def _lines(entries: tuple[Entry, ...], session_id: str, folder: Path, title: str) -> Iterator[dict[str, Any]]:
    begun = entries[0].stamp
    # Without a provider of the model, because the program refuses to resume with one other than the recorded one.
    meta = {
        "id": session_id,
        "timestamp": begun,
        "cwd": str(folder),
        "originator": "aloop",
        "cli_version": _VERSION,
        "source": "cli",
        "instructions": None,
    }
    yield {"timestamp": begun, "type": "session_meta", "payload": meta}
    for index, entry in enumerate(entries):
        for kind, payload in _items(entry, entries[:index]):
            yield {"timestamp": entry.stamp, "type": kind, "payload": payload}
        if entry.message.interrupted:
            aborted = {"type": "turn_aborted", "reason": "interrupted"}
            yield {"timestamp": entry.stamp, "type": "event_msg", "payload": aborted}
        if entry.message.role == "assistant":
            # Also ends the answer: readers join what follows it directly.
            yield {"timestamp": entry.stamp, "type": "event_msg", "payload": _token_count(entry.message.usage)}
    if title:
        # For imports. Codex shows the titles in files of all sessions, which an export must not change.
        named = {"type": "thread_name_updated", "thread_id": session_id, "thread_name": title}
        yield {"timestamp": entries[-1].stamp, "type": "event_msg", "payload": named}


def _items(entry: Entry, before: tuple[Entry, ...]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield an item for the model, and the event by which the program shows it."""
    message = entry.message
    if entry.is_summary:
        typed = [_message(each) for each in before if each.message.role == "user" and not each.is_summary]
        yield "compacted", {"message": entry.text, "replacement_history": [*typed, _message(entry)]}
        return
    content = content_of(entry)
    if message.role == "tool":
        has_media = any(isinstance(piece, Media) for piece in content)
        output = [_part(piece) for piece in content] if has_media else entry.text
        yield "response_item", {"type": "function_call_output", "call_id": message.tool_call_id, "output": output}
        return
    if content and message.role == "assistant":
        yield "event_msg", {"type": "agent_message", "message": entry.text}
        yield "response_item", _message(entry)
    elif content:
        yield "response_item", _message(entry)
        if message.role == "user":
            yield "event_msg", {"type": "user_message", "message": words_of(content), "kind": "plain"}
    for call in message.tool_calls:
        item = {"type": "function_call", "name": call.name, "arguments": call.arguments, "call_id": call.id}
        yield "response_item", item


def _token_count(usage: Usage | None) -> dict[str, Any]:
    info: dict[str, Any] | None = None
    if usage:
        tokens = {
            "input_tokens": usage.sent_tokens,
            "cached_input_tokens": usage.cache_read_tokens,
            "output_tokens": usage.output_tokens,
            "reasoning_output_tokens": 0,
            "total_tokens": usage.sent_tokens + usage.output_tokens,
        }
        info = {"total_token_usage": tokens, "last_token_usage": tokens, "model_context_window": None}
    return {"type": "token_count", "info": info, "rate_limits": None}


def _message(entry: Entry) -> dict[str, Any]:
    role = entry.message.role
    kind = "output_text" if role == "assistant" else "input_text"
    name = "developer" if role == "system" else role
    return {"type": "message", "role": name, "content": [_part(piece, kind) for piece in content_of(entry)]}


def _part(piece: str | Media, kind: str = "input_text") -> dict[str, Any]:
    return {"type": kind, "text": piece} if isinstance(piece, str) else {"type": "input_image", "image_url": piece.url}
