"""From one version of a session to another, with as little change to its text as that takes.

Messages in the lines in which they stood in a file, with comments and unknown keys: what records do not hold.

What is to be written is read back first: a text that does not hold what it was made of never reaches the disk.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from pathlib import Path

from aloop.errors import SessionFileError, UnstorableValue
from aloop.llm.message_types import LLMMessage
from aloop.memory.codec.edits import MessageEdits, as_block
from aloop.memory.codec.emitter import emit_messages
from aloop.memory.codec.serialization import ParsedDocument, load_messages, load_session, parse
from aloop.memory.codec.splice import Edit, splice
from aloop.memory.session import Session

_FLAGS = ("skip", "summary", "interrupted", "is_error")


def is_revised(before: Session, after: Session, kept: Sequence[LLMMessage]) -> bool:
    """Whether more is to change than that messages are added behind those ``kept`` of the file's."""
    return bool(_headers(before, after)) or tuple(kept) != before.messages


def revise(data: bytes, path: Path, before: Session, after: Session, kept: Sequence[LLMMessage]) -> bytearray:
    """Return ``data``, the text of ``before``, with the header of ``after`` and with ``kept`` for its messages.

    What stays the same stays to the byte; a mark that is set or cleared is one line. A list in brackets becomes one
    that can be edited; messages typed below the end marker are taken above it.
    """
    parsed = as_block(parse(data, path), path)
    edits = MessageEdits(parsed)
    changes = [edits.header(key, text) for key, text in _headers(before, after).items()]
    changes += _changes(edits, before.messages, kept)
    return bytearray(b"".join(splice(parsed.source.text.encode(), changes)))


def _headers(before: Session, after: Session) -> dict[str, str]:
    """Return the fields of the header that got another value; one that is derived from the messages has not."""
    fields = (("title", before.title, after.title), ("model", before.model, after.model))
    return {key: new for key, old, new in fields if new and new != old}


def _changes(edits: MessageEdits, before: Sequence[LLMMessage], after: Sequence[LLMMessage]) -> Iterator[Edit]:
    for first, end, start, stop in _runs(before, after):
        old, new = before[first:end], after[start:stop]
        if len(old) == len(new):
            for number, (was, becomes) in enumerate(zip(old, new, strict=True), first):
                yield from _change(edits, number, was, becomes)
        elif old:
            yield edits.replace(first, end - 1, new)
        elif first:
            yield edits.insert_after(first - 1, new)
        else:
            yield edits.insert_before(0, new)


def _runs(before: Sequence[LLMMessage], after: Sequence[LLMMessage]) -> Iterator[tuple[int, int, int, int]]:
    """Yield which messages of ``before`` became which of ``after``, as two half-open ranges."""
    names: dict[LLMMessage, int] = {}
    # Marks apart, a message is the same one: else a marked one would be a new one in its place.
    old, new = ([names.setdefault(_unmarked(message), len(names)) for message in side] for side in (before, after))
    for _, *places in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        first, end, start, stop = places
        yield first, end, start, stop


def _unmarked(message: LLMMessage) -> LLMMessage:
    return replace(message, skip=False, summary=False, interrupted=False, is_error=False)


def _change(edits: MessageEdits, number: int, was: LLMMessage, becomes: LLMMessage) -> Iterator[Edit]:
    if was == becomes:
        return
    if _unmarked(was) != _unmarked(becomes):
        yield edits.replace(number, number, [becomes])
        return
    for flag in _FLAGS:
        if getattr(becomes, flag) and not getattr(was, flag):
            yield edits.set_flag(number, flag)
        elif getattr(was, flag) and not getattr(becomes, flag):
            cleared = edits.clear_flag(number, flag)
            if cleared is not None:
                yield cleared


def check_text(data: bytes | bytearray, path: Path, session: Session) -> None:
    """Read a text back before it is written: it must hold just the messages that it was made of."""
    found = load_session(bytes(data), path)
    if found.messages != session.messages or found.system_messages != session.system_messages:
        raise UnstorableValue(
            f"{path} would not bring back what it was given; nothing was written. Please report this."
        )


def check_lines(lines: str, messages: Sequence[LLMMessage], path: Path) -> None:
    """Read the lines of new messages back before they go in."""
    if not lines:
        return
    try:
        same = load_messages(lines, path) == tuple(messages)
    except SessionFileError as error:
        raise UnstorableValue(f"A message holds what no session can: {error.reason}. Nothing was written.") from None
    if not same:
        raise UnstorableValue("A message would not come back as it is; nothing was written. Please report this.")


_LINE_START = re.compile(r"^(?=[^\n])", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class VerbatimMessages:
    """``lines`` are what ``messages`` looked like; their dashes stand at ``column``. Line ends are line feeds."""

    messages: tuple[LLMMessage, ...]
    lines: str
    column: int

    @classmethod
    def cut_from(cls, parsed: ParsedDocument, messages: tuple[LLMMessage, ...], first: int) -> VerbatimMessages | None:
        """Return ``messages``, which a text holds from number ``first`` (from 0) on; None where it takes new lines."""
        lines, column = MessageEdits(as_block(parsed, Path())).lines(first)
        lines = lines.replace("\r\n", "\n")
        typed = cls(messages, lines if lines.endswith("\n") else f"{lines}\n", column)
        return typed if typed._holds(typed.lines) else None

    def at(self, column: int) -> str:
        """Return lines for a list whose dashes stand at ``column``; anew where moving them changes what they say."""
        moved = self.lines
        if column > self.column:
            moved = _LINE_START.sub(" " * (column - self.column), moved)
        elif column < self.column:
            moved = re.sub(rf"^ {{1,{self.column - column}}}", "", moved, flags=re.MULTILINE)
        return moved if self._holds(moved) else emit_messages(self.messages, column)

    def _holds(self, lines: str) -> bool:
        try:
            check_lines(lines, self.messages, Path())
        except (UnstorableValue, SessionFileError):
            return False
        return True
