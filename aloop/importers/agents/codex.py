"""Codex CLI: one file of JSON lines for each session, in ``~/.codex/sessions``.

Each item appears twice, as the model saw it and as an event for the screen. The former are read; the events show
only which of the user's texts were typed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from aloop.importers.blocks import content_json, content_text, texts_of
from aloop.importers.draft import Builder, Draft
from aloop.importers.imported import Imported
from aloop.importers.json_decoder import decode
from aloop.importers.source import Source, read_below
from aloop.importers.values import (
    arguments_text,
    exported_from,
    items,
    joined,
    mapping,
    moment,
    number,
    objects,
    text,
)
from aloop.llm.message_types import Usage

TOOL = "codex"
_INDEX = "session_index.jsonl"
_FOLDERS = ("sessions", "archived_sessions")
_EXIT_CODE = re.compile(r"\A(?:Exit code: |(?:.*\n)*?.*\bexited with code )(-?\d+)\b")
_CALLS = ("function_call", "custom_tool_call", "local_shell_call", "web_search_call", "tool_search_call")
_OUTPUTS = ("function_call_output", "custom_tool_call_output", "local_shell_call_output", "tool_search_output")
_ENDS = ("patch_apply_end", "mcp_tool_call_end", "exec_command_end")
_COMMANDS = ("exec_command_end", "CommandExecution")
"""The ends of commands, which may be long after their result, so that only the latter shows whether they failed."""
_IMAGE_TAG = re.compile(r"<image(?: [^<>]*)?>|</image>")
"""A part of a message before or after an image."""
_INJECTED = ("<environment_context>", "<user_instructions>", "# AGENTS.md instructions", "<turn_aborted>")


def read(source: Source) -> Iterator[Imported]:
    """Yield the session of a file."""
    reader = _Reader(source)
    for data in source.lines():
        reader.add(data)
    if reader.builder and not reader.builder.is_empty:
        imported = reader.finish()
        imported.title = _title_in_index(source.path, imported.foreign_id) or imported.title
        yield imported


def _title_in_index(path: Path | None, session_id: str) -> str:
    """Return the title in the file that newer versions have for all sessions."""
    folders = path.absolute().parents if path else ()
    home = next((folder.parent for folder in folders if folder.name in _FOLDERS), None)
    try:
        changed = (home / _INDEX).lstat().st_mtime_ns if home else 0
    except OSError:
        return ""
    return _titles(home, changed).get(session_id, "") if home else ""


@lru_cache(maxsize=1)
def _titles(home: Path, _changed: int) -> dict[str, str]:
    """Return the titles of all sessions by their IDs, the last one of each."""
    found: dict[str, str] = {}
    try:
        lines = read_below(home, home / _INDEX).splitlines()
    except OSError:
        return found
    for line in lines:
        with suppress(ValueError, RecursionError):  # a line that is just being written
            entry = mapping(decode(line))
            found[text(entry.get("id"))] = text(entry.get("thread_name"))
    return found


class _Reader:
    def __init__(self, source: Source) -> None:
        self._source = source
        self.builder: Builder | None = None
        self._answer: Draft | None = None
        self._model: str | None = None
        self._typed: set[str] = set()
        self._users: dict[int, tuple[Draft, str]] = {}
        self._failed: set[str] = set()
        self._turns = 0

    def add(self, data: Mapping[str, Any]) -> None:
        kind, payload, at = text(data.get("type")), mapping(data.get("payload")), moment(data.get("timestamp"))
        if kind == "session_meta":
            self._begin(payload, at)
            return
        if not kind and data.get("id") and self.builder is None:
            # The first layout: bare items after a line with the ID.
            self._begin(data, at)
            return
        if self.builder is None:
            self._begin({"id": self._source.path.stem if self._source.path else "unnamed"}, at)
        if kind in ("message", "reasoning", *_CALLS, *_OUTPUTS):
            self._item(data, kind, at)
        elif kind == "response_item":
            self._item(payload, text(payload.get("type")), at)
        elif kind == "event_msg":
            self._event(payload, at)
        elif kind == "turn_context":
            self._model = text(payload.get("model")) or self._model
            self._place(payload)
        elif kind == "compacted":
            self._compacted(payload, at)
        else:
            self._builder.lose("records of the program's state")

    def finish(self) -> Imported:
        builder = self._builder
        for draft in builder.drafts:
            draft.is_error |= draft.call_id in self._failed
        if self._typed:
            for draft, words in self._users.values():
                # A text without an event was inserted by the program.
                draft.skip |= words not in self._typed
        else:
            for draft, _ in self._users.values():
                draft.skip |= draft.content.lstrip().startswith(_INJECTED)
        return builder.build()

    @property
    def _builder(self) -> Builder:
        return cast("Builder", self.builder)  # the first line has made it

    def _begin(self, meta: Mapping[str, Any], at: datetime | None) -> None:
        if self.builder is not None:
            imported = self.builder.imported
            imported.exported_from = imported.exported_from or exported_from(meta)
            return  # a fork begins with the lines of its parent; the first ones are its own
        self.builder = Builder(TOOL, text(meta.get("id")), self._source.path)
        imported = self.builder.imported
        imported.created_at = moment(meta.get("timestamp")) or at
        imported.version, imported.exported_from = text(meta.get("cli_version")), exported_from(meta)
        imported.parent = text(meta.get("forked_from_id"))
        spawned = mapping(mapping(mapping(meta.get("source")).get("subagent")).get("thread_spawn"))
        if spawned:
            imported.kind, imported.parent = "subagent", text(spawned.get("parent_thread_id"))
        self._place(meta)
        instructions = meta.get("base_instructions") or meta.get("instructions")
        if words := text(mapping(instructions).get("text")) or text(instructions):
            self.builder.system(words, at)

    def _place(self, value: Mapping[str, Any]) -> None:
        self._builder.imported.cwd = self._builder.imported.cwd or text(value.get("cwd"))

    def _item(self, item: Mapping[str, Any], kind: str, at: datetime | None) -> None:
        builder = self._builder
        if kind == "message":
            self._message(item, at)
        elif kind == "reasoning":
            answer = self._current(at)
            thoughts = [
                text(part.get("text")) for part in (*objects(item.get("summary")), *objects(item.get("content")))
            ]
            answer.add_thinking(joined(thoughts))
            if sealed := text(item.get("encrypted_content")):
                answer.foreign.setdefault("encrypted_content", []).append(sealed)
        elif kind in _CALLS:
            self._call(item, kind, at)
        elif kind in _OUTPUTS:
            self._answer = None
            content, is_error = _output(builder, item.get("output"))
            builder.result(text(item.get("call_id") or item.get("id")), content, at, is_error=is_error)
        else:
            builder.lose("records of the program's state")

    def _message(self, item: Mapping[str, Any], at: datetime | None) -> None:
        role, words = text(item.get("role")), content_text(self._builder, item.get("content"))
        if role == "assistant":
            self._current(at).add_text(words)
        elif role in ("developer", "system"):
            self._answer = None
            self._builder.system(words, at)
        elif words:
            self._answer = None
            draft, typed = self._builder.user(words, at), _typed_words(item.get("content"))
            self._users[id(draft)] = draft, typed
            kinds = mapping(item.get("internal_chat_message_metadata_passthrough")).get("content_item_kinds")
            if any(text(kind).startswith("user.") for kind in items(kinds)):
                self._typed.add(typed)

    def _call(self, item: Mapping[str, Any], kind: str, at: datetime | None) -> None:
        call_id = text(item.get("call_id") or item.get("id")) or self._builder.new_id()
        if kind == "custom_tool_call":
            arguments = json.dumps({"input": text(item.get("input"))}, ensure_ascii=False)
        else:
            arguments = arguments_text(item.get("arguments") or item.get("action"))
        self._current(at).add_call(call_id, text(item.get("name")) or kind.removesuffix("_call"), arguments)

    def _current(self, at: datetime | None) -> Draft:
        """Return the answer that is being written."""
        if self._answer is None:
            self._answer = self._builder.answer(at, model=self._model)
        return self._answer

    def _event(self, payload: Mapping[str, Any], at: datetime | None) -> None:
        kind = text(payload.get("type"))
        item = mapping(payload.get("item"))
        if kind == "user_message":
            self._typed.add(_without_space(text(payload.get("message"))))
        elif kind == "item_completed" and item.get("type") == "UserMessage":
            self._typed.add(_without_space(texts_of(item.get("content"))))
        elif kind in _ENDS or kind == "item_completed":
            self._end_call(item or payload)
        elif kind == "token_count":
            self._count(mapping(mapping(payload.get("info")).get("last_token_usage")))
            self._answer = None
        elif kind == "turn_aborted":
            answer = self._answer or self._builder.answer(at, model=self._model)
            answer.interrupted = True
            self._answer = None
        elif kind == "thread_name_updated":
            self._builder.imported.title = text(payload.get("thread_name"))
        elif kind == "thread_rolled_back":
            self._roll_back(number(payload.get("num_turns")))

    def _end_call(self, end: Mapping[str, Any]) -> None:
        """Record a failed call, which its result does not always show."""
        result = mapping(end.get("result"))
        has_failed = end.get("status") == "failed" and end.get("type") not in _COMMANDS
        if (
            has_failed
            or end.get("status") == "declined"
            or end.get("success") is False
            or "Err" in result
            or (mapping(result.get("Ok")) or result).get("isError") is True
        ):
            self._failed.add(text(end.get("call_id") or end.get("id")))

    def _count(self, tokens: Mapping[str, Any]) -> None:
        answer = self._builder.last_answer
        if answer is None or not tokens:
            return
        cached = number(tokens.get("cached_input_tokens"))
        answer.usage = Usage(
            max(number(tokens.get("input_tokens")) - cached, 0),
            number(tokens.get("output_tokens")),
            number(tokens.get("cache_write_input_tokens")),
            cached,
        )

    def _compacted(self, payload: Mapping[str, Any], at: datetime | None) -> None:
        self._answer = None
        replaced = (
            content_text(self._builder, each.get("content")) for each in objects(payload.get("replacement_history"))
        )
        words = text(payload.get("message")) or joined(replaced)
        if words:
            self._builder.user(words, at, summary=True)

    def _roll_back(self, turns: int) -> None:
        """Mark the last turns as skipped, from their question on."""
        for draft in reversed(self._builder.drafts):
            if turns <= 0:
                return
            draft.skip = True
            turns -= id(draft) in self._users


def _typed_words(content: object) -> str:
    """Return the words in a message of the user as an event has them: without images."""
    words = [content] if isinstance(content, str) else [text(part.get("text")) for part in objects(content)]
    return _without_space("".join(each for each in words if not _IMAGE_TAG.fullmatch(each.strip())))


def _without_space(words: str) -> str:
    # Events join the parts of a message in other ways.
    return "".join(words.split())


def _output(builder: Builder, value: object) -> tuple[str, bool]:
    """Return the text of a result, and True if its command failed."""
    failed = False
    if isinstance(value, Mapping):
        failed = value.get("success") is False
        value = value.get("content") if "content" in value else content_json(builder, dict(value))
    words = content_text(builder, value)
    if words.startswith("{"):
        try:
            wrapped = decode(words)
        except (ValueError, RecursionError):
            wrapped = None
        if isinstance(wrapped, dict) and isinstance(wrapped.get("output"), str) and "metadata" in wrapped:
            return wrapped["output"], bool(mapping(wrapped["metadata"]).get("exit_code"))
    head, found, _ = words.partition("\nOutput:\n")
    code = _EXIT_CODE.match(head) if found else None
    return words, failed or bool(code and code[1] != "0")
