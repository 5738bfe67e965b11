"""Conversations of other tools, as they are read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol, overload

from aloop.llm.message_types import LLMMessage, Role, ToolCall
from aloop.memory.codec.size_bound import quick_bound
from aloop.memory.session import Session

Kind = Literal["session", "branch", "subagent"]


class Outline(Protocol):
    """The part of a message that its draft has, too."""

    @property
    def role(self) -> Role: ...

    @property
    def content(self) -> str | None: ...

    @property
    def tool_calls(self) -> Sequence[ToolCall]: ...


class Drafted(Outline, Protocol):
    """A message that is not made yet."""

    @property
    def size_bound(self) -> int:
        """Bytes that the message has at most in session.yaml."""

    def message(self) -> LLMMessage:
        """Make the message."""


class DraftedMessages(Sequence[LLMMessage]):
    """Messages that are made when one of them is read first.

    A dry run only counts most of them, and is faster by a quarter without making them.
    """

    def __init__(self, drafts: Sequence[Drafted]) -> None:
        self._drafts = drafts
        self._made: tuple[LLMMessage, ...] | None = None

    @property
    def outlines(self) -> Sequence[Outline]:
        return self._drafts if self._made is None else self._made

    @property
    def size_bound(self) -> int:
        """Bytes that the messages have at most in session.yaml."""
        return sum(draft.size_bound for draft in self._drafts) if self._made is None else _bound(self._made)

    def __len__(self) -> int:
        return len(self.outlines)

    @overload
    def __getitem__(self, place: int) -> LLMMessage: ...

    @overload
    def __getitem__(self, place: slice) -> tuple[LLMMessage, ...]: ...

    def __getitem__(self, place: int | slice) -> LLMMessage | tuple[LLMMessage, ...]:
        return self._all()[place]

    def __iter__(self) -> Iterator[LLMMessage]:
        return iter(self._all())

    def _all(self) -> tuple[LLMMessage, ...]:
        if self._made is None:
            self._made = tuple(draft.message() for draft in self._drafts)
            self._drafts = ()  # no longer needed, and as large as the messages
        return self._made


def count_calls(messages: Iterable[Outline]) -> int:
    """Return the number of tool calls in messages or their drafts."""
    return sum(len(each.tool_calls) for each in messages)


def _bound(messages: Sequence[LLMMessage]) -> int:
    return sum(map(quick_bound, messages))


@dataclass(slots=True)
class Imported:
    """One conversation of another tool.

    ``foreign_id`` and ``branch`` identify it among those of ``tool``. ``parent`` is the foreign ID of the conversation
    from which a branch or a subagent started. ``losses`` counts what has no place in a session; ``files`` are stored
    beside it, by their relative path. ``session`` is the whole session if aloop wrote it. ``exported_from`` is the ID
    of the session of aloop that was exported to the tool. ``other_ids`` are for a conversation that has no ID
    there, if another one that starts the same has ``foreign_id``, which is made of its first messages. ``single_id`` is
    for one that was imported when it had only one message.
    """

    tool: str
    foreign_id: str
    messages: Sequence[LLMMessage]
    kind: Kind = "session"
    branch: str = ""
    parent: str = ""
    title: str = ""
    created_at: datetime | None = None
    updated_at: datetime | None = None
    cwd: str = ""
    version: str = ""
    model: str | None = None
    path: Path | None = None
    losses: Counter[str] = field(default_factory=Counter)
    files: dict[str, bytes] = field(default_factory=dict)
    session: Session | None = None
    exported_from: str = ""
    other_ids: Callable[[], Iterator[str]] | None = None
    single_id: Callable[[], str] | None = None

    @property
    def all_ids(self) -> Iterator[str]:
        """All foreign IDs that the conversation may have here."""
        yield self.foreign_id
        if self.other_ids:
            yield from self.other_ids()
        if self.single_id:
            yield self.single_id()

    @property
    def outlines(self) -> Sequence[Outline]:
        """The messages, or their drafts if they are not made yet."""
        return self.messages.outlines if isinstance(self.messages, DraftedMessages) else self.messages

    @property
    def size_bound(self) -> int:
        """Bytes that the messages have at most in session.yaml."""
        return self.messages.size_bound if isinstance(self.messages, DraftedMessages) else _bound(self.messages)

    @property
    def call_count(self) -> int:
        return count_calls(self.outlines)

    @property
    def result_count(self) -> int:
        return sum(each.role == "tool" for each in self.outlines)
