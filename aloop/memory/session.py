"""Records of stored sessions, their titles, and counts over them."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from aloop.errors import InvalidPrefix, UsageError
from aloop.llm.cost.pricing import Cost, PriceList
from aloop.llm.json_values import EMPTY, JsonObject
from aloop.llm.message_types import LLMMessage, Usage

FILE_NAME = "session.yaml"
MIN_DELETE_PREFIX = 4
"""The least number of characters of an ID prefix that deletes a session."""
TITLE_LENGTH = 80
"""The length to which the first user line is cut to make a title."""
MAX_TITLE = 200
"""The greatest length of a title set by the user."""

# Clocks that are a few minutes apart are normal.
_TOLERANCE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Session:
    """A complete session, as read from its file.

    Times have a time zone; naive times in the file are local time. ``title`` is that of the header, or the first user
    line. Each of ``warnings`` is a sentence about a problem that did not prevent reading, such as a missing end marker.
    ``extra`` are the keys of the header that aloop does not know. ``system_digest`` and ``tools_digest`` identify the
    system text and the tools that the last request had; a session without thinking has none.
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
    system_digest: str = ""
    tools_digest: str = ""
    extra: JsonObject = field(default=EMPTY, repr=False)


@dataclass(frozen=True, slots=True)
class SessionSummary:
    """One row of a listing; ``problem`` is the reason if the session cannot be read.

    If the file's ID cannot be read, ``id`` is the last eight characters of the folder name. ``model`` is the one that
    a resumed session uses, or that gave the last answer. ``origin`` is the format from which it was imported,
    and ``kind`` is set for a part of a conversation: ``branch`` or ``subagent``.
    """

    id: str
    created_at: datetime
    updated_at: datetime
    message_count: int
    title: str
    path: Path
    problem: str | None = None
    model: str | None = None
    origin: str | None = None
    kind: str | None = None

    @property
    def is_in_future(self) -> bool:
        """True if the last change is later than now: a wrong clock or a manual edit."""
        return is_in_future(self.updated_at)


@dataclass(frozen=True, slots=True)
class SessionTitle:
    """The part of a session that its first lines contain, for completion.

    ``sessions_dir`` is None for a session of the folder in use. ``origin`` and ``kind`` are as in SessionSummary.
    """

    id: str
    updated_at: datetime
    title: str
    sessions_dir: Path | None = None
    origin: str | None = None
    kind: str | None = None

    @property
    def key(self) -> str:
        """The ID, with the folder if that is another one: copies have the same ID."""
        return self.id if self.sessions_dir is None else f"{self.sessions_dir}/{self.id}"


@dataclass(frozen=True, slots=True)
class SessionStats:
    """Counts over one session; ``size`` is the size of session.yaml in bytes.

    ``usage`` is the sum over all answers and summaries, ``usage_by_model`` the same per model. ``cost`` is the cost of
    all answers and summaries, ``turn_cost`` that of the last turn; both are None if it was not asked for. ``tool_ms``
    is the run time of all tool calls, ``changed_files`` the number of files that they changed.
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
    cost: Cost | None = None
    turn_cost: Cost | None = None
    tool_ms: int = 0
    changed_files: int = 0


@dataclass(frozen=True, slots=True)
class SaveReport:
    """The result of a save: the file written, and a ``notice`` for the user, if any.

    ``in_recovery_file`` is True if session.yaml could not be read; it is unchanged, and ``path`` is a file beside it.
    """

    path: Path
    in_recovery_file: bool = False
    notice: str | None = None


def make_title(messages: tuple[LLMMessage, ...], *, with_skipped: bool = False) -> str:
    """Return the first user line with a word in it, shortened to TITLE_LENGTH.

    If the first user message has no such line, its first line that is not blank. Skipped messages count only
    ``with_skipped``: those of an imported session are texts of the other tool.
    """
    for message in messages:
        is_asked = message.role == "user" and not message.summary and (with_skipped or not message.skip)
        if is_asked and message.content and message.content.strip():
            lines = [_visible(line) for line in message.content.strip()[:_TITLE_SEARCHED].splitlines()]
            line = next(filter(_has_word, lines), None) or next(filter(None, lines), "")
            if line:
                return shortened_title(line)
    return ""


def shortened_title(line: str, longest: int = TITLE_LENGTH) -> str:
    """Return ``line`` with at most ``longest`` characters."""
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


_TITLE_SEARCHED = 10_000
"""Characters of a message in which a title is looked for."""
_FENCES = ("```", "~~~")


def _visible(line: str) -> str:
    """Return a line without invisible characters and repeated spaces."""
    if not line.isascii():
        # The joiners of emoji and scripts are kept.
        line = "".join(each for each in line if each in _JOINERS or unicodedata.category(each) != "Cf")
    return " ".join(line.split())


_JOINERS = "\u200c\u200d"


def _has_word(line: str) -> bool:
    """Return False for a code fence, and for a line of brackets or a rule."""
    return not line.startswith(_FENCES) and any(each.isalnum() for each in line)


def normal_title(title: str) -> str:
    """Return ``title`` on one line; raises UsageError if empty or too long."""
    line = " ".join(title.split())
    if not line:
        raise UsageError("The title is empty. Enter at least one word.")
    if len(line) > MAX_TITLE:
        raise UsageError(f"A title can have at most {MAX_TITLE} characters, but this one has {len(line)}. Shorten it.")
    return line


def is_in_future(moment: datetime, now: datetime | None = None) -> bool:
    """Return True if a time is later than now, beyond normal clock differences."""
    return moment > (now or datetime.now().astimezone()) + _TOLERANCE


def require_prefix_length(prefix: str) -> None:
    """Raise InvalidPrefix if a prefix is too short to delete a session."""
    if len(prefix.strip()) < MIN_DELETE_PREFIX:
        raise InvalidPrefix(f"To delete a session, type at least {MIN_DELETE_PREFIX} characters of its ID.")


UNKNOWN_MODEL = "(unknown)"
"""The model name of answers that do not record their model."""


def count(session: Session, size: int, prices: PriceList | None = None) -> SessionStats:
    """Return the counts of a session, with ``prices`` also its cost.

    ``size`` is the file size in bytes.
    """
    messages = session.messages
    by_model: dict[str, Usage] = {}
    for message in messages:
        if message.usage:
            name = message.model or UNKNOWN_MODEL
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
        prices.cost_of(messages) if prices else None,
        prices.cost_of(last_turn(messages)) if prices else None,
        sum(message.duration_ms or 0 for message in messages),
        len({change.path for message in messages for change in message.files}),
    )


def last_turn(messages: Sequence[LLMMessage]) -> Sequence[LLMMessage]:
    """Return the messages from the last question on."""
    starts = [index for index, message in enumerate(messages) if message.role == "user" and not message.summary]
    return messages[starts[-1] :] if starts else messages
