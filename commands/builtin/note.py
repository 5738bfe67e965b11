"""/note, /tag, /pin and /unpin: remarks about messages that stay in the file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from commands.registry import Argument, Command
from commands.selection import read_number, require_in_range

if TYPE_CHECKING:
    from aloop.llm.message_types import LLMMessage
    from commands.context import Context

_REMOVE = "-"
_SHOWN = 60


async def note(context: Context, argument: str) -> None:
    """Set, show or remove the note of a message; without a number, list all."""
    # Imported late for startup time.
    from aloop.memory.annotations import note_of, with_note

    if not argument:
        _list(context)
        return
    first, _, text = argument.partition(" ")
    number, text = read_number(first), text.strip()
    if not text:
        require_in_range(number, context.memory.message_count)
        found = note_of(context.memory.messages[number - 1])
        context.view.info(f"Note of message {number}: {found}" if found else f"Message {number} has no note.")
        return
    wanted = "" if text == _REMOVE else text
    await context.memory.edit(_Change(number, lambda message: with_note(message, wanted)))
    context.view.info(f"Message {number} {'has a note' if wanted else 'no longer has a note'}.")


async def tag(context: Context, argument: str) -> None:
    """Add or remove tags of a message or the session; without words, list them."""
    # Imported late for startup time.
    from dataclasses import replace

    from aloop.memory.annotations import read_tag, tags_of, with_tags

    words = argument.replace(",", " ").split()
    if not words:
        _list(context)
        return
    number = read_number(words.pop(0)) if words[0].isdecimal() else None
    removed = [read_tag(word[1:]) for word in words if word.startswith(_REMOVE)]
    added = [read_tag(word) for word in words if not word.startswith(_REMOVE)]
    memory = context.memory
    if number is None:
        await memory.edit_header(lambda extra: with_tags(extra, added, removed))
        name, extra = "This session", memory.header
    else:
        if words:
            await memory.edit(
                _Change(number, lambda message: replace(message, extra=with_tags(message.extra, added, removed)))
            )
        require_in_range(number, memory.message_count)
        name, extra = f"Message {number}", memory.messages[number - 1].extra
    tags = [f"#{each}" for each in tags_of(extra)]
    have = "the tag" if len(tags) == 1 else "the tags"
    context.view.info(f"{name} has {have} {' '.join(tags)}." if tags else f"{name} has no tags.")


async def pin(context: Context, argument: str) -> None:
    """Keep a message in the context after a compaction, or pin the session."""
    await _pin(context, argument, pinned=True)


async def unpin(context: Context, argument: str) -> None:
    """Remove a pin."""
    await _pin(context, argument, pinned=False)


async def _pin(context: Context, argument: str, *, pinned: bool) -> None:
    # Imported late for startup time.
    from aloop.memory.annotations import with_header_pin, with_pin

    if not argument:
        await context.memory.edit_header(lambda extra: with_header_pin(extra, pinned=pinned))
        context.view.info(f"This session is {'' if pinned else 'not '}pinned.")
        return
    number = read_number(argument)
    await context.memory.edit(_Change(number, lambda message: with_pin(message, pinned=pinned)))
    done = "is pinned: it stays in the context after /compact" if pinned else "is not pinned"
    context.view.info(f"Message {number} {done}.")


@dataclass(frozen=True, slots=True)
class _Change:
    """Changes one message, named by its number."""

    number: int
    change: Callable[[LLMMessage], LLMMessage]

    def __call__(self, messages: Sequence[LLMMessage]) -> Sequence[LLMMessage]:
        require_in_range(self.number, len(messages))
        place = self.number - 1
        return [*messages[:place], self.change(messages[place]), *messages[place + 1 :]]


def _list(context: Context) -> None:
    # Imported late for startup time.
    from aloop.memory.annotations import annotation_text, find_annotated, header_text

    memory = context.memory
    marks = header_text(memory.header)
    if marks:
        context.view.info(f"This session: {marks}")
    found = find_annotated(memory.messages)
    for each in found:
        said = " ".join((each.message.content or "").split())
        shown = said if len(said) <= _SHOWN else f"{said[:_SHOWN]}…"
        context.view.info(f"{each.number}  {annotation_text(each.message)}  ({each.message.role}: {shown})")
    if not found and not marks:
        context.view.info("This session has no notes, tags or pins. /note 3 TEXT adds a note to message 3.")


NOTE = Command(
    name="note",
    summary="Add a note to message N, or list notes, tags and pins",
    handler=note,
    usage="[N [TEXT]]",
    argument=Argument.TEXT,
    group="Editing",
    example="/note 4 This was wrong",
)
TAG = Command(
    name="tag",
    summary="Tag this session or message N; a - before a tag removes it",
    handler=tag,
    usage="[N] TAGS",
    argument=Argument.TAG,
    group="Editing",
    example="/tag 4 bug parser",
)
PIN = Command(
    name="pin",
    summary="Keep message N in the context after a compaction, or pin this session",
    handler=pin,
    usage="[N]",
    argument=Argument.TEXT,
    group="Editing",
    example="/pin 4",
)
UNPIN = Command(
    name="unpin",
    summary="Remove the pin of message N, or of this session",
    handler=unpin,
    usage="[N]",
    argument=Argument.TEXT,
    group="Editing",
    example="/unpin 4",
)
