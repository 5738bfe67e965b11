"""Collect a foreign conversation, whose answers come in pieces."""

from __future__ import annotations

import base64
import binascii
import mimetypes
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from aloop.importers.imported import DraftedMessages, Imported
from aloop.importers.values import json_text
from aloop.llm.content.parts import FILES, MEDIA_TYPES, ContentPart, file_name, joined_text
from aloop.llm.json_values import EMPTY, MAX_DEPTH, JsonObject
from aloop.llm.layout import default_layout
from aloop.llm.message_types import LLMMessage, Role, ThinkingBlock, ToolCall, Usage
from aloop.memory.codec.size_bound import bound_of_lengths

LOCAL_COMMAND = "command to the program"
"""The ``type`` in ``foreign`` of a skipped message that the other tool handled without a model."""
OUTPUT_FILE = "output_file"
"""The key of ``foreign`` for a long result that the other tool has in a file, which it removes after some days."""


@dataclass(slots=True)
class Draft:
    """A message while it is read. An answer gets its parts in order, in several steps."""

    role: Role
    at: datetime | None = None
    model: str | None = None
    usage: Usage | None = None
    skip: bool = False
    summary: bool = False
    interrupted: bool = False
    is_error: bool = False
    stop_reason: str | None = None
    call_id: str | None = None
    name: str | None = None
    separator: str = "\n\n"
    content: str = ""
    foreign: dict[str, Any] = field(default_factory=dict)
    tool_calls: list[ToolCall] = field(default_factory=list)
    thoughts: list[ThinkingBlock] = field(default_factory=list)
    _layout: list[str] = field(default_factory=list)
    _first: tuple[str, ...] = ()
    _others: set[tuple[str, ...]] = field(default_factory=set)

    def add_text(self, piece: str) -> None:
        """Append a text; one that was added before is dropped."""
        if not piece or self._is_repeated("text", piece):
            return
        last = self._layout[-1] if self._layout else ""
        previous = self.content[-int(last[5:]) :] if last.startswith("text:") else ""
        if previous and len(previous) < len(piece) and piece.startswith(previous):
            # A later version of the same text, which has grown.
            self.content = self.content[: -len(previous)]
            self._layout.pop()
        elif self.content:
            piece = self.separator + piece
        self.content += piece
        self._layout.append(f"text:{len(piece)}")

    def add_call(self, call_id: str, name: str, arguments: str) -> None:
        """Append a tool call; one that was added before is dropped."""
        if self._is_repeated("call", call_id, name, arguments):
            return
        self.tool_calls.append(ToolCall(call_id, name, arguments))
        self._layout.append("call")

    def add_thinking(self, thinking: str = "", *, signature: str = "", redacted: str = "") -> None:
        """Append the model's thinking; one that was added before is dropped."""
        if not (thinking or redacted or signature) or self._is_repeated("thinking", thinking, signature, redacted):
            return
        self.thoughts.append(ThinkingBlock(thinking, signature, redacted, len(self.content), len(self.tool_calls)))
        self._layout.append("thinking")

    def skip_command(self) -> None:
        """Keep a command to the program without sending it."""
        self.skip = True
        self.foreign["type"] = LOCAL_COMMAND

    def _is_repeated(self, *piece: str) -> bool:
        if not self._first:
            self._first = piece  # most messages have only one, which need not be hashed
            return False
        if piece == self._first or piece in self._others:
            return True
        self._others.add(piece)
        return False

    @property
    def size_bound(self) -> int:
        """Bytes that the message has at most in session.yaml, without ``foreign``."""
        characters = len(self.content)
        for word in (self.model, self.stop_reason, self.call_id, self.name):
            if word:
                characters += len(word)
        for call in self.tool_calls:
            characters += len(call.id) + len(call.name) + len(call.arguments)
        for block in self.thoughts:
            characters += len(block.thinking) + len(block.signature) + len(block.redacted)
        return bound_of_lengths(characters, 1 + 2 * len(self._layout))

    def message(self) -> LLMMessage:
        """Return the finished record."""
        foreign = _storable(self.foreign) if self.foreign else {}
        message = LLMMessage(
            self.role,
            self.content or (None if self.tool_calls else ""),
            tool_calls=tuple(self.tool_calls),
            tool_call_id=self.call_id,
            name=self.name,
            thinking=tuple(self.thoughts),
            usage=self.usage,
            model=self.model,
            interrupted=self.interrupted,
            is_error=self.is_error,
            skip=self.skip,
            summary=self.summary,
            stop_reason=self.stop_reason,
            at=self.at,
            extra=JsonObject({"foreign": foreign}) if foreign else EMPTY,
        )
        if len(self._layout) < 2:
            return message  # has only one order
        layout = " ".join(self._layout)
        return message if layout == default_layout(message) else replace(message, layout=layout)


def _storable(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that are not empty; one that is nested too deeply, as JSON."""
    filled = {str(key): each for key, each in value.items() if each not in (None, "", [], {})}
    return {key: each if _is_storable(each, MAX_DEPTH - 2) else json_text(each) for key, each in filled.items()}


def _is_storable(value: object, depth: int) -> bool:
    if isinstance(value, Mapping):
        return depth > 0 and all(_is_storable(each, depth - 1) for each in value.values())
    if isinstance(value, list):
        return depth > 0 and all(_is_storable(each, depth - 1) for each in value)
    return not isinstance(value, float) or abs(value) < float("inf")


class Builder:
    """Collects the messages of one conversation, in the order of the source.

    A result is placed after the answer with its call, wherever the source has it.
    """

    def __init__(self, tool: str, foreign_id: str, path: Path | None = None) -> None:
        self.imported = Imported(tool, foreign_id, (), path=path)
        self.drafts: list[Draft] = []
        self._by_key: dict[str, Draft] = {}
        self._made_ids = 0

    @property
    def last_answer(self) -> Draft | None:
        return next((draft for draft in reversed(self.drafts) if draft.role == "assistant"), None)

    @property
    def is_empty(self) -> bool:
        return not self.drafts

    def user(self, content: str, at: datetime | None = None, **facts: Any) -> Draft:
        """Append a user message."""
        return self._append(Draft("user", at, **facts), content)

    def system(self, content: str, at: datetime | None = None, **facts: Any) -> Draft:
        """Append a system message of the other tool; it is kept and not sent."""
        return self._append(Draft("system", at, skip=True, **facts), content)

    def answer(self, at: datetime | None = None, key: str = "", **facts: Any) -> Draft:
        """Return the answer with this key, or a new one."""
        known = self._by_key.get(key) if key else None
        if known is not None:
            return known
        draft = self._append(Draft("assistant", at, **facts), "")
        if key:
            self._by_key[key] = draft
        return draft

    def result(self, call_id: str, content: str, at: datetime | None = None, **facts: Any) -> Draft:
        """Append the result of a call."""
        return self._append(Draft("tool", at, call_id=call_id or self.new_id(), **facts), content)

    def new_id(self) -> str:
        """Return an ID for a call that has none; the same one at each import."""
        self._made_ids += 1
        return f"call_{self._made_ids}"

    def image(self, media_type: str, data: str) -> str:
        """Keep an image in base64 and return the mark for its place in the text."""
        try:
            raw = base64.b64decode(data, validate=True)
        except (binascii.Error, ValueError):
            self.lose("images that cannot be decoded")
            return f"[image: {media_type or 'unknown type'}, not readable]"
        return self.file(media_type, raw)

    def file(self, media_type: str, raw: bytes) -> str:
        """Keep a file beside the session and return the mark for its place in the text."""
        plain = media_type.partition(";")[0]
        name = file_name(raw, MEDIA_TYPES.get(plain) or (mimetypes.guess_extension(plain) or ".bin")[1:])
        self.imported.files[name] = raw
        kind = "image" if media_type.startswith("image/") else "file"
        return f"[{kind}: {name}, {media_type}, {len(raw):,} bytes]"

    def skip_commands(self, marks: str) -> None:
        """Skip messages that were commands to the program: none of them has an answer.

        They start with one of the characters in ``marks``. One with an answer was sent, such as a path.
        """
        has_answer = False
        for draft in reversed(self.drafts):
            if draft.role == "assistant":
                has_answer = True
            elif draft.role == "user" and not draft.skip:
                if not has_answer and draft.content.lstrip().startswith(tuple(marks)):
                    draft.skip_command()
                has_answer = False

    def lose(self, what: str, count: int = 1) -> None:
        """Count something that has no place in a session."""
        self.imported.losses[what] += count

    def build(self) -> Imported:
        """Return the conversation, with the results after their calls."""
        imported = self.imported
        drafts = [draft for draft in self._ordered() if not _is_blank(draft)]
        if imported.files or any(draft.foreign for draft in drafts):
            imported.messages = tuple(_with_parts(draft.message(), imported.files) for draft in drafts)
        else:
            imported.messages = DraftedMessages(drafts)
        times = [draft.at for draft in self.drafts if draft.at]
        imported.created_at = imported.created_at or min(times, default=None)
        # Not the time of the source, which also changes with a new title.
        imported.updated_at = max(times, default=imported.updated_at or imported.created_at)
        models = [draft.model for draft in self.drafts if draft.model and not draft.skip]
        imported.model = models[-1] if models else imported.model
        return imported

    def _ordered(self) -> Iterator[Draft]:
        homes: dict[str, list[int]] = defaultdict(list)
        for index, draft in enumerate(self.drafts):
            for call in draft.tool_calls:
                homes[call.id].append(index)
        if not homes:
            yield from self.drafts
            return
        results: dict[int, list[Draft]] = defaultdict(list)
        for draft in self.drafts:
            if draft.role == "tool" and (places := homes.get(draft.call_id or "")):
                place = places.pop(0) if len(places) > 1 else places[0]
                calls = (call for call in self.drafts[place].tool_calls if call.id == draft.call_id)
                draft.name = draft.name or next(calls).name
                results[place].append(draft)
        placed = {id(draft) for group in results.values() for draft in group}
        for index, draft in enumerate(self.drafts):
            if id(draft) not in placed:
                yield draft
                yield from results[index]

    def _append(self, draft: Draft, content: str) -> Draft:
        draft.add_text(content)
        self.drafts.append(draft)
        return draft


_MARK = re.compile(rf"\n{{0,2}}\[(?:image|file): ({FILES}/[0-9a-f]{{16}}\.\w+), ([^,\]\n]+), [\d,]+ bytes\]\n{{0,2}}")


def _with_parts(message: LLMMessage, files: Mapping[str, bytes]) -> LLMMessage:
    """Return the message with parts in place of the marks of its images."""
    text = message.content or ""
    if message.role not in ("user", "tool") or f": {FILES}/" not in text:
        return message
    pieces: list[str] = []
    parts: list[ContentPart] = []
    start = 0
    for mark in _MARK.finditer(text):
        data = files.get(mark[1])
        if data is None or mark[2] not in MEDIA_TYPES:
            continue
        pieces.append(text[start : mark.start()])
        kind = "image" if mark[2].startswith("image/") else "document"
        parts.append(ContentPart(kind, mark[1], mark[2], len(data), after_chars=len(joined_text(pieces))))
        start = mark.end()
    if not parts:
        return message
    return replace(message, content=joined_text([*pieces, text[start:]]), parts=tuple(parts))


def _is_blank(draft: Draft) -> bool:
    """Return True for a message without content, as after a failed request."""
    return draft.role != "tool" and not (draft.content or draft.tool_calls or draft.thoughts or draft.interrupted)
