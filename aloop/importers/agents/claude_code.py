"""Claude Code: one file of JSON lines for each session, in ``~/.claude/projects``.

The lines are a tree, but its branches come mostly from parallel tool calls. They are therefore read in the order of the
file, and results are matched with calls by ID. Only a prompt that the user typed again at the same place is a branch.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from aloop.importers.blocks import add_answer_blocks, add_user_content, content_text, texts_of, usage_of
from aloop.importers.draft import OUTPUT_FILE, Builder, Draft
from aloop.importers.imported import Imported
from aloop.importers.json_decoder import decode
from aloop.importers.source import Source, read_below
from aloop.importers.values import exported_from, items, mapping, moment, objects, text
from aloop.memory.origin import INJECTED

TOOL = "claude-code"
_INTERRUPTED = "[Request interrupted"
_LOCAL = ("<local-command-", "Caveat: The messages below were generated")
_SLASH = ("<command-name>", "<command-message>")
_COMMAND = (*_SLASH, "<bash-input>", "<bash-stdout>", "<bash-stderr>")
_SYNTHETIC = "<synthetic>"
_ENDINGS = frozenset({"max_tokens", "refusal"})
_IS_SAVED = "<persisted-output>"
_PERSISTED = re.compile(r"Full output saved to: (.+?)\s*\n")
_IGNORED = {
    "file-history-snapshot": "snapshots of files",
    "progress": "progress lines",
    "queue-operation": "queue entries",
    "attachment": "reminders and hook output",
}
_SCREEN = b',"toolUseResult":'
_PROGRESS = b'"type":"progress"'
_PLACE = re.compile(rb'\{"parentUuid":(?:null|"([^"\\]*)")')
_UUID = re.compile(rb',"uuid":"([^"\\]*)"')
_NEEDED = frozenset({"message", "uuid", "timestamp", "type"})
_KEPT_KEYS = frozenset(
    [
        "type",
        "uuid",
        "parentUuid",
        "timestamp",
        "message",
        "isMeta",
        "isSidechain",
        "isCompactSummary",
        "isApiErrorMessage",
        "agentId",
    ]
)


@dataclass(slots=True)
class _Line:
    """The part of a line that is used; ``parent`` and ``uuid`` place it in the tree."""

    type: str
    uuid: str
    parent: str
    data: dict[str, Any]
    is_typed: bool = False

    @property
    def at(self) -> datetime | None:
        return moment(self.data.get("timestamp"))


@dataclass(slots=True)
class _Transcript:
    """All lines of a file, without what is only for the screen."""

    lines: list[_Line] = field(default_factory=list)
    sidechains: list[_Line] = field(default_factory=list)
    session_id: str = ""
    agent_id: str = ""
    cwd: str = ""
    version: str = ""
    exported_from: str = ""
    titles: dict[str, str] = field(default_factory=dict)
    summaries: list[tuple[str, str]] = field(default_factory=list)
    losses: Counter[str] = field(default_factory=Counter)
    queued: set[str] = field(default_factory=set)


def read(source: Source) -> Iterator[Imported]:
    """Yield the session of a file, then its branches and subagents."""
    transcript = _collect(source)
    folder = source.path.parent if source.path else None
    if transcript.lines:
        session_id = _file_id(source.path) or transcript.session_id
        main, branches = _split_branches(transcript.lines)
        yield _build(transcript, main, session_id, source.path, folder)
        for head, lines in branches:
            imported = _build(transcript, lines, session_id, source.path, folder)
            imported.kind, imported.branch, imported.parent = "branch", head, session_id
            yield imported
    for agent_id, lines in _by_agent(transcript):
        parent = transcript.session_id
        imported = _build(transcript, lines, f"{parent}/{agent_id}", source.path, folder)
        imported.kind, imported.parent = "subagent", parent
        if not transcript.lines:
            imported.losses.update(transcript.losses)
        yield imported


def _decode_line(raw: bytes) -> Any:
    """Return the object of a line, as far as it is used; most of the bytes are not.

    Quotes within a JSON text are escaped, so the marks are keys. A line that was cut at one is taken only if it is a
    whole object with all that is needed; in any other case the whole line is decoded.
    """
    if _PROGRESS in raw and b'"message":' not in raw:
        place, uuid = _PLACE.match(raw), _UUID.search(raw)
        if place and uuid:
            return {"type": "progress", "uuid": uuid[1].decode(), "parentUuid": (place[1] or b"").decode()}
    cut = raw.find(_SCREEN)
    if cut > 0:
        try:
            value = decode(raw[:cut] + b"}")
        except ValueError:
            value = {}
        if value.keys() >= _NEEDED:
            return value
    return decode(raw)


def _file_id(path: Path | None) -> str:
    stem = path.stem if path else ""
    return stem if re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", stem) else ""


def _collect(source: Source) -> _Transcript:
    found, seen = _Transcript(), set[str]()
    for data in source.lines(_decode_line):
        kind, uuid = text(data.get("type")), text(data.get("uuid"))
        found.session_id = found.session_id or text(data.get("sessionId"))
        found.cwd = text(data.get("cwd")) or found.cwd
        found.version = text(data.get("version")) or found.version
        found.exported_from = found.exported_from or exported_from(data)
        found.agent_id = found.agent_id or text(data.get("agentId"))
        key = f"{uuid} {kind} {data.get('timestamp')}"
        if uuid and key in seen and kind != "attachment":
            found.losses["repeated lines"] += 1
            continue
        seen.add(key)
        line = _Line(kind, uuid, text(data.get("parentUuid") or data.get("logicalParentUuid")), data)
        _note(found, line)
    return found


def _note(found: _Transcript, line: _Line) -> None:
    """Take what is used of a line."""
    data, kind = line.data, line.type
    if kind in ("custom-title", "ai-title", "agent-name"):
        title = data.get("customTitle") or data.get("aiTitle") or data.get("title")
        found.titles[kind] = text(title) or found.titles.get(kind, "")
        return
    if kind == "summary":
        found.summaries.append((text(data.get("leafUuid")), text(data.get("summary"))))
        return
    if kind == "attachment" and mapping(data.get("attachment")).get("type") == "queued_command":
        data = {**data, "message": {"role": "user", "content": mapping(data["attachment"]).get("prompt")}}
        found.queued.add(texts_of(data["message"]["content"]))
    elif kind == "attachment" and (attached := _attached(mapping(data.get("attachment")))):
        data = {**data, "isMeta": True, "message": {"role": "user", "content": attached}}
    elif kind == "queue-operation" and data.get("operation") == "remove" and text(data.get("content")).strip():
        data = {**data, "message": {"role": "user", "content": data["content"]}}
    elif kind not in ("user", "assistant"):
        found.losses[_IGNORED.get(kind, "records that are not messages")] += 1
        # Its place in the tree is still needed.
        data = {}
    line.data = {key: value for key, value in data.items() if key in _KEPT_KEYS}
    line.is_typed = kind == "user" and _is_typed(data)
    (found.sidechains if data.get("isSidechain") is True else found.lines).append(line)


def _attached(attachment: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the content of a file or folder that the user named with ``@``."""
    kind, content = attachment.get("type"), attachment.get("content")
    if kind == "directory":
        return [_text_part(f'<directory path="{text(attachment.get("path"))}">\n{text(content)}\n</directory>')]
    found = mapping(mapping(content).get("file"))
    if kind != "file" or not found:
        return []
    path, form = text(attachment.get("filename")), mapping(content).get("type")
    if form == "text":
        return [{"type": "file", "path": path, "content": text(found.get("content"))}]
    if data := text(found.get("base64")):
        media_type = text(found.get("type")) or ("application/pdf" if form == "pdf" else "")
        source = {"type": "base64", "media_type": media_type, "data": data}
        return [_text_part(f'<file path="{path}">'), {"type": "document", "source": source}, _text_part("</file>")]
    return [{"type": "file", "path": path, "content": dict(found)}]


def _text_part(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def _is_typed(data: dict[str, Any]) -> bool:
    """Return True for a prompt that the user typed."""
    if data.get("isMeta") or data.get("isCompactSummary"):
        return False
    content = mapping(data.get("message")).get("content")
    if any(part.get("type") == "tool_result" for part in objects(content)):
        return False
    words = texts_of(content).lstrip()
    return bool(words) and not words.startswith((*_LOCAL, *_COMMAND, _INTERRUPTED))


def _split_branches(lines: Sequence[_Line]) -> tuple[list[_Line], list[tuple[str, list[_Line]]]]:
    """Return the lines of the session, and of each branch that the user left."""
    forks: dict[str, list[int]] = defaultdict(list)
    for index, line in enumerate(lines):
        if line.is_typed and line.parent and line.uuid:
            forks[line.parent].append(index)
    heads = {
        lines[index].uuid
        for places in forks.values()
        if len({text(lines[place].data.get("timestamp")) for place in places}) > 1
        for index in places
    }
    if not heads:
        return list(lines), []
    # The innermost of the heads above each line, in the order of the file: parents come first.
    branch_of: dict[str, str] = {}
    above: dict[str, str] = {}
    owners = []
    for line in lines:
        owner = branch_of.get(line.parent, "")
        if line.uuid in heads:
            above[line.uuid] = owner
            owner = line.uuid
        if line.uuid:
            branch_of[line.uuid] = owner
        owners.append(owner if line.uuid else None)

    def chain(owner: str) -> set[str]:
        found = {""}
        while owner and owner not in found:
            found.add(owner)
            owner = above.get(owner, "")
        return found

    def lines_of(owner: str) -> list[_Line]:
        used = chain(owner)
        return [line for line, each in zip(lines, owners, strict=True) if each is None or each in used]

    last = next((owner for owner in reversed(owners) if owner is not None), "")
    # A branch that another one continues is part of that one.
    leaves = heads - {above[head] for head in heads} - {last}
    used = chain(last)
    order = [line.uuid for line in lines if line.uuid in leaves and line.uuid not in used]
    return lines_of(last), [(head, lines_of(head)) for head in order]


def _by_agent(found: _Transcript) -> Iterator[tuple[str, list[_Line]]]:
    """Yield the lines of each subagent with its ID."""
    groups: dict[str, list[_Line]] = {}
    roots: dict[str, str] = {}
    for line in found.sidechains:
        agent = text(line.data.get("agentId"))
        root = f"agent-{agent}" if agent else roots.get(line.parent) or f"side-{line.uuid}"
        roots[line.uuid] = root
        groups.setdefault(root, []).append(line)
    yield from groups.items()


def _build(
    found: _Transcript, lines: Iterable[_Line], foreign_id: str, path: Path | None, folder: Path | None
) -> Imported:
    builder = Builder(TOOL, foreign_id, path)
    imported = builder.imported
    imported.cwd, imported.version, imported.exported_from = found.cwd, found.version, found.exported_from
    lines = list(lines)
    for line in lines:
        if line.type == "assistant":
            _add_answer(builder, line)
        elif line.data.get("message"):
            _add_user(builder, line, found, folder)
    _skip_local_commands(builder.drafts, is_export=bool(found.exported_from))
    uuids = {line.uuid for line in lines}
    summary = next((words for leaf, words in reversed(found.summaries) if leaf in uuids), "")
    imported.title = found.titles.get("custom-title") or found.titles.get("ai-title") or summary
    if lines and lines[0].data.get("isSidechain") is not True:
        imported.losses.update(found.losses)
    return builder.build()


def _skip_local_commands(drafts: Sequence[Draft], *, is_export: bool) -> None:
    """Skip commands that the program handled itself, such as ``/model``.

    Those of the user and skills are followed by their prompt, or at once by the answer. In an export of aloop, of which
    earlier versions did not mark it, the prompt looks as if it was typed.
    """
    following: Draft | None = None
    for draft in reversed(drafts):
        if (
            draft.role == "user"
            and draft.content.startswith(_SLASH)
            and not _is_model_next(following, is_export=is_export)
        ):
            draft.skip_command()
        if draft.role != "tool":
            following = draft


def _is_model_next(following: Draft | None, *, is_export: bool) -> bool:
    """Return True if an answer or a prompt for one comes next."""
    if following is None or following.content.startswith(_LOCAL):
        return False
    return is_export or following.role == "assistant" or bool(following.foreign.get(INJECTED))


def _add_answer(builder: Builder, line: _Line) -> None:
    message = mapping(line.data.get("message"))
    model = text(message.get("model"))
    draft = builder.answer(line.at, text(message.get("id")) or line.uuid, model=model or None, separator="")
    add_answer_blocks(builder, draft, message.get("content"), line.at)
    if model == _SYNTHETIC or line.data.get("isApiErrorMessage"):
        draft.skip, draft.model = True, None
    draft.usage = usage_of(message.get("usage")) or draft.usage
    ending = text(message.get("stop_reason"))
    draft.stop_reason = ending if ending in _ENDINGS else draft.stop_reason


def _add_user(builder: Builder, line: _Line, found: _Transcript, folder: Path | None) -> None:
    data = line.data
    content = mapping(data.get("message")).get("content")
    words = texts_of(content)
    if line.type == "queue-operation" and (words in found.queued or words.startswith("/")):
        return
    if words.startswith(_INTERRUPTED) and not any(map(_is_result, items(content))):
        stopped = next(filter(_is_said, reversed(builder.drafts)), None)
        if stopped:
            stopped.interrupted = True
            return
    saved = set()
    for part in filter(_is_result, items(content)):
        whole = _with_saved_output(builder, part.get("content"), folder)
        if text(part.get("content")).startswith(_IS_SAVED):
            saved.add(text(part.get("tool_use_id")))
        part["content"] = whole
    start = len(builder.drafts)
    is_meta = data.get("isMeta") is True
    foreign = {"queued": line.type != "user" and not is_meta, INJECTED: is_meta}
    facts: dict[str, Any] = {"foreign": {key: True for key, is_true in foreign.items() if is_true}}
    facts["summary"] = data.get("isCompactSummary") is True
    facts["skip"] = words.startswith(_LOCAL)
    add_user_content(builder, content, line.at, **facts)
    for draft in builder.drafts[start:] if saved else ():
        if draft.call_id in saved:
            draft.foreign[OUTPUT_FILE] = True


def _is_said(draft: Draft) -> bool:
    """Return True for an answer or a question, not for what the program has added."""
    is_asked = draft.role == "user" and not draft.skip and not draft.foreign.get(INJECTED)
    return draft.role == "assistant" or is_asked


def _is_result(part: object) -> bool:
    return mapping(part).get("type") == "tool_result"


def _with_saved_output(builder: Builder, content: object, folder: Path | None) -> object:
    """Return a result with its full text, if a file of the session has that."""
    words = content_text(builder, content) if isinstance(content, str) else ""
    if not words.startswith(_IS_SAVED) or not (saved := _PERSISTED.search(words)):
        return content
    if folder is None:
        return content
    inside = folder / builder.imported.foreign_id / "tool-results" / Path(saved[1]).name
    try:
        # Only the session's own folder: a line of a transcript must not make aloop read any other file.
        return read_below(folder, inside).decode("utf-8", "replace")
    except OSError:
        builder.lose("long results whose file is gone")
        return content
