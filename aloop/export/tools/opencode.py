"""Export for opencode: a document that ``opencode import`` reads."""

from __future__ import annotations

import json
import secrets
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from aloop.export.base import count_named, never
from aloop.export.tools.content import Media, content_of, count_words, words_of
from aloop.export.tools.target import ToolExport, input_of
from aloop.export.transcript import Entry, resumable
from aloop.llm.message_types import LLMMessage
from aloop.memory.session import Session

SLUG = "aloop-"
"""The start of the slug of a session, before the ID that it has in aloop."""
ABORTED = "MessageAbortedError"
"""The error of an answer that the user has stopped."""
_VERSION = "1.18.0"
_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM = 14
_PER_MILLISECOND = 0x1000


class _Ids:
    """New IDs that sort by time, as the program makes them: a session's in reverse."""

    def __init__(self) -> None:
        self._counter = count(1)

    def make(self, prefix: str, milliseconds: int) -> str:
        value = milliseconds * _PER_MILLISECOND + next(self._counter) % _PER_MILLISECOND
        value = ~value if prefix == "ses" else value
        tail = "".join(secrets.choice(_LETTERS) for _ in range(_RANDOM))
        return f"{prefix}_{value & (2**48 - 1):012x}{tail}"


def export(session: Session, folder: Path) -> ToolExport:
    """Return a session for ``opencode import``."""
    found = resumable(session)
    ids = _Ids()
    created = int(session.created_at.timestamp() * 1000)
    session_id = ids.make("ses", created)
    writer = _Writer(session, folder, ids, session_id, found.entries)
    info = {
        "id": session_id,
        "slug": f"{SLUG}{session.id}",
        "projectID": "global",
        "directory": str(folder),
        "path": "",
        "title": session.title or "Conversation",
        "version": _VERSION,
        "time": {"created": created, "updated": found.entries[-1].milliseconds},
    }
    text = json.dumps({"info": info, "messages": writer.messages()}, ensure_ascii=False, indent=1) + "\n"
    command = f"opencode import {{path}} && opencode --session {session_id}"
    # A failed result has only a text there.
    failed = [entry.message for entry in found.entries if entry.message.is_error]
    shown = [entry for entry in found.entries if not entry.message.is_error]
    left_out = found.left_out + count_words(shown, documents=True) + count_named(failed, never)
    return ToolExport(text, Path(f"{session_id}.json"), command, left_out)


class _Writer:
    def __init__(self, session: Session, folder: Path, ids: _Ids, session_id: str, entries: tuple[Entry, ...]) -> None:
        self._session, self._folder, self._ids, self._session_id = session, folder, ids, session_id
        self._entries = entries
        self._results: dict[str, Entry] = {}
        self._question = ""

    def messages(self) -> list[dict[str, Any]]:
        """Return the messages with their parts; results are parts of the answers."""
        made = []
        for index, entry in enumerate(self._entries):
            message = entry.message
            if message.role == "tool":
                continue
            if entry.is_summary:
                made += self._summary(entry)
            elif message.role == "assistant":
                following = self._entries[index + 1 :]
                results = {}
                for each in following:
                    if each.message.role != "tool":
                        break
                    results[each.message.tool_call_id] = each
                made.append(self._answer(entry, results))
            else:
                made.append(self._user(entry, list(map(_part, content_of(entry, documents=True)))))
                if message.interrupted:  # before the first word of the answer
                    made.append(self._answer(replace(entry, message=LLMMessage("assistant", "", interrupted=True)), {}))
        return made

    def _parts(self, entry: Entry, message_id: str, parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
        around = {"sessionID": self._session_id, "messageID": message_id}
        return [{**part, "id": self._ids.make("prt", entry.milliseconds), **around} for part in parts]

    def _user(self, entry: Entry, parts: list[dict[str, Any]]) -> dict[str, Any]:
        own = self._ids.make("msg", entry.milliseconds)
        self._question = own
        info = {
            "id": own,
            "sessionID": self._session_id,
            "role": "user",
            "time": {"created": entry.milliseconds},
            "agent": "build",
            "model": {"providerID": "anthropic", "modelID": self._model(None)},
        }
        return {"info": info, "parts": self._parts(entry, own, parts)}

    def _model(self, message: LLMMessage | None) -> str:
        return (message.model if message else None) or self._session.model or "unknown"

    def _answer_info(self, entry: Entry) -> dict[str, Any]:
        usage = entry.message.usage
        error = {"error": {"name": ABORTED, "data": {"message": "The operation was aborted."}}}
        return {
            "id": self._ids.make("msg", entry.milliseconds),
            "sessionID": self._session_id,
            "role": "assistant",
            "parentID": self._question or self._ids.make("msg", entry.milliseconds),
            "mode": "build",
            "agent": "build",
            "path": {"cwd": str(self._folder), "root": str(self._folder)},
            "cost": 0,
            "tokens": {
                "input": usage.input_tokens if usage else 0,
                "output": usage.output_tokens if usage else 0,
                "reasoning": 0,
                "cache": {
                    "read": usage.cache_read_tokens if usage else 0,
                    "write": usage.cache_creation_tokens if usage else 0,
                },
            },
            "modelID": self._model(entry.message),
            "providerID": "anthropic",
            "time": {"created": entry.milliseconds, "completed": entry.milliseconds},
            "finish": "tool-calls" if entry.message.tool_calls else "stop",
            **(error if entry.message.interrupted else {}),
        }

    def _answer(self, entry: Entry, results: dict[str | None, Entry]) -> dict[str, Any]:
        info = self._answer_info(entry)
        parts: list[dict[str, Any]] = [{"type": "step-start"}]
        if entry.text:
            parts.append({"type": "text", "text": entry.text})
        for call in entry.message.tool_calls:
            result = results.get(call.id)
            state = _state(entry, result, input_of(call.arguments))
            if state["status"] == "completed" and result:
                content = content_of(result, documents=True)
                media = [_part(piece) for piece in content if isinstance(piece, Media)]
                if media:
                    attachments = self._parts(result, str(info["id"]), media)
                    state |= {"output": words_of(content), "attachments": attachments}
            parts.append({"type": "tool", "callID": call.id, "tool": call.name, "state": state})
        if len(parts) > 1:  # opencode sends an answer that was stopped if it has more than a start
            parts.append({"type": "step-finish", "reason": info["finish"], "cost": 0, "tokens": info["tokens"]})
        return {"info": info, "parts": self._parts(entry, str(info["id"]), parts)}

    def _summary(self, entry: Entry) -> list[dict[str, Any]]:
        asked = self._user(entry, [{"type": "compaction", "auto": False}])
        info = {**self._answer_info(entry), "summary": True, "mode": "compaction", "agent": "compaction"}
        parts = [{"type": "text", "text": entry.text}]
        return [asked, {"info": info, "parts": self._parts(entry, str(info["id"]), parts)}]


def _part(piece: str | Media) -> dict[str, Any]:
    if isinstance(piece, str):
        return {"type": "text", "text": piece}
    return {"type": "file", "mime": piece.media_type, "filename": piece.name, "url": piece.url}


def _state(entry: Entry, result: Entry | None, arguments: dict[str, Any]) -> dict[str, Any]:
    begun = entry.milliseconds
    if result is None:
        return {"status": "error", "input": arguments, "error": "interrupted", "time": {"start": begun, "end": begun}}
    time = {"start": begun, "end": result.milliseconds}
    if result.message.is_error:
        return {"status": "error", "input": arguments, "error": result.text, "time": time}
    around = {"input": arguments, "title": "", "metadata": {}, "time": time}
    return {"status": "completed", "output": result.text, **around}
