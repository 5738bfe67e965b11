"""The export of Claude.ai, and a conversation as its web page gets it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from aloop.importers.blocks import add_answer_blocks, content_text
from aloop.importers.draft import Builder
from aloop.importers.imported import Imported
from aloop.importers.source import Source
from aloop.importers.tree import paths
from aloop.importers.values import joined, mapping, moment, objects, text

TOOL = "claude-ai"
_ROOT = "00000000-0000-4000-8000-000000000000"


def read(source: Source) -> Iterator[Imported]:
    """Yield each conversation, followed by its branches."""
    for value in source.elements():
        conversation = mapping(value)
        messages = objects(conversation.get("chat_messages"))
        if not messages:
            source.problems["conversations without messages"] += 1
            continue
        foreign_id = text(conversation.get("uuid"))
        if not any(message.get("parent_message_uuid") for message in messages):
            yield _build(conversation, messages, foreign_id, source.path)
            continue
        by_id = {text(message.get("uuid")): message for message in messages}
        parents = {key: text(message.get("parent_message_uuid")) for key, message in by_id.items()}
        for branch in paths(parents, text(conversation.get("current_leaf_message_uuid"))):
            imported = _build(conversation, [by_id[each] for each in branch.ids], foreign_id, source.path)
            if branch.fork:
                imported.kind, imported.branch, imported.parent = "branch", branch.fork, foreign_id
            yield imported


def _build(
    conversation: Mapping[str, Any], messages: Sequence[Mapping[str, Any]], foreign_id: str, path: Path | None
) -> Imported:
    builder = Builder(TOOL, foreign_id, path)
    imported = builder.imported
    imported.title = text(conversation.get("name"))
    imported.created_at = moment(conversation.get("created_at"))
    imported.model = text(conversation.get("model")) or None
    for message in messages:
        at = moment(message.get("created_at"))
        if message.get("sender") == "human":
            blocks = message.get("content") or message.get("text")
            builder.user(joined((content_text(builder, blocks), *_attachments(builder, message))), at)
        else:
            draft = builder.answer(at, text(message.get("uuid")), model=imported.model)
            add_answer_blocks(builder, draft, _with_ids(builder, message) or message.get("text"), at)
            draft.add_text(joined(_attachments(builder, message)))
            draft.stop_reason = "max_tokens" if message.get("stop_reason") == "max_tokens" else None
            draft.interrupted = message.get("stop_reason") == "user_canceled"
    return builder.build()


def _with_ids(builder: Builder, message: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the blocks, with IDs for calls and results without one."""
    waiting: deque[str] = deque()
    blocks = []
    for block in objects(message.get("content")):
        if block.get("type") == "tool_use" and not block.get("id"):
            block = {**block, "id": builder.new_id()}
            waiting.append(block["id"])
        elif block.get("type") == "tool_result" and not block.get("tool_use_id"):
            block = {**block, "tool_use_id": waiting.popleft() if waiting else builder.new_id()}
        blocks.append(block)
    return blocks


def _attachments(builder: Builder, message: Mapping[str, Any]) -> Iterator[str]:
    for each in objects(message.get("attachments")):
        name = text(each.get("file_name"))
        yield f'<file path="{name}">\n{text(each.get("extracted_content"))}\n</file>'
    for each in objects(message.get("files")):
        yield f"[{text(each.get('file_kind')) or 'file'}: {text(each.get('file_name'))}, not in the export]"
        builder.lose("files whose content is not in the export")
