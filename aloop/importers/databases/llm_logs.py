"""llm: its log database in both layouts, and the output of ``llm logs --json``."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from aloop.importers.databases.sqlite import SQLITE, loaded, opened, rows
from aloop.importers.draft import Builder, Draft
from aloop.importers.imported import Imported
from aloop.importers.source import Source
from aloop.importers.values import arguments_text, json_text, mapping, moment, number, objects, text
from aloop.llm.message_types import Usage

TOOL = "llm"


def read(source: Source) -> Iterator[Imported]:
    """Yield each conversation."""
    if source.head.startswith(SQLITE):
        with opened(source.file) as connection:
            yield from _threads(source, connection)
            yield from _conversations(source, connection)
        return
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for value in source.elements():
        groups.setdefault(text(mapping(value).get("conversation_id")), []).append(mapping(value))
    for key, responses in groups.items():
        yield _from_responses(key, sorted(responses, key=lambda each: text(each.get("id"))), source.path)


def _tables(connection: sqlite3.Connection) -> set[str]:
    return {str(row[0]) for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def _threads(source: Source, connection: sqlite3.Connection) -> Iterator[Imported]:
    if "threads" not in _tables(connection):
        return
    for thread in list(rows(source, connection, "SELECT * FROM threads ORDER BY id")):
        builder = Builder(TOOL, text(thread["id"]), source.path)
        imported = builder.imported
        imported.title, imported.parent = text(thread.get("name")), text(thread.get("forked_from"))
        imported.updated_at = moment(thread.get("datetime_utc"))
        chain: list[dict[str, Any]] = []
        tip, seen = text(thread.get("tip_message_hash")), set[str]()
        while tip and tip not in seen:
            seen.add(tip)
            found = next(rows(source, connection, "SELECT * FROM messages WHERE hash = ?", tip), None)
            if found is None:
                break
            chain.append(found)
            tip = text(found.get("parent_hash"))
        turns = {
            text(turn["tip_message_hash"]): turn
            for turn in rows(source, connection, "SELECT * FROM turns WHERE thread_id = ?", thread["id"])
        }
        for message in reversed(chain):
            parts = list(
                rows(
                    source, connection, "SELECT * FROM parts WHERE message_hash = ? ORDER BY position", message["hash"]
                )
            )
            _add_message(builder, message, parts, mapping(turns.get(text(message["hash"]))))
        if not builder.is_empty:
            yield builder.build()


def _add_message(
    builder: Builder, message: Mapping[str, Any], parts: Sequence[Mapping[str, Any]], turn: Mapping[str, Any]
) -> None:
    role, at = text(message.get("role")), moment(turn.get("datetime_utc"))
    words = "\n\n".join(text(part.get("text")) for part in parts if part.get("type") == "text")
    if role == "assistant":
        draft = builder.answer(at, model=text(turn.get("resolved_model") or turn.get("model")) or None)
        _count(draft, turn)
        for part in parts:
            payload = mapping(loaded(part.get("payload")))
            if part.get("type") == "tool_call":
                call_id = text(payload.get("tool_call_id")) or builder.new_id()
                draft.add_call(call_id, text(payload.get("name")), arguments_text(payload.get("arguments")))
            elif part.get("type") == "reasoning":
                draft.add_thinking(text(part.get("text")))
            else:
                draft.add_text(text(part.get("text")))
    elif role == "system":
        builder.system(words, at).skip = False
    elif role == "tool":
        for part in parts:
            payload = mapping(loaded(part.get("payload")))
            _add_result(builder, payload, at)
    else:
        builder.user(words, at)


def _add_result(builder: Builder, result: Mapping[str, Any], at: datetime | None) -> None:
    call_id, name, failed = text(result.get("tool_call_id")), text(result.get("name")), bool(result.get("exception"))
    builder.result(call_id, _output(result), at, name=name or None, is_error=failed)


def _output(result: Mapping[str, Any]) -> str:
    output = result.get("output")
    return output if isinstance(output, str) else json_text(output) if output is not None else ""


def _count(draft: Draft, turn: Mapping[str, Any]) -> None:
    if turn.get("input_tokens") is not None or turn.get("output_tokens") is not None:
        details = turn.get("token_details")
        found = mapping(loaded(details) if isinstance(details, str) else details)
        cached = number(mapping(found.get("prompt_tokens_details")).get("cached_tokens"))
        fresh = max(number(turn.get("input_tokens")) - cached, 0)
        draft.usage = Usage(fresh, number(turn.get("output_tokens")), 0, cached)


def _conversations(source: Source, connection: sqlite3.Connection) -> Iterator[Imported]:
    tables = _tables(connection)
    if "responses" not in tables:
        return
    names = {row["id"]: row for row in rows(source, connection, "SELECT * FROM conversations")}
    query = "SELECT DISTINCT conversation_id FROM responses ORDER BY conversation_id"
    for key in [row["conversation_id"] for row in rows(source, connection, query)]:
        where = "WHERE conversation_id IS ? ORDER BY id"
        responses = list(rows(source, connection, f"SELECT * FROM responses {where}", key))  # noqa: S608 - no input
        for response in responses:
            for table in {"tool_calls", "tool_results"} & tables:
                found = rows(source, connection, f"SELECT * FROM {table} WHERE response_id = ?", response["id"])  # noqa: S608
                response[table] = list(found)
            response["conversation_name"] = mapping(names.get(key)).get("name")
        yield _from_responses(text(key) or text(responses[0]["id"]), responses, source.path)


def _from_responses(key: str, responses: Sequence[Mapping[str, Any]], path: Path | None) -> Imported:
    builder = Builder(TOOL, key, path)
    builder.imported.title = text(responses[0].get("conversation_name"))
    system = ""
    for response in responses:
        at = moment(response.get("datetime_utc"))
        words = text(response.get("system"))
        if words and words != system:
            system = words
            builder.system(words, at).skip = False
        for result in objects(response.get("tool_results")):
            _add_result(builder, result, at)
        if prompt := text(response.get("prompt")):
            builder.user(prompt, at)
        draft = builder.answer(at, model=text(response.get("resolved_model") or response.get("model")) or None)
        draft.add_thinking(text(response.get("reasoning")))
        draft.add_text(text(response.get("response")))
        for call in objects(response.get("tool_calls")):
            call_id = text(call.get("tool_call_id")) or builder.new_id()
            draft.add_call(call_id, text(call.get("name")), arguments_text(call.get("arguments")))
        _count(draft, response)
        if response.get("attachments"):
            builder.lose("attachments", len(response["attachments"]))
    return builder.build()
