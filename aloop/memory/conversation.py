"""Conversation: the messages in memory, compared with those in the session file."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from difflib import SequenceMatcher
from pathlib import Path
from typing import NamedTuple, Protocol

from aloop.llm.message_types import LLMMessage
from aloop.memory.annotations import with_header_pin
from aloop.memory.disk.filesystem import FileSystem
from aloop.memory.session import Session, is_in_future, make_title, normal_title, shortened_title


def last_turn(messages: Sequence[LLMMessage]) -> int | None:
    """Return the index of the last user message, which starts the last turn, or None."""
    return next((place for place in range(len(messages) - 1, -1, -1) if is_question(messages[place])), None)


def is_question(message: LLMMessage) -> bool:
    """Return True for a message from the user that is not a summary."""
    return message.role == "user" and not message.summary


def expand_to_tool_calls(messages: Sequence[LLMMessage], first: int, last: int) -> tuple[int, int]:
    """Extend an inclusive index range so that tool calls keep their results."""
    while first and messages[first].role == "tool":
        first -= 1
    waiting = messages[last].tool_calls or messages[last].role == "tool"
    while waiting and last + 1 < len(messages) and messages[last + 1].role == "tool":
        last += 1
    return first, last


def expand_to_sendable(messages: Sequence[LLMMessage], first: int, last: int, *, skip: bool) -> tuple[int, int]:
    """Extend an inclusive index range of messages to skip or to send again.

    Tool calls keep their results, and the first answers that are sent keep their question: without one before them,
    they cannot be sent.
    """
    first, last = expand_to_tool_calls(messages, first, last)
    if all(message.skip is skip for message in messages[first : last + 1]):
        return first, last
    orphans = _answers_without_question(marked(messages, first, last, skip=skip))
    if skip:
        # Those before the range had no question already.
        return first, max((place for place in orphans if place > last), default=last)
    if any(first <= place <= last for place in orphans):
        questions = [place for place in range(first) if is_question(messages[place])]
        first = questions[-1] if questions else first
    return first, last


def _answers_without_question(messages: Sequence[LLMMessage]) -> list[int]:
    """Return the indexes of answers and results before the first question or summary.

    Skipped messages do not count. Those that a later summary hides do, because it can be undone.
    """
    found: list[int] = []
    for place, message in enumerate(messages):
        if message.skip:
            continue
        if message.role == "user" or message.summary:
            break
        found.append(place)
    return found


def marked(messages: Sequence[LLMMessage], first: int, last: int, *, skip: bool) -> list[LLMMessage]:
    """Return ``messages`` with ``skip`` set from ``first`` to ``last`` inclusive."""
    return [
        replace(message, skip=skip) if first <= place <= last and message.skip is not skip else message
        for place, message in enumerate(messages)
    ]


def all_sent(messages: Sequence[LLMMessage]) -> list[LLMMessage]:
    """Return ``messages`` with ``skip`` cleared, except on summaries.

    A skipped summary was undone; clearing it would hide all messages before it again.
    """
    return [replace(message, skip=False) if message.skip and not message.summary else message for message in messages]


Change = Callable[[tuple[LLMMessage, ...]], Sequence[LLMMessage]]
"""Returns the new messages for the current ones; pure, because it is called again if the file changes."""

_TICK = timedelta(milliseconds=1)


class ForkSource(Protocol):
    """The session that an unsaved fork was made from."""

    def carry_over(self, fs: FileSystem, fork: Session, folder: Path) -> bytes | None:
        """Copy the outputs of ``fork`` into ``folder`` and return the file's text.

        None means that the text has to be created.
        """
        ...


class SentDigests(NamedTuple):
    """Digests of the system text and the tools of a request; empty if unknown."""

    system: str = ""
    tools: str = ""


@dataclass(slots=True)
class Conversation:
    """The messages of one session.

    The first ``saved`` messages are in its file; ``head`` is the file's header.
    """

    head: Session
    system: list[LLMMessage] = field(default_factory=list)
    messages: list[LLMMessage] = field(default_factory=list)
    saved: int = 0
    saved_system: tuple[LLMMessage, ...] = ()
    counted_from: int = 0
    """Token usage of messages before this index refers to a context that is no longer sent."""
    version: int = 0
    """Incremented by every change except appending a message."""
    fork_source: ForkSource | None = None
    """The source of a fork, until its first save."""
    new_title: str = ""
    """The title for the next save to write into the header; empty if the header is up to date."""
    is_renamed: bool = False
    sent: SentDigests | None = None
    """The digests of the last request, until a save has written them."""

    @classmethod
    def new(cls) -> Conversation:
        """Return an empty conversation with a new ID."""
        now = datetime.now().astimezone()
        return cls(Session(str(uuid.uuid4()), now, now, (), (), Path()))

    @classmethod
    def of(cls, session: Session) -> Conversation:
        """Return the conversation stored in a file."""
        conversation = cls(_bare(session))
        conversation.adopt(session)
        return conversation

    @classmethod
    def fork(cls, session: Session, upto: int | None = None, source: ForkSource | None = None) -> Conversation:
        """Return a new conversation that starts with messages of ``session``.

        It has the first ``upto`` messages, or all. It includes more where a tool call would be separated from its
        results.
        """
        if upto is not None and 0 < upto <= len(session.messages):
            upto = expand_to_tool_calls(session.messages, 0, upto - 1)[1] + 1
        conversation = cls.new()
        conversation.head = replace(
            conversation.head,
            title=session.title,
            model=session.model,
            forked_from=session.id,
            system_digest=session.system_digest,
            tools_digest=session.tools_digest,
            extra=with_header_pin(session.extra, pinned=False),
        )
        conversation.system[:] = session.system_messages
        conversation.messages[:] = session.messages[:upto]
        conversation.fork_source = source
        return conversation

    @property
    def unsaved(self) -> tuple[LLMMessage, ...]:
        return tuple(self.messages[self.saved :])

    @property
    def system_changed(self) -> bool:
        return tuple(self.system) != self.saved_system

    @property
    def has_changes(self) -> bool:
        """True if the next save writes messages, system messages or a title."""
        return bool(self.unsaved) or self.system_changed or bool(self.new_title)

    @property
    def title(self) -> str:
        return self.new_title or self.head.title or make_title(tuple(self.messages))

    def rename(self, title: str) -> None:
        """Set the title; raises UsageError if it is empty or too long."""
        self.new_title = normal_title(title)
        self.is_renamed = True

    def adopt(self, session: Session) -> None:
        """Replace the saved messages with those of the file; unsaved messages follow them.

        Those that the user has added to the file, from the file beside it, are not repeated.
        """
        if not self.system_changed:
            self.system[:] = session.system_messages
        self.saved += _overlap(session.messages, self.unsaved)
        self.messages[: self.saved] = session.messages
        self._saved_as(session)
        shortened = any(message.summary or message.skip for message in self.messages)
        self._changed(counted_from=len(self.messages) if shortened else 0)

    def reset(self, session: Session, unsaved: Sequence[LLMMessage]) -> None:
        """Replace all messages with those of the file, followed by ``unsaved``."""
        self.messages[:] = (*session.messages, *unsaved)
        self._saved_as(session)
        self._changed(counted_from=len(self.messages))

    def revise(self, messages: Sequence[LLMMessage]) -> None:
        """Replace all messages; those that were unsaved before remain unsaved."""
        if self.head.title == make_title(tuple(all_sent(self.messages))):
            # The title was derived from the first message: derive it again. It does not change if that is skipped.
            self.head = replace(self.head, title=make_title(tuple(all_sent(messages))))
        pending = {id(message) for message in self.unsaved}
        self.saved = next((i for i, message in enumerate(messages) if id(message) in pending), len(messages))
        self.messages[:] = messages
        self._changed(counted_from=len(messages))

    def _changed(self, counted_from: int) -> None:
        self.counted_from = counted_from
        self.version += 1

    def mark_saved(self, session: Session) -> None:
        """Record that the snapshot ``session`` was written to the file."""
        self.new_title = ""
        self.sent = None
        self._saved_as(session)

    def _saved_as(self, session: Session) -> None:
        self.head = _bare(session)
        self.saved = len(session.messages)
        self.saved_system = session.system_messages

    def snapshot(self, model: str | None) -> Session:
        """Return the session to write, with an ``updated_at`` that increases.

        A time in the future, from a wrong clock, is not kept: the session would be the latest one for good.
        """
        messages, now, before = tuple(self.messages), datetime.now().astimezone(), self.head.updated_at
        is_bound = any(block.prefix for message in messages for block in message.thinking)
        sent = self.sent if self.sent and is_bound else SentDigests(self.head.system_digest, self.head.tools_digest)
        return replace(
            self.head,
            system_digest=sent.system,
            tools_digest=sent.tools,
            updated_at=now if is_in_future(before) else max(now, before + _TICK),
            system_messages=tuple(self.system),
            messages=messages,
            title=self.title,
            model=model or self.head.model,
        )


def _overlap(stored: Sequence[LLMMessage], unsaved: Sequence[LLMMessage]) -> int:
    """Return the number of first ``unsaved`` messages that ``stored`` ends with.

    Only times distinguish them from others with the same words.
    """
    timed = next((number for number, message in enumerate(unsaved) if message.at is None), len(unsaved))
    for count in range(min(timed, len(stored)), 0, -1):
        if tuple(stored[len(stored) - count :]) == tuple(unsaved[:count]):
            return count
    return 0


def _bare(session: Session) -> Session:
    return replace(session, system_messages=(), messages=())


# If the differing parts are longer than this, their messages are counted without being aligned.
_MAX_ALIGNED = 500

_WORDS_SEARCHED = 1_000  # characters of a message
_LONGEST_WORDS = 50
_NO_MESSAGES = "only text outside the messages"


@dataclass(frozen=True, slots=True)
class Changes:
    """The numbers of messages that were edited, removed and added."""

    edited: int = 0
    removed: int = 0
    added: int = 0
    new: Sequence[LLMMessage] = field(default=(), compare=False, repr=False)
    """The messages that were added."""

    def __str__(self) -> str:
        counts = ((self.edited, "changed"), (self.removed, "removed"), (self.added, "added"))
        parts = [f"{count} {'message' if count == 1 else 'messages'} {verb}" for count, verb in counts if count]
        return (", ".join(parts) or _NO_MESSAGES) + self._words_of_new

    @property
    def _words_of_new(self) -> str:
        """The first words of the last message that was added, if it has any."""
        texts = (message.content for message in reversed(self.new) if message.role in ("user", "assistant"))
        line = next((" ".join(text[:_WORDS_SEARCHED].split()) for text in texts if text and text.strip()), "")
        which = "" if self.added == 1 else "the last "
        return f" ({which}“{shortened_title(line, _LONGEST_WORDS)}”)" if line else ""


def common_ends(before: Sequence[LLMMessage], after: Sequence[LLMMessage]) -> tuple[int, int]:
    """Return the numbers of equal messages at the start, and then at the end."""
    shorter = min(len(before), len(after))
    start = next((place for place in range(shorter) if before[place] != after[place]), shorter)
    rest = shorter - start
    end = next((place for place in range(rest) if before[-1 - place] != after[-1 - place]), rest)
    return start, end


# Equal pairs beyond which the most frequent items are not used to align two sequences.
_MAX_PAIRS = 1_000_000


def align(old: Sequence[int], new: Sequence[int]) -> Sequence[tuple[str, int, int, int, int]]:
    """Return the opcodes of ``difflib`` that turn ``old`` into ``new``.

    They are minimal, unless so many items are equal that this would take quadratic time.
    """
    counts = Counter(new)
    is_repetitive = sum(counts[item] for item in old) > _MAX_PAIRS
    return SequenceMatcher(None, old, new, autojunk=is_repetitive).get_opcodes()


def describe_changes(before: Sequence[LLMMessage], after: Sequence[LLMMessage]) -> Changes:
    """Count the edits that turn ``before`` into ``after``."""
    start, end = common_ends(before, after)
    old, new = before[start : len(before) - end], after[start : len(after) - end]
    if len(old) * len(new) > _MAX_ALIGNED * _MAX_ALIGNED:
        common = min(len(old), len(new))
        return Changes(common, len(old) - common, len(new) - common, new[common:])
    edited = removed = 0
    added: list[LLMMessage] = []
    names: dict[LLMMessage, int] = {}
    texts = [[names.setdefault(message, len(names)) for message in side] for side in (old, new)]
    for kind, i1, i2, j1, j2 in align(texts[0], texts[1]):
        if kind == "equal":
            continue
        common = min(i2 - i1, j2 - j1)
        edited, removed = edited + common, removed + (i2 - i1 - common)
        added += new[j1 + common : j2]
    return Changes(edited, removed, len(added), added)
