"""The format of ShareGPT data sets: turns with ``from`` and ``value``."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from aloop.importers.draft import Builder
from aloop.importers.imported import Imported
from aloop.importers.json_decoder import decode
from aloop.importers.plain.fields import keep_fields, lose_fields
from aloop.importers.plain.openai import AROUND, new_builder
from aloop.importers.source import Source
from aloop.importers.values import arguments_text, mapping, objects, text

TOOL = "sharegpt"
_ANSWERS = ("gpt", "assistant", "chatgpt", "bing", "bard", "model")
_FIELDS = frozenset({"from", "role", "value", "content"})
_RESULTS = ("observation", "tool", "function_response", "tool_response")

_KNOWN = frozenset({*_ANSWERS, *_RESULTS, "function_call", "system", "human", "user"})


def read(source: Source) -> Iterator[Imported]:
    """Yield each conversation."""
    for value in source.lines() if source.is_lines else source.elements():
        if turns := objects(mapping(value).get("conversations") or mapping(value).get("conversation")):
            yield _build(source.path, turns, mapping(value))


def _build(path: Path | None, turns: Sequence[Mapping[str, Any]], around: Mapping[str, Any]) -> Imported:
    builder = new_builder(TOOL, text(around.get("id")), turns, path)
    builder.imported.model = text(around.get("model")) or None
    builder.imported.exported_from = text(around.get("id"))  # other IDs are not those of sessions
    waiting: deque[str] = deque()
    if system := text(around.get("system")):
        builder.system(system).skip = False
    for turn in turns:
        start = len(builder.drafts)
        author, words = text(turn.get("from") or turn.get("role")), text(turn.get("value") or turn.get("content"))
        if author in _ANSWERS:
            builder.answer().add_text(words)
        elif author == "function_call":
            _calls(builder, words, waiting)
        elif author in _RESULTS:
            builder.result(waiting.popleft() if waiting else "", words)
        elif author == "system":
            builder.system(words).skip = False
        else:
            builder.user(words)
        is_known = not author or author in _KNOWN
        keep_fields(builder, min(start, len(builder.drafts) - 1), turn, _FIELDS if is_known else {"value", "content"})
    lose_fields(builder, around, AROUND.union(("conversations", "conversation", "system")))
    return builder.build()


def _calls(builder: Builder, words: str, waiting: deque[str]) -> None:
    """Add the calls in a turn to the answer just before it, or to a new one."""
    try:
        value = decode(words)
    except (ValueError, RecursionError):
        value = None
    last = builder.drafts[-1] if builder.drafts else None
    draft = last if last is not None and last.role == "assistant" else builder.answer()
    for call in objects(value) or [dict(mapping(value))]:
        call_id = builder.new_id()
        waiting.append(call_id)
        arguments = call.get("arguments") if call else {"input": words}
        draft.add_call(call_id, text(call.get("name")) or "function", arguments_text(arguments))
