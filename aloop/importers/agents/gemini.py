"""Gemini CLI: one JSON file, or one of JSON lines, for each session."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from aloop.importers.blocks import content_json
from aloop.importers.draft import Builder, Draft
from aloop.importers.imported import Imported
from aloop.importers.plain.openai import new_builder
from aloop.importers.source import Source, read_below
from aloop.importers.values import arguments_text, items, joined, mapping, moment, number, objects, text
from aloop.llm.message_types import Usage

TOOL = "gemini-cli"
_FAILED = ("error", "cancelled")


def read(source: Source) -> Iterator[Imported]:
    """Yield the session of a file."""
    if source.is_lines:
        header, records = _replay(source)
    else:
        document = source.document()
        header = mapping(document)
        records = objects(header.get("messages"))
        contents = objects(document) or objects(header.get("history"))
        if contents and not records:
            yield _from_contents(contents, source.path)
            return
    if records:
        yield _build(header, records, source.path)


def _replay(source: Source) -> tuple[Mapping[str, Any], list[dict[str, Any]]]:
    """Return the records as they are after all changes that the lines make."""
    header: dict[str, Any] = {}
    records: dict[str, dict[str, Any]] = {}
    for data in source.lines():
        change = mapping(data.get("$set"))
        if "$rewindTo" in data:
            ids = list(records)
            target = text(data["$rewindTo"])
            for each in ids[ids.index(target) :] if target in records else []:
                del records[each]
        elif change:
            header.update({key: value for key, value in change.items() if key != "messages"})
            if "messages" in change:
                records = {text(each.get("id")): each for each in objects(change["messages"])}
        elif "sessionId" in data and "type" not in data:
            header.update(data)
        elif data.get("id"):
            records[text(data["id"])] = data
    return header, list(records.values())


def _build(header: Mapping[str, Any], records: Sequence[Mapping[str, Any]], path: Path | None) -> Imported:
    builder = Builder(TOOL, text(header.get("sessionId")), path)
    imported = builder.imported
    imported.created_at, imported.updated_at = moment(header.get("startTime")), moment(header.get("lastUpdated"))
    imported.title = text(header.get("summary"))
    imported.kind = "subagent" if header.get("kind") == "subagent" else "session"
    imported.cwd = _cwd(path)
    answered: set[str] = set()
    for record in records:
        kind, at = text(record.get("type")), moment(record.get("timestamp"))
        if kind == "user":
            _add_user(builder, record, answered)
        elif kind == "gemini":
            _add_answer(builder, record, answered)
        else:
            builder.user(_text(builder, record.get("content")), at, skip=True, foreign={"type": kind})
    builder.skip_commands("/?")
    return builder.build()


def _cwd(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        return read_below(path.parents[1], path.parents[1] / ".project_root").decode().strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _add_user(builder: Builder, record: Mapping[str, Any], answered: set[str]) -> None:
    at = moment(record.get("timestamp"))
    content = record.get("content")
    for response, words in _results(builder, content):
        call_id = text(response.get("id"))
        if call_id not in answered:
            answered.add(call_id)
            name = text(response.get("name")) or None
            builder.result(call_id, words, at, name=name, is_error=_is_failure(response))
    if any("functionResponse" in part for part in objects(content)):
        content = [part for part in items(content) if not _is_media(part)]
    words = _text(builder, content)
    if words:
        named = [part["fileData"] for part in objects(content) if part.get("fileData")]
        builder.user(words, at, skip=words.startswith("<session_context>"), foreign={"files": named} if named else {})


def _add_answer(builder: Builder, record: Mapping[str, Any], answered: set[str]) -> None:
    at = moment(record.get("timestamp"))
    draft = builder.answer(at, model=text(record.get("model")) or None)
    for thought in objects(record.get("thoughts")):
        draft.add_thinking(joined((text(thought.get("subject")), text(thought.get("description")))))
    draft.add_text(_text(builder, record.get("content")))
    for call in objects(record.get("toolCalls")):
        call_id = text(call.get("id")) or builder.new_id()
        draft.add_call(call_id, text(call.get("name")), arguments_text(call.get("args")))
        words = joined(words for _, words in _results(builder, call.get("result"))) or text(call.get("result"))
        status = text(call.get("status"))
        if (words or status in _FAILED or status == "success") and call_id not in answered:
            answered.add(call_id)
            words = words or text(call.get("resultDisplay"))
            builder.result(call_id, words, moment(call.get("timestamp")) or at, is_error=status in _FAILED)
    _count(draft, mapping(record.get("tokens")))


def _count(draft: Draft, tokens: Mapping[str, Any]) -> None:
    if not tokens:
        return
    cached = number(tokens.get("cached"))
    fresh = max(number(tokens.get("input")) - cached, 0)
    draft.usage = Usage(fresh, number(tokens.get("output")) + number(tokens.get("thoughts")), 0, cached)


def _results(builder: Builder, content: object) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Yield each result in a content with its text and the images beside it."""
    waiting: list[Mapping[str, Any]] = []
    groups: list[list[Mapping[str, Any]]] = []
    for part in objects(content):
        if response := mapping(part.get("functionResponse")):
            groups.append([response, *waiting])
            waiting = []
        elif _is_media(part):
            (groups[-1] if groups else waiting).append(part)
    for response, *media in groups:
        yield response, joined((_response(builder, response), *(_part(builder, each) for each in media)))


def _response(builder: Builder, response: Mapping[str, Any]) -> str:
    value = mapping(response.get("response"))
    words = next((text(value[key]) for key in ("output", "error", "result") if isinstance(value.get(key), str)), None)
    if words is None:
        words = content_json(builder, dict(value)) if value else ""
    return joined((words, *(_part(builder, part) for part in objects(response.get("parts")))))


def _is_failure(response: Mapping[str, Any]) -> bool:
    value = mapping(response.get("response"))
    return "error" in value and "output" not in value


def _is_media(part: object) -> bool:
    return bool(mapping(mapping(part).get("inlineData")) or mapping(mapping(part).get("fileData")))


def _text(builder: Builder, content: object) -> str:
    if isinstance(content, list):
        return joined(part if isinstance(part, str) else _part(builder, mapping(part)) for part in content)
    return text(content) or _part(builder, mapping(content))


def _part(builder: Builder, part: Mapping[str, Any]) -> str:
    """Return a part as text, with a mark for its image or file."""
    if inline := mapping(part.get("inlineData")):
        return builder.image(text(inline.get("mimeType")), text(inline.get("data")))
    if part.get("fileData"):
        builder.lose("files elsewhere, which are only named")
    return text(part.get("text"))


def _from_contents(contents: Sequence[Mapping[str, Any]], path: Path | None) -> Imported:
    """Return a saved checkpoint: messages in the format of Gemini's API."""
    builder = new_builder(TOOL, "", contents, path)
    waiting: deque[tuple[str, str]] = deque()
    for content in contents:
        parts = objects(content.get("parts"))
        draft = builder.answer() if content.get("role") == "model" else Draft("user")
        for part in parts:
            call, response = mapping(part.get("functionCall")), mapping(part.get("functionResponse"))
            if call:
                call_id = text(call.get("id")) or builder.new_id()
                waiting.append((text(call.get("name")), call_id))
                draft.add_call(call_id, text(call.get("name")), arguments_text(call.get("args")))
            elif response:
                name = text(response.get("name")) or None
                call_id, words = _waiting(waiting, response), _response(builder, response)
                builder.result(call_id, words, name=name, is_error=_is_failure(response))
            elif part.get("thought"):
                draft.add_thinking(text(part.get("text")))
            else:
                draft.add_text(_part(builder, part))
        if draft.role == "user" and draft.content:
            builder.user(draft.content)
    return builder.build()


def _waiting(waiting: deque[tuple[str, str]], response: Mapping[str, Any]) -> str:
    """Return the ID of the call that a response answers: often it has only the name."""
    if wanted := text(response.get("id")):
        return wanted
    found = next((each for each in waiting if each[0] == response.get("name")), None)
    if found is None:
        return ""
    waiting.remove(found)
    return found[1]
