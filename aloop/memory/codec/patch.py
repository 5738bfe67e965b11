"""Change the text of a session to that of a new version with minimal edits.

Every text is parsed again before it is written, and rejected if it does not contain the messages it was made from.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from aloop.errors import SessionFileError, UnstorableValue
from aloop.llm.json_values import EMPTY, JsonObject
from aloop.llm.message_types import LLMMessage
from aloop.memory.codec.edits import MessageEdits, as_block
from aloop.memory.codec.emitter import FLAGS, ITEM_COLUMN, emit_messages, storable
from aloop.memory.codec.serialization import ParsedDocument, load_messages, load_session, parse
from aloop.memory.codec.splice import Edit, splice
from aloop.memory.conversation import align, common_ends
from aloop.memory.session import Session

_HEADER_FIELDS = ("title", "model", "system_digest", "tools_digest")


def is_revised(before: Session, after: Session, kept: Sequence[LLMMessage]) -> bool:
    """Return True if the header or the ``kept`` messages have changed."""
    return bool(_headers(before, after)) or before.extra != after.extra or tuple(kept) != before.messages


def revise(data: bytes, path: Path, before: Session, after: Session, kept: Sequence[LLMMessage]) -> bytearray:
    """Return a text with the header of ``after`` and the messages ``kept``.

    ``data`` is the text of ``before``. Unchanged parts stay identical; a flag, or an unknown key, changes its own
    lines only. A list in brackets becomes a block list, and messages below the end marker move above it.
    """
    parsed = as_block(parse(data, path), path)
    edits = MessageEdits(parsed)
    changes = [edits.header(key, text) for key, text in _headers(before, after).items()]
    changes += edits.set_header_keys(before.extra, after.extra)
    changes += _changes(edits, before.messages, kept)
    return bytearray(b"".join(splice(parsed.source.text.encode(), changes)))


def _headers(before: Session, after: Session) -> dict[str, str]:
    """Return the header fields that have a new value."""
    fields = ((key, getattr(before, key), getattr(after, key)) for key in _HEADER_FIELDS)
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
    """Yield matching half-open ranges of ``before`` and ``after`` that may differ."""
    head, tail = common_ends(before, after)
    names: dict[LLMMessage, int] = {}
    # Compare without flags and unknown keys, so that a message with others is edited instead of replaced.
    old, new = (
        [names.setdefault(_without_marks(message), len(names)) for message in side[head : len(side) - tail]]
        for side in (before, after)
    )
    for _, first, end, start, stop in align(old, new):
        yield first + head, end + head, start + head, stop + head


def _without_marks(message: LLMMessage) -> LLMMessage:
    usage = message.extra.frozen().get("usage")
    extra = JsonObject.of({"usage": usage}) if usage is not None else EMPTY
    return replace(message, skip=False, summary=False, interrupted=False, is_error=False, extra=extra)


def _change(edits: MessageEdits, number: int, was: LLMMessage, becomes: LLMMessage) -> Iterator[Edit]:
    if was == becomes:
        return
    if _without_marks(was) != _without_marks(becomes) or not edits.can_edit(number):
        yield edits.replace(number, number, [becomes])
        return
    for flag in FLAGS:
        if getattr(becomes, flag) and not getattr(was, flag):
            yield edits.set_flag(number, flag)
        elif getattr(was, flag) and not getattr(becomes, flag):
            cleared = edits.clear_flag(number, flag)
            if cleared is not None:
                yield cleared
    if was.extra != becomes.extra:
        yield from edits.set_keys(number, was.extra, becomes.extra)


def check_text(data: bytes | bytearray, path: Path, session: Session) -> None:
    """Raise UnstorableValue unless ``data`` has the messages of ``session``.

    Numbers that cannot be written are replaced, see ``storable_number``.
    """
    found = load_session(data, path)
    messages, system = map(_storable, (session.messages, session.system_messages))
    if found.messages != messages or found.system_messages != system or found.extra != session.extra:
        raise UnstorableValue(
            f"{path} would not be read back as it was written. Nothing was saved. Please report this as a bug."
        )


def check_lines(lines: str, messages: Sequence[LLMMessage], path: Path) -> None:
    """Raise UnstorableValue unless ``lines`` contain exactly ``messages``."""
    if not lines:
        return
    try:
        same = load_messages(lines, path) == _storable(messages)
    except SessionFileError as error:
        raise UnstorableValue(f"A message cannot be saved: {error.reason}. Nothing was written.") from None
    if not same:
        raise UnstorableValue("A message cannot be saved unchanged. Nothing was written. Please report this as a bug.")


def _storable(messages: Sequence[LLMMessage]) -> tuple[LLMMessage, ...]:
    return tuple(map(storable, messages))


_LINE_START = re.compile(r"^(?=[^\n])", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class VerbatimMessages:
    """Messages with their original ``lines``, which include comments and unknown keys.

    The dashes of the lines are at ``column``; line endings are line feeds.
    """

    messages: tuple[LLMMessage, ...]
    lines: str
    column: int

    @classmethod
    def of(cls, messages: tuple[LLMMessage, ...], lines: str | None) -> VerbatimMessages | None:
        """Return the messages with canonical ``lines``, or None if the lines differ."""
        verbatim = cls(messages, lines, ITEM_COLUMN) if lines else None
        return verbatim if verbatim and verbatim._matches(verbatim.lines) else None

    @classmethod
    def cut_from(cls, parsed: ParsedDocument, messages: tuple[LLMMessage, ...], first: int) -> VerbatimMessages | None:
        """Return the messages from number ``first`` on, or None if the lines differ."""
        lines, column = MessageEdits(as_block(parsed, Path())).lines(first)
        lines = re.sub("\r\n?", "\n", lines)
        verbatim = cls(messages, lines if lines.endswith("\n") else f"{lines}\n", column)
        return verbatim if verbatim._matches(verbatim.lines) else None

    def at(self, column: int) -> str:
        """Return the lines, or new ones if indenting to ``column`` changes their meaning."""
        moved = self.lines
        if column > self.column:
            moved = _LINE_START.sub(" " * (column - self.column), moved)
        elif column < self.column:
            moved = re.sub(rf"^ {{1,{self.column - column}}}", "", moved, flags=re.MULTILINE)
        return moved if self._matches(moved) else emit_messages(self.messages, column)

    def _matches(self, lines: str) -> bool:
        try:
            check_lines(lines, self.messages, Path())
        except (UnstorableValue, SessionFileError):
            return False
        return True
