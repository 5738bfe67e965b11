"""A conversation in memory: what its file holds so far, and what is new since.

Messages that belong together: a turn, and a tool call with its results.

What changed between two versions of a conversation, in a few words.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from difflib import SequenceMatcher
from pathlib import Path
from typing import Protocol

from aloop.llm.message_types import LLMMessage
from aloop.memory.disk.filesystem import FileSystem
from aloop.memory.session import Session, make_title, normal_title


def last_turn(messages: Sequence[LLMMessage]) -> int | None:
    """Return the place of the last thing that the user said, with which the last turn begins; None without one."""
    return next((place for place in range(len(messages) - 1, -1, -1) if is_question(messages[place])), None)


def is_question(message: LLMMessage) -> bool:
    """Whether the user said this; a summary is put into the user's mouth."""
    return message.role == "user" and not message.summary


def expand_to_tool_calls(messages: Sequence[LLMMessage], first: int, last: int) -> tuple[int, int]:
    """Return a range of places, both included, widened so that no tool call is parted from its results."""
    while first and messages[first].role == "tool":
        first -= 1
    waiting = messages[last].tool_calls or messages[last].role == "tool"
    while waiting and last + 1 < len(messages) and messages[last + 1].role == "tool":
        last += 1
    return first, last


def marked(messages: Sequence[LLMMessage], first: int, last: int, *, skip: bool) -> list[LLMMessage]:
    """Return ``messages`` with those from place ``first`` to ``last``, the latter included, skipped or not."""
    return [
        replace(message, skip=skip) if first <= place <= last and message.skip is not skip else message
        for place, message in enumerate(messages)
    ]


def all_sent(messages: Sequence[LLMMessage]) -> list[LLMMessage]:
    """Return ``messages`` with none skipped but summaries: one that was undone would hide all before it again."""
    return [replace(message, skip=False) if message.skip and not message.summary else message for message in messages]


Change = Callable[[tuple[LLMMessage, ...]], Sequence[LLMMessage]]
"""Makes other messages of those there are; pure, for it is called again when the file changes meanwhile."""

_TICK = timedelta(milliseconds=1)
# Later times could not be read back: in another zone they leave the calendar.
_LAST = datetime(9998, 12, 30, tzinfo=UTC)


class ForkSource(Protocol):
    """The source of a fork that is not saved yet."""

    def carry_over(self, fs: FileSystem, fork: Session, folder: Path) -> bytes | None:
        """Copy the outputs that ``fork`` names into ``folder`` and return its text, or None for a new text."""
        ...


@dataclass(slots=True)
class Conversation:
    """The messages of one session. The first ``saved`` of them stand in its file; ``head`` is the file's header."""

    head: Session
    system: list[LLMMessage] = field(default_factory=list)
    messages: list[LLMMessage] = field(default_factory=list)
    saved: int = 0
    saved_system: tuple[LLMMessage, ...] = ()
    counted_from: int = 0
    """Usage on messages before this one tells of a context that is no longer sent."""
    version: int = 0
    """Grows with each change that is not just one more message."""
    origin: ForkSource | None = None
    """What a fork that is not saved yet is made from."""
    new_title: str = ""
    """The title that the next save puts into the header, empty when that has the right one."""

    @classmethod
    def new(cls) -> Conversation:
        """Return an empty conversation with an id of its own."""
        now = datetime.now().astimezone()
        return cls(Session(str(uuid.uuid4()), now, now, (), (), Path()))

    @classmethod
    def of(cls, session: Session) -> Conversation:
        """Return the conversation that a file holds."""
        conversation = cls(_bare(session))
        conversation.adopt(session)
        return conversation

    @classmethod
    def fork(cls, session: Session, upto: int | None = None, origin: ForkSource | None = None) -> Conversation:
        """Return a new conversation with an id of its own that begins as ``session``, with ``upto`` of its messages.

        It may be some more: no tool call is parted from its results.
        """
        if upto is not None and 0 < upto <= len(session.messages):
            upto = expand_to_tool_calls(session.messages, 0, upto - 1)[1] + 1
        conversation = cls.new()
        conversation.head = replace(conversation.head, title=session.title, model=session.model, forked_from=session.id)
        conversation.system[:] = session.system_messages
        conversation.messages[:] = session.messages[:upto]
        conversation.origin = origin
        return conversation

    @property
    def unsaved(self) -> tuple[LLMMessage, ...]:
        return tuple(self.messages[self.saved :])

    @property
    def system_changed(self) -> bool:
        return tuple(self.system) != self.saved_system

    @property
    def title(self) -> str:
        return self.new_title or self.head.title or make_title(tuple(self.messages))

    def rename(self, title: str) -> None:
        """Give the session a title; raises UsageError for one that is none."""
        self.new_title = normal_title(title)

    def adopt(self, session: Session) -> None:
        """Take over what the file says now; what was not saved yet follows it."""
        if not self.system_changed:
            self.system[:] = session.system_messages
        self.messages[: self.saved] = session.messages
        self._saved_as(session)
        shortened = any(message.summary or message.skip for message in self.messages)
        self._changed(counted_from=len(self.messages) if shortened else 0)

    def reset(self, session: Session, unsaved: Sequence[LLMMessage]) -> None:
        """Go back to what the file says, followed by what was not saved yet."""
        self.messages[:] = (*session.messages, *unsaved)
        self._saved_as(session)
        self._changed(counted_from=len(self.messages))

    def revise(self, messages: Sequence[LLMMessage]) -> None:
        """Put ``messages`` in place of all there are; those of them that were not saved yet still count as such."""
        if self.head.title == make_title(tuple(self.messages)):
            # Nobody gave it: it follows what is said first.
            self.head = replace(self.head, title=make_title(tuple(messages)))
        pending = {id(message) for message in self.unsaved}
        firsts = (place for place, message in enumerate(messages) if id(message) in pending)
        self.saved = next(firsts, len(messages))
        self.messages[:] = messages
        self._changed(counted_from=len(messages))

    def _changed(self, counted_from: int) -> None:
        self.counted_from = counted_from
        self.version += 1

    def saved_now(self, session: Session) -> None:
        """Note that the file holds ``session``, a snapshot of this conversation."""
        self.new_title = ""
        self._saved_as(session)

    def _saved_as(self, session: Session) -> None:
        self.head = _bare(session)
        self.saved = len(session.messages)
        self.saved_system = session.system_messages

    def snapshot(self, model: str | None) -> Session:
        """Return the session as it is to be written: its time never goes backwards, whatever the clock does."""
        messages = tuple(self.messages)
        return replace(
            self.head,
            updated_at=max(datetime.now().astimezone(), min(self.head.updated_at + _TICK, _LAST)),
            system_messages=tuple(self.system),
            messages=messages,
            title=self.title,
            model=model or self.head.model,
        )


def _bare(session: Session) -> Session:
    return replace(session, system_messages=(), messages=())


# Beyond this many messages between the first and the last difference, they are counted without being aligned.
_ALIGNED = 500

_AROUND = "no message, but something around them"


@dataclass(frozen=True, slots=True)
class Changes:
    """How many messages of a conversation somebody edited, removed and added."""

    edited: int = 0
    removed: int = 0
    added: int = 0

    def __str__(self) -> str:
        counts = ((self.edited, "edited"), (self.removed, "removed"), (self.added, "added"))
        return ", ".join(f"{count} {what}" for count, what in counts if count) or _AROUND

    def to_their_author(self) -> str:
        """Return it for whoever made them, who needs no word on where they come from."""
        counts = ((self.edited, "changed"), (self.removed, "removed"), (self.added, "added"))
        told = [f"{count} {'message' if count == 1 else 'messages'} {what}" for count, what in counts if count]
        return ", ".join(told) or _AROUND


def describe_changes(before: Sequence[LLMMessage], after: Sequence[LLMMessage]) -> Changes:
    """Return what was done to ``before`` to make it ``after``."""
    start = 0
    while start < min(len(before), len(after)) and before[start] == after[start]:
        start += 1
    end = 0
    while end < min(len(before), len(after)) - start and before[-1 - end] == after[-1 - end]:
        end += 1
    old, new = before[start : len(before) - end], after[start : len(after) - end]
    if len(old) * len(new) > _ALIGNED * _ALIGNED:
        common = min(len(old), len(new))
        return Changes(common, len(old) - common, len(new) - common)
    edited = removed = added = 0
    names: dict[LLMMessage, int] = {}
    texts = [[names.setdefault(message, len(names)) for message in side] for side in (old, new)]
    for kind, i1, i2, j1, j2 in SequenceMatcher(None, texts[0], texts[1], autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        common = min(i2 - i1, j2 - j1)
        edited, removed, added = edited + common, removed + (i2 - i1 - common), added + (j2 - j1 - common)
    return Changes(edited, removed, added)
