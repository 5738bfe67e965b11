"""pi: one file of JSON lines for each session, in newer versions a tree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from aloop.importers.blocks import content_text
from aloop.importers.draft import Builder
from aloop.importers.imported import Imported
from aloop.importers.source import Source
from aloop.importers.tree import paths
from aloop.importers.values import arguments_text, exported_from, mapping, moment, number, objects, own_facts, text
from aloop.llm.message_types import Usage

TOOL = "pi"
_PROVIDER = "anthropic"


def read(source: Source) -> Iterator[Imported]:
    """Yield the session of a file, then its branches."""
    lines = list(source.lines())
    if not lines:
        return
    header, entries = lines[0], lines[1:]
    foreign_id = text(header.get("id"))
    if not any(entry.get("id") for entry in entries):
        yield _build(header, entries, foreign_id, source.path)
        return
    by_id = {text(entry.get("id")): entry for entry in entries}
    parents = {key: text(entry.get("parentId")) for key, entry in by_id.items()}
    for branch in paths(parents, next(reversed(by_id))):
        imported = _build(header, [by_id[each] for each in branch.ids], foreign_id, source.path)
        if branch.fork:
            imported.kind, imported.branch, imported.parent = "branch", branch.fork, foreign_id
        yield imported


def _build(
    header: Mapping[str, Any], entries: Sequence[Mapping[str, Any]], foreign_id: str, path: Path | None
) -> Imported:
    builder = Builder(TOOL, foreign_id, path)
    imported = builder.imported
    imported.cwd, imported.version = text(header.get("cwd")), text(header.get("version"))
    imported.created_at, imported.exported_from = moment(header.get("timestamp")), exported_from(header)
    first_kept = {_kept_index(entries, entry): entry for entry in entries if entry.get("type") == "compaction"}
    for index, entry in enumerate(entries):
        if index in first_kept:
            # The messages that were kept follow the summary.
            summary = first_kept[index]
            builder.user(text(summary.get("summary")), moment(summary.get("timestamp")), summary=True)
        _add(builder, entry)
    return builder.build()


def _kept_index(entries: Sequence[Mapping[str, Any]], compaction: Mapping[str, Any]) -> int:
    """Return the place of the first entry that a compaction kept."""
    own = next(index for index, entry in enumerate(entries) if entry is compaction)
    wanted, place = text(compaction.get("firstKeptEntryId")), compaction.get("firstKeptEntryIndex")
    found = next((index for index, entry in enumerate(entries) if wanted and entry.get("id") == wanted), None)
    if found is None and isinstance(place, int) and 0 < place <= own:
        found = place - 1  # counted with the header
    return own if found is None else min(found, own)


def _add(builder: Builder, entry: Mapping[str, Any]) -> None:
    kind, at = text(entry.get("type")), moment(entry.get("timestamp"))
    if kind == "message":
        _add_message(builder, mapping(entry.get("message")), at)
    elif kind == "session_info":
        builder.imported.title = text(entry.get("name")) or builder.imported.title
    elif kind == "branch_summary":
        builder.user(text(entry.get("summary")), at)
    elif kind == "custom_message":
        builder.user(content_text(builder, entry.get("content")), at)
    elif kind != "compaction":
        builder.lose("changes to the model and other settings")


def _add_message(builder: Builder, message: Mapping[str, Any], at: datetime | None) -> None:
    match message.get("role"):
        case "user":
            builder.user(content_text(builder, message.get("content")), at, interrupted=_is_marked(message))
        case "assistant":
            _add_answer(builder, message, at)
        case "toolResult":
            content = content_text(builder, message.get("content"))
            name, failed = text(message.get("toolName")) or None, message.get("isError") is True
            builder.result(text(message.get("toolCallId")), content, at, name=name, is_error=failed)
        case "bashExecution":
            skip = message.get("excludeFromContext") is True
            words = f"$ {text(message.get('command'))}\n{text(message.get('output'))}"
            builder.user(words, at, skip=skip, foreign={"exit_code": message.get("exitCode")})
        case _:
            builder.user(content_text(builder, message.get("content")), at)


def _is_marked(message: Mapping[str, Any]) -> bool:
    """Return True for a message of an export that was interrupted in aloop."""
    return own_facts(message).get("interrupted") is True


def _add_answer(builder: Builder, message: Mapping[str, Any], at: datetime | None) -> None:
    usage = mapping(message.get("usage"))
    draft = builder.answer(at, model=text(message.get("model")) or None, separator="")
    is_anthropic = message.get("provider") == _PROVIDER
    for part in objects(message.get("content")):
        if part.get("type") == "toolCall":
            call_id = text(part.get("id")) or builder.new_id()
            draft.add_call(call_id, text(part.get("name")), arguments_text(part.get("arguments")))
        elif part.get("type") == "thinking":
            signature = text(part.get("thinkingSignature"))
            if part.get("redacted"):
                draft.add_thinking(redacted=signature if is_anthropic else "")
            else:
                draft.add_thinking(text(part.get("thinking")), signature=signature if is_anthropic else "")
            if signature and not is_anthropic:
                draft.foreign.setdefault("thinking_signatures", []).append(signature)
        else:
            draft.add_text(content_text(builder, [part]))
    if usage:
        keys = ("input", "output", "cacheWrite", "cacheRead")
        draft.usage = Usage(*(number(usage.get(key)) for key in keys))
    draft.interrupted = message.get("stopReason") == "aborted" or _is_marked(message)
    if message.get("stopReason") == "length":
        draft.stop_reason = "max_tokens"
    draft.foreign["provider"] = message.get("provider")
    draft.foreign["error"] = message.get("errorMessage")
    if draft.foreign["error"] and not (draft.content or draft.tool_calls or draft.thoughts):
        draft.add_text(text(message.get("errorMessage")))
        draft.skip = True
