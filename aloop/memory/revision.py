"""From one version of a session to another, with as little change to its text as that takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from pathlib import Path

from aloop.llm.message_types import LLMMessage
from aloop.memory.edits import MessageEdits
from aloop.memory.serialization import parse
from aloop.memory.session import Session
from aloop.memory.splice import Edit, splice
from aloop.memory.unfold import as_block

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
