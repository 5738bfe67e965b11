"""Notes, tags and pins that the user gives to messages and sessions.

They are keys of the file that only people and aloop read: ``note``, ``tags`` and ``pinned`` of a message, and ``tags``
of a session. The model never gets them, except for a pinned message in front of a summary.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from aloop.errors import UsageError
from aloop.llm.json_values import JsonObject
from aloop.llm.message_types import LLMMessage
from aloop.text import normalized

_TAG = re.compile(r"[^\s,\[\]{}\"'#:]+")
_MAX_TAG = 50
_PINNED = "Messages pinned by the user, from the conversation before the summary:"


@dataclass(frozen=True, slots=True)
class Annotated:
    """A message with a note, tags or a pin; ``number`` counts from 1."""

    number: int
    message: LLMMessage


def note_of(message: LLMMessage) -> str:
    """Return the note of a message, or an empty text."""
    note = message.extra.get("note")
    return "" if note is None or isinstance(note, dict | list) else str(note)


def tags_of(extra: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the tags among unknown keys; a list written as text counts too."""
    tags = extra.get("tags")
    if isinstance(tags, str):
        tags = tags.replace(",", " ").split()
    if not isinstance(tags, list | tuple):
        return ()
    return tuple(dict.fromkeys(str(tag) for tag in tags if not isinstance(tag, dict | list) and tag is not None))


def has_tag(extra: Mapping[str, Any], tag: str) -> bool:
    """Return True if ``tag`` is among unknown keys; case is ignored, as in searches."""
    return _folded(tag) in map(_folded, tags_of(extra))


def _folded(tag: str) -> str:
    return normalized("NFC", tag).casefold()


def is_pinned(extra: Mapping[str, Any]) -> bool:
    """Return True if a message or a session has a pin."""
    return extra.get("pinned") in (True, "yes", "on")


def header_text(extra: Mapping[str, Any]) -> str:
    """Return the pin and the tags of a session on one line, or an empty text."""
    return " ".join([*(["pinned"] if is_pinned(extra) else []), *(f"#{tag}" for tag in tags_of(extra))])


def with_header_pin(extra: JsonObject, *, pinned: bool) -> JsonObject:
    """Return the unknown keys of a header with a pin, or without one."""
    return extra.with_values(pinned=True if pinned else None)


def find_annotated(messages: Sequence[LLMMessage], tag: str = "") -> list[Annotated]:
    """Return the messages with a note, a tag or a pin, or those with ``tag``."""
    return [
        Annotated(number, message)
        for number, message in enumerate(messages, 1)
        if (has_tag(message.extra, tag) if tag else annotation_text(message))
    ]


def annotation_text(message: LLMMessage) -> str:
    """Return pin, tags and note on one line, or an empty text."""
    pin = ["pinned"] if is_pinned(message.extra) else []
    return " ".join([*pin, *(f"#{tag}" for tag in tags_of(message.extra)), *note_of(message).split()])


def with_note(message: LLMMessage, note: str) -> LLMMessage:
    """Return the message with a note, or without one if ``note`` is empty."""
    return replace(message, extra=message.extra.with_values(note=note or None))


def with_pin(message: LLMMessage, *, pinned: bool) -> LLMMessage:
    """Return the message with a pin, or without one."""
    return replace(message, extra=message.extra.with_values(pinned=True if pinned else None))


def with_tags(extra: JsonObject, added: Iterable[str], removed: Iterable[str]) -> JsonObject:
    """Return unknown keys with other tags.

    Case is ignored: a tag that differs only in case is not added.
    """
    gone = set(map(_folded, removed))
    tags = [tag for tag in tags_of(extra) if _folded(tag) not in gone]
    present = set(map(_folded, tags)) | gone
    for tag in added:
        if _folded(tag) not in present:
            tags.append(tag)
            present.add(_folded(tag))
    return extra.with_values(tags=tags or None)


def read_tag(word: str) -> str:
    """Return a tag as the user typed it, without ``#``; raises UsageError."""
    tag = word.removeprefix("#")
    if not _TAG.fullmatch(tag) or len(tag) > _MAX_TAG or tag.isdecimal():
        raise UsageError(f"{word!r} is not a tag. A tag is one word, such as bug or to-do, and not a number.")
    return tag


def pinned_text(messages: Iterable[LLMMessage]) -> str:
    """Return the pinned ones of ``messages`` as text for the model, empty without any."""
    parts = [
        f"[{message.role}] {(message.content or '').strip()}"
        + (f"\n(note: {note_of(message)})" if note_of(message) else "")
        for message in messages
        if is_pinned(message.extra) and not message.skip and (message.content or "").strip()
    ]
    return "\n\n".join([_PINNED, *parts]) if parts else ""
