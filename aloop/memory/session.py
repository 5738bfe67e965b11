"""Records of stored sessions, as they cross the border of the memory package.

Counts over a session, from what its messages say of themselves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from aloop.errors import InvalidPrefix, UsageError
from aloop.llm.message_types import LLMMessage, Usage

FILE_NAME = "session.yaml"
MIN_DELETE_PREFIX = 4
"""Characters of an id that it takes to delete a session."""
TITLE_LENGTH = 80
"""Characters of the first user line that make a session's title."""
MAX_TITLE = 200
"""Characters of a title that somebody gives."""

# A clock that is a few minutes fast is nothing to speak of.
_TOLERATED = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Session:
    """A whole session, as read from its file. Times carry a zone; naive ones in the file are local time.

    ``title`` is what the header says, or the first user line. ``warnings`` tells what is odd in the file and was
    still read (no end marker, for instance), a sentence each.
    """

    id: str
    created_at: datetime
    updated_at: datetime
    system_messages: tuple[LLMMessage, ...]
    messages: tuple[LLMMessage, ...]
    path: Path
    title: str = ""
    model: str | None = None
    forked_from: str | None = None
    version: int = 1
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SessionSummary:
    """One row of a listing. ``problem`` is why the session can not be read, None for a sound one.

    ``id`` of a session whose file does not even tell its id is the name's last eight characters.
    """

    id: str
    created_at: datetime
    updated_at: datetime
    message_count: int
    title: str
    path: Path
    problem: str | None = None

    @property
    def is_in_future(self) -> bool:
        """Whether the last change lies ahead of our clock: that one was wrong, or this one is, or a hand wrote it."""
        return is_in_future(self.updated_at)


@dataclass(frozen=True, slots=True)
class SessionTitle:
    """What completion shows of a session: as much as the first lines of its file tell, and nothing that is counted."""

    id: str
    updated_at: datetime
    title: str


@dataclass(frozen=True, slots=True)
class SessionStats:
    """Counts over one session; ``size`` is that of session.yaml in bytes.

    ``usage`` is that of all answers and summaries together, ``usage_by_model`` the same for each model that gave any.
    """

    id: str
    created_at: datetime
    updated_at: datetime
    message_count: int
    messages_by_role: Mapping[str, int]
    tool_calls: Mapping[str, int]
    usage: Usage = field(default_factory=Usage)
    size: int = 0
    path: Path = Path()
    usage_by_model: Mapping[str, Usage] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SaveReport:
    """What a save did. ``path`` is the file written; ``notice`` is a sentence the person should read, or None.

    ``beside`` is True when session.yaml had changed on disk, so that it was left alone and ``path`` stands beside it.
    """

    path: Path
    beside: bool = False
    notice: str | None = None


def make_title(messages: tuple[LLMMessage, ...]) -> str:
    """Return the first non-blank line that the user wrote, its white space folded, at most TITLE_LENGTH long."""
    for message in messages:
        if message.role == "user" and not message.summary and message.content and message.content.strip():
            line = " ".join(message.content.strip().splitlines()[0].split())
            return line if len(line) <= TITLE_LENGTH else line[: TITLE_LENGTH - 1].rstrip() + "…"
    return ""


def normal_title(title: str) -> str:
    """Return ``title`` on one line, as the header holds it; raises UsageError when nothing is left, or too much."""
    words = " ".join(title.split())
    if not words:
        raise UsageError("A title needs at least one word. Nothing was renamed.")
    if len(words) > MAX_TITLE:
        raise UsageError(f"A title has at most {MAX_TITLE} characters; this one has {len(words)}. Nothing was renamed.")
    return words


def is_in_future(moment: datetime) -> bool:
    """Whether a stored time can not be right by our clock."""
    return moment > datetime.now().astimezone() + _TOLERATED


def require_prefix_length(prefix: str) -> None:
    """Raise InvalidPrefix for too little of an id to delete by: a slip of the finger must not remove anything."""
    if len(prefix.strip()) < MIN_DELETE_PREFIX:
        raise InvalidPrefix(f"To delete a session, type at least {MIN_DELETE_PREFIX} characters of its id.")


UNNAMED = "(not named)"
"""Stands for the model of answers that do not say whose they are."""


def count(session: Session, size: int) -> SessionStats:
    """Return the counts; ``size`` is that of the file in bytes."""
    messages = session.messages
    by_model: dict[str, Usage] = {}
    for message in messages:
        if message.usage:
            name = message.model or UNNAMED
            by_model[name] = by_model.get(name, Usage()) + message.usage
    return SessionStats(
        session.id,
        session.created_at,
        session.updated_at,
        len(messages),
        Counter(message.role for message in messages),
        Counter(call.name for message in messages for call in message.tool_calls),
        sum(by_model.values(), Usage()),
        size,
        session.path,
        by_model,
    )
