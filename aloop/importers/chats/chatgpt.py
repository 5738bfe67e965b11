"""The export of ChatGPT: a list of conversations, each a tree of messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from aloop.importers.blocks import content_json
from aloop.importers.draft import Builder
from aloop.importers.imported import Imported
from aloop.importers.source import Source
from aloop.importers.tree import Branch, paths
from aloop.importers.values import arguments_text, items, joined, mapping, moment, objects, text

TOOL = "chatgpt"
_KNOWN = {"content_type", "parts", "text", "language", "result", "thoughts", "content", "source_analysis_msg_id"}


def read(source: Source) -> Iterator[Imported]:
    """Yield each conversation, followed by its branches."""
    for value in source.elements():
        conversation = mapping(value)
        nodes = mapping(conversation.get("mapping"))
        if not nodes:
            source.problems["conversations without messages"] += 1
            continue
        parents = {str(key): text(mapping(node).get("parent")) for key, node in nodes.items()}
        foreign_id = text(conversation.get("conversation_id") or conversation.get("id")) or next(iter(parents))
        for branch in paths(parents, text(conversation.get("current_node"))):
            yield _build(conversation, nodes, branch, foreign_id, source.path)


def _build(
    conversation: Mapping[str, Any], nodes: Mapping[str, Any], branch: Branch, foreign_id: str, path: Path | None
) -> Imported:
    builder = Builder(TOOL, foreign_id, path)
    imported = builder.imported
    imported.title = text(conversation.get("title"))
    imported.created_at = moment(conversation.get("create_time"))
    imported.model = text(conversation.get("default_model_slug")) or None
    if branch.fork:
        imported.kind, imported.branch, imported.parent = "branch", branch.fork, foreign_id
    else:
        imported.updated_at = moment(conversation.get("update_time"))
    _add(builder, (mapping(mapping(nodes[each]).get("message")) for each in branch.ids))
    return builder.build()


def _add(builder: Builder, messages: Iterable[Mapping[str, Any]]) -> None:
    open_calls: list[tuple[str, str]] = []
    for message in messages:
        if not message:
            continue
        author, metadata = mapping(message.get("author")), mapping(message.get("metadata"))
        role, at = text(author.get("role")), moment(message.get("create_time"))
        content = mapping(message.get("content"))
        words = _words(builder, content)
        hidden = metadata.get("is_visually_hidden_from_conversation") is True
        recipient = text(message.get("recipient")) or "all"
        if role == "system":
            if words:
                builder.system(words, at)
        elif role == "tool":
            name = text(author.get("name"))
            index = next(
                (index for index, call in enumerate(open_calls) if call[1].partition(".")[0] == name.partition(".")[0]),
                0,
            )
            call_id = open_calls.pop(index)[0] if open_calls else _call_for_result(builder, name, at)
            builder.result(call_id, words, at, name=name or None)
        elif role == "assistant":
            model = text(metadata.get("model_slug")) or None
            draft = builder.drafts[-1] if builder.drafts else None
            if draft is None or (draft.role, draft.model, draft.skip) != ("assistant", model, hidden):
                draft = builder.answer(at, model=model, skip=hidden)
            if recipient != "all":
                call_id = builder.new_id()
                open_calls.append((call_id, recipient))
                draft.add_call(call_id, recipient, _arguments(content, words))
            elif content.get("content_type") in ("thoughts", "reasoning_recap"):
                draft.add_thinking(words)
            else:
                draft.add_text(words)
            for key in ("citations", "content_references"):
                if metadata.get(key):
                    draft.foreign.setdefault(key, []).extend(items(metadata[key]))
            if text(message.get("status")) == "in_progress":
                draft.interrupted = True
        elif words:
            builder.user(words, at, skip=hidden)


def _call_for_result(builder: Builder, name: str, at: Any) -> str:
    """Make the call of a result whose call is not in the export."""
    call_id = builder.new_id()
    builder.answer(at).add_call(call_id, name or "tool", "{}")
    builder.lose("calls that are missing in the export, added for their results")
    return call_id


def _arguments(content: Mapping[str, Any], words: str) -> str:
    stripped = words.strip()
    if stripped.startswith("{") and stripped.endswith("}"):
        return stripped
    key = "code" if content.get("content_type") == "code" else "text"
    return arguments_text({key: words})


def _words(builder: Builder, content: Mapping[str, Any]) -> str:
    """Return the text of a message of any type."""
    kind = text(content.get("content_type"))
    if kind == "thoughts":
        thoughts = objects(content.get("thoughts"))
        return joined(joined((text(each.get("summary")), text(each.get("content")))) for each in thoughts)
    parts = items(content.get("parts"))
    if len(parts) == 1 and isinstance(parts[0], str) and parts[0]:
        return parts[0]  # as in most messages
    if main := joined(part if isinstance(part, str) else _part(builder, mapping(part)) for part in parts):
        return main
    if main := next((text(content[key]) for key in ("text", "result", "content") if content.get(key)), ""):
        return main
    more = {key: value for key, value in content.items() if key not in _KNOWN and value}
    return content_json(builder, more) if more else ""


def _part(builder: Builder, part: Mapping[str, Any]) -> str:
    if part.get("asset_pointer"):
        pointer = text(part["asset_pointer"])
        builder.lose("images and files that are not in the list of conversations")
        return f"[{text(part.get('content_type')).removesuffix('_asset_pointer') or 'file'}: {pointer}]"
    return text(part.get("text")) or (content_json(builder, dict(part)) if part else "")
