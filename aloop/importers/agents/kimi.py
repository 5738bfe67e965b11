"""Kimi: the log of Kimi Code, and the messages of the older kimi-cli."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from aloop.importers.blocks import content_text
from aloop.importers.draft import Builder, Draft
from aloop.importers.imported import Imported
from aloop.importers.places import kimi_slug
from aloop.importers.source import Source, json_below
from aloop.importers.values import arguments_text, mapping, moment, number, objects, text
from aloop.llm.message_types import Usage

TOOL = "kimi"
_ERROR = "<system>ERROR: "
_CHECKPOINT = re.compile(r"<system>CHECKPOINT \d+</system>")
_STAMP = re.compile(rb'^\{"timestamp": ?(\d{1,12}(?:\.\d{1,9})?)', re.MULTILINE)
_END = 65_536
"""Bytes at each end of a log in which its times are looked for."""


def read(source: Source) -> Iterator[Imported]:
    """Yield the session of a file."""
    path = source.path
    reader = _Reader(Builder(TOOL, _id_of(source), path))
    for data in source.lines():
        reader.add(data)
    imported = reader.builder.imported
    if path and path.name.startswith("context"):
        _describe_old(imported, path)
    else:
        state = _state(source)
        imported.title, imported.cwd = text(state.get("title")), text(state.get("workDir")) or imported.cwd
    if path and path.parent.parent.name == "agents" and path.parent.name != "main":
        imported.kind, imported.parent = "subagent", path.parents[2].name
    if not reader.builder.is_empty:
        yield reader.builder.build()


def _id_of(source: Source) -> str:
    path = source.path
    if path is None:
        return "unnamed"
    if path.name == "wire.jsonl" and path.parent.parent.name == "agents":
        session = path.parents[2].name
        return session if path.parent.name == "main" else f"{session}/{path.parent.name}"
    if path.parent.parent.name == "subagents":
        return f"{path.parents[2].name}/{path.parent.name}"
    # A file that was moved from its place is known by its own name, too.
    return path.parent.name if path.stem.startswith("context") else f"{path.parent.name}/{path.stem}"


def _describe_old(imported: Imported, path: Path) -> None:
    """Set what kimi-cli stores beside the messages: kind, title, folder and times."""
    folder = path.parent
    if folder.parent.name == "subagents":
        imported.kind, folder = "subagent", folder.parents[1]
        imported.parent = folder.name
    elif path.stem != "context":
        # The messages before the user went back to an earlier one, or before a summary took their place.
        imported.kind, imported.branch, imported.parent = "branch", path.stem, folder.name
    else:
        imported.title = text(mapping(json_below(folder, folder / "state.json")).get("custom_title"))
    imported.created_at, imported.updated_at = _span(path.with_name("wire.jsonl"))
    if len(folder.parents) > 2:
        known = mapping(json_below(folder.parents[2], folder.parents[2] / "kimi.json")).get("work_dirs")
        paths = (text(each.get("path")) for each in objects(known))
        imported.cwd = next((each for each in paths if kimi_slug(each) == folder.parent.name), "")


def _span(path: Path) -> tuple[datetime | None, datetime | None]:
    """Return the first and the last time in a log, of which only the ends are read."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return None, None
        with path.open("rb") as stream:
            head = stream.read(_END)
            stream.seek(max(0, stream.seek(0, os.SEEK_END) - _END))
            tail = stream.read()
    except OSError:
        return None, None
    times = [moment(float(found[1])) for found in _STAMP.finditer(head + b"\n" + tail)]
    return (times[0], times[-1]) if times else (None, None)


def _state(source: Source) -> Mapping[str, Any]:
    path = source.path
    if path is None or path.name != "wire.jsonl" or len(path.parents) < 3:
        return {}
    return mapping(json_below(path.parents[2], path.parents[2] / "state.json"))


class _Reader:
    def __init__(self, builder: Builder) -> None:
        self.builder = builder
        self._model: str | None = None
        self._answer: Draft | None = None

    def add(self, data: Mapping[str, Any]) -> None:
        kind, at = text(data.get("type")), moment(data.get("time") or data.get("timestamp"))
        if "role" in data and not kind:
            self._old_message(data, at)
        elif kind == "context.append_message":
            self._message(mapping(data.get("message")), at)
        elif kind == "context.append_loop_event":
            self._event(mapping(data.get("event")), at)
        elif kind in ("config.update", "profile.bind"):
            self._model = text(data.get("modelAlias")) or self._model
            cwd = mapping(data.get("environmentDisclosure")).get("cwd")
            self.builder.imported.cwd = text(cwd) or self.builder.imported.cwd
            if words := text(data.get("systemPrompt")):
                self._system(words, at)
        elif kind == "turn.cancel":
            if self._answer is not None:
                self._answer.interrupted = True
        elif kind == "metadata":
            self.builder.imported.created_at = moment(data.get("created_at"))
            self.builder.imported.version = text(data.get("protocol_version"))
        elif not kind.startswith("turn."):
            self.builder.lose("records of the program's state")

    def _system(self, words: str, at: datetime | None) -> None:
        if not any(draft.role == "system" and draft.content == words for draft in self.builder.drafts):
            self.builder.system(words, at)

    def _message(self, message: Mapping[str, Any], at: datetime | None) -> None:
        role = text(message.get("role"))
        words = content_text(self.builder, message.get("content"))
        if role == "assistant":
            draft = self.builder.answer(at, model=self._model)
            self._add_parts(draft, message)
        elif role == "tool":
            call_id = text(message.get("toolCallId") or message.get("tool_call_id"))
            failed = message.get("isError") is True or words.startswith(_ERROR)
            self.builder.result(call_id, words, at, is_error=failed)
        elif words:
            origin = text(mapping(message.get("origin")).get("kind"))
            self.builder.user(
                words, at, skip=origin not in ("", "user"), foreign={"origin": origin if origin != "user" else ""}
            )
        self._answer = None

    def _add_parts(self, draft: Draft, message: Mapping[str, Any]) -> None:
        content = message.get("content")
        for part in objects(content) or [{"type": "text", "text": text(content)}]:
            if part.get("type") == "think":
                self._think(draft, part)
            else:
                draft.add_text(content_text(self.builder, [part]))
        for call in objects(message.get("toolCalls") or message.get("tool_calls")):
            function = mapping(call.get("function")) or call
            call_id = text(call.get("id")) or self.builder.new_id()
            draft.add_call(call_id, text(function.get("name")), arguments_text(function.get("arguments")))

    def _think(self, draft: Draft, part: Mapping[str, Any]) -> None:
        draft.add_thinking(text(part.get("think")))
        if sealed := part.get("encrypted"):
            draft.foreign.setdefault("encrypted", []).append(sealed)

    def _event(self, event: Mapping[str, Any], at: datetime | None) -> None:
        kind = text(event.get("type"))
        if kind == "step.begin":
            self._answer = self.builder.answer(at, text(event.get("uuid")), model=self._model)
            return
        if kind == "tool.result":
            result = mapping(event.get("result"))
            words = content_text(self.builder, result.get("output"))
            self.builder.result(text(event.get("toolCallId")), words, at, is_error=result.get("isError") is True)
            return
        answer = self.builder.answer(at, text(event.get("stepUuid") or event.get("uuid")), model=self._model)
        if kind == "content.part":
            part = mapping(event.get("part"))
            if part.get("type") == "think":
                self._think(answer, part)
            else:
                answer.add_text(content_text(self.builder, [part]))
        elif kind == "tool.call":
            call_id = text(event.get("toolCallId")) or self.builder.new_id()
            answer.add_call(call_id, text(event.get("name")), arguments_text(event.get("args")))
        elif kind == "step.end":
            usage = mapping(event.get("usage"))
            keys = ("inputOther", "output", "inputCacheCreation", "inputCacheRead")
            answer.usage = Usage(*(number(usage.get(key)) for key in keys)) if usage else None

    def _old_message(self, data: Mapping[str, Any], at: datetime | None) -> None:
        """Add a line of kimi-cli in OpenAI's format; roles with an underscore are notes."""
        role = text(data.get("role"))
        if role == "_system_prompt":
            self._system(content_text(self.builder, data.get("content")), at)
        elif role == "assistant":
            self._add_parts(self.builder.answer(at, model=self._model), data)
        elif role == "tool":
            words = content_text(self.builder, data.get("content"))
            self.builder.result(text(data.get("tool_call_id")), words, at, is_error=words.startswith(_ERROR))
        elif not role.startswith("_"):
            words = content_text(self.builder, data.get("content"))
            self.builder.user(words, at, skip=bool(_CHECKPOINT.fullmatch(words)))
