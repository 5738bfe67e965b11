"""opencode: its database, the files of older versions, or its export."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any

from aloop.export.tools.opencode import ABORTED, SLUG
from aloop.importers.blocks import content_json, data_url
from aloop.importers.databases.sqlite import SQLITE, WANTED, loaded, opened, rows
from aloop.importers.draft import OUTPUT_FILE, Builder, Draft
from aloop.importers.imported import Imported
from aloop.importers.json_decoder import decode
from aloop.importers.source import Source, read_below
from aloop.importers.values import arguments_text, items, mapping, moment, number, objects, text
from aloop.llm.message_types import Usage
from aloop.memory.origin import INJECTED

TOOL = "opencode"
_OUTPUTS = "tool-output"
"""The folder of long results, beside the database."""
_OUTPUT_PATH = "outputPath"
_METADATA = re.compile(r"\n\n<(?:shell|bash)_metadata>\n.*\Z", re.DOTALL)
"""The end of the output of a command that was stopped."""
_READ = "Called the "
"""The start of the text before the content of a file or folder that the user has named."""
Message = tuple[Mapping[str, Any], list[dict[str, Any]]]


def read(source: Source) -> Iterator[Imported]:
    """Yield the sessions of a source."""
    if source.head.startswith(SQLITE):
        yield from _from_database(source)
        return
    for value in source.elements():
        document = mapping(value)
        info = mapping(document.get("info"))
        if info:
            messages = [
                (mapping(each.get("info")), objects(each.get("parts"))) for each in objects(document.get("messages"))
            ]
            yield _build(info, messages, source.path)
        elif source.path:
            outputs = _storage(source).parent / _OUTPUTS
            yield _build(document, _from_files(source, text(document.get("id"))), source.path, outputs)


def _from_database(source: Source) -> Iterator[Imported]:
    with opened(source.file) as connection:
        query = f"SELECT * FROM session WHERE {WANTED} ORDER BY time_created, id"  # noqa: S608 - of constants
        sessions = list(rows(source, connection, query, source.session))
        for session in sessions:
            parts: dict[str, list[dict[str, Any]]] = {}
            for row in rows(source, connection, "SELECT * FROM part WHERE session_id = ? ORDER BY id", session["id"]):
                parts.setdefault(row["message_id"], []).append({**mapping(loaded(row["data"])), "id": row["id"]})
            messages: list[Message] = []
            for row in rows(
                source, connection, "SELECT * FROM message WHERE session_id = ? ORDER BY id", session["id"]
            ):
                info = {**mapping(loaded(row["data"])), "id": row["id"]}
                info.setdefault("time", {"created": row["time_created"]})
                messages.append((info, parts.get(row["id"], [])))
            info = {
                "id": session["id"],
                "slug": session.get("slug"),
                "title": session.get("title"),
                "directory": session.get("directory"),
                "version": session.get("version"),
                "parentID": session.get("parent_id"),
                "revert": loaded(session.get("revert")),
                "time": {"created": session.get("time_created"), "updated": session.get("time_updated")},
            }
            yield _build(info, _by_time(messages), source.path, source.file.parent / _OUTPUTS)


def _by_time(messages: Sequence[Message]) -> list[Message]:
    """Return messages in the order of their times: the IDs begin again every 795 days.

    A message without a time stays after the one that it follows.
    """
    last = 0.0
    dated = []
    for message in messages:
        at = moment(mapping(message[0].get("time")).get("created"))
        last = at.timestamp() if at else last
        dated.append((last, message))
    return [message for _, message in sorted(dated, key=itemgetter(0))]


def _storage(source: Source) -> Path:
    """Return the folder with the folders of sessions, messages and parts."""
    parents = source.file.absolute().parents
    return parents[min(2, len(parents) - 1)]  # elsewhere, a file of a session has no messages


def _from_files(source: Source, session_id: str) -> list[Message]:
    """Return the messages of a session that has a file for each message and part."""
    storage = _storage(source)
    found: list[Message] = []
    # Some versions name the folder of the messages without the prefix of the ID.
    names = {session_id, source.file.stem, source.file.stem.removeprefix("ses_"), session_id.removeprefix("ses_")}
    folders = [storage / "message" / Path(name).name for name in sorted(names) if name]
    for path in sorted(path for folder in folders if folder.is_dir() for path in folder.glob("*.json")):
        info = mapping(_load(source, path))
        part_folder = storage / "part" / Path(text(info.get("id")) or path.stem).name
        parts = [mapping(_load(source, each)) for each in sorted(part_folder.glob("*.json"))]
        found.append((info, [dict(part) for part in parts]))
    return _by_time(found)


def _load(source: Source, path: Path) -> Any:
    raw = read_below(_storage(source), path)
    source.on_read(len(raw))
    try:
        return decode(raw)
    except (ValueError, RecursionError):
        source.problems["files that are not JSON"] += 1
        return None


def _build(
    info: Mapping[str, Any], messages: Sequence[Message], path: Path | None, outputs: Path | None = None
) -> Imported:
    """Return a session; ``outputs`` is the folder of its long results, if any."""
    builder = Builder(TOOL, text(info.get("id")), path)
    imported = builder.imported
    imported.title, imported.cwd = text(info.get("title")), text(info.get("directory"))
    imported.version, imported.parent = text(info.get("version")), text(info.get("parentID"))
    imported.kind = "subagent" if imported.parent else "session"
    slug = text(info.get("slug"))
    imported.exported_from = slug.removeprefix(SLUG) if slug.startswith(SLUG) else ""
    imported.created_at = moment(mapping(info.get("time")).get("created"))
    imported.updated_at = moment(mapping(info.get("time")).get("updated"))
    reverted = text(mapping(info.get("revert")).get("messageID"))
    is_summary_next = is_reverted = False
    for message, parts in messages:
        start = len(builder.drafts)
        is_reverted = is_reverted or bool(reverted and message.get("id") == reverted)
        if message.get("role") == "assistant":
            is_summary = is_summary_next or message.get("summary") is True
            _add_answer(builder, message, parts, outputs, is_summary=is_summary)
            is_summary_next = False
        else:
            is_summary_next = _add_user(builder, message, parts)
        for draft in builder.drafts[start:]:
            draft.skip = draft.skip or is_reverted
    return builder.build()


def _add_user(builder: Builder, message: Mapping[str, Any], parts: Sequence[Mapping[str, Any]]) -> bool:
    """Append a question; return True if it asks for a summary."""
    at = moment(mapping(message.get("time")).get("created"))
    shown = Draft("user", at)
    is_file = False
    for place, part in enumerate(parts):
        if part.get("type") == "text" and (part.get("synthetic") is True or part.get("ignored") is True):
            words = text(part.get("text"))
            # The content of a file that the user has named is before the file itself.
            is_file = is_file or (words.startswith(_READ) and any(each.get("type") == "file" for each in parts[place:]))
            builder.user(words, at, skip=not is_file, foreign={INJECTED: True} if is_file else {})
        elif part.get("type") == "text":
            shown.add_text(text(part.get("text")))
        elif part.get("type") == "file":
            is_file = False
            shown.add_text(_file(builder, part))
        elif part.get("type") == "subtask":
            shown.add_text(text(part.get("prompt")))
        elif part.get("type") not in ("compaction", "step-start", "snapshot", "patch"):
            shown.foreign.setdefault("parts", []).append(dict(part))
    if shown.content:
        builder.user(shown.content, at, foreign=shown.foreign)
    return any(part.get("type") == "compaction" for part in parts)


def _file(builder: Builder, part: Mapping[str, Any]) -> str:
    url = text(part.get("url"))
    name = text(part.get("filename"))
    if not url.startswith("data:"):
        return f"[file: {name or url}]"
    mark = data_url(builder, url)
    # An export of aloop has the name of the file beside its session.
    return f"[file: {name}]\n{mark}" if name and f"/{name}," not in mark else mark


def _add_answer(
    builder: Builder,
    message: Mapping[str, Any],
    parts: Sequence[Mapping[str, Any]],
    outputs: Path | None,
    *,
    is_summary: bool,
) -> None:
    at = moment(mapping(message.get("time")).get("created"))
    # A summary replaces all before it, and a request cannot start with an answer.
    draft = (
        builder.user("", at, summary=True)
        if is_summary and not any(part.get("type") == "tool" for part in parts)
        else builder.answer(at, model=text(message.get("modelID")) or None, summary=is_summary)
    )
    for part in parts:
        kind = part.get("type")
        if kind == "text":
            draft.add_text(text(part.get("text")))
        elif kind == "reasoning":
            draft.add_thinking(text(part.get("text")))
            if sealed := part.get("metadata"):
                draft.foreign.setdefault("reasoning", []).append(sealed)
        elif kind == "tool":
            _add_tool(builder, draft, part, outputs)
        elif kind == "file":
            draft.add_text(_file(builder, part))
        elif kind in ("snapshot", "patch"):
            builder.lose("snapshots of files")
    tokens = mapping(message.get("tokens"))
    if tokens and draft.role == "assistant":
        cache = mapping(tokens.get("cache"))
        written, reading = number(cache.get("write")), number(cache.get("read"))
        draft.usage = Usage(number(tokens.get("input")), number(tokens.get("output")), written, reading)
    error = mapping(message.get("error"))
    draft.interrupted = error.get("name") == ABORTED
    draft.foreign["error"] = dict(error) if error and not draft.interrupted else None
    if draft.foreign["error"] and not (draft.content or draft.tool_calls or draft.thoughts):
        draft.add_text(text(mapping(error.get("data")).get("message")) or text(error.get("name")))
        draft.skip = True
    draft.foreign["provider"] = message.get("providerID")


def _add_tool(builder: Builder, draft: Draft, part: Mapping[str, Any], outputs: Path | None) -> None:
    state = mapping(part.get("state"))
    call_id = text(part.get("callID")) or text(part.get("id")) or builder.new_id()
    draft.add_call(call_id, text(part.get("tool")), arguments_text(state.get("input", part.get("input"))))
    status = state.get("status")
    if status in ("pending", "running") or (not status and "output" not in state):
        return
    ended = moment(mapping(state.get("time")).get("end"))
    words = text(state.get("error")) if status == "error" else _output(builder, state, outputs)
    # A command that fails is completed, with the exit code beside its output.
    metadata = mapping(state.get("metadata"))
    exit_code = metadata.get("exit")
    failed = status == "error" or (isinstance(exit_code, int) and exit_code != 0)
    saved = metadata.get(_OUTPUT_PATH)
    foreign = {OUTPUT_FILE: saved} if saved else {}
    builder.result(call_id, words, ended or draft.at, is_error=failed, foreign=foreign)


def _output(builder: Builder, state: Mapping[str, Any], outputs: Path | None) -> str:
    output = state.get("output")
    words = output if isinstance(output, str) else content_json(builder, output) if output is not None else ""
    words = _whole_output(builder, words, text(mapping(state.get("metadata")).get(_OUTPUT_PATH)), outputs)
    files = [_file(builder, each) for each in objects(items(state.get("attachments")))]
    return "\n\n".join([words, *files]) if files else words


def _whole_output(builder: Builder, words: str, saved: str, outputs: Path | None) -> str:
    """Return a result with its whole text, if the file ``saved`` still has that."""
    if not saved or outputs is None:
        return words
    try:
        # Only the folder of the program: a database must not make aloop read any other file.
        whole = read_below(outputs, outputs / Path(saved).name).decode("utf-8", "replace")
    except OSError:
        builder.lose("long results whose file is gone")
        return words
    end = _METADATA.search(words)
    return whole + (end[0] if end else "")
