"""Pages: records of what a command asks a View to show."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aloop.llm.cost.pricing import Cost
    from aloop.llm.message_types import LLMMessage
    from aloop.llm.models.catalog import ModelChoice
    from aloop.memory import Session, SessionStats, SessionSummary
    from aloop.memory.search.search import Hit
    from aloop.memory.sessions_dir.trash import TrashedSession
    from commands.registry import Command


@dataclass(frozen=True, slots=True)
class SessionList:
    """Sessions as numbered rows: number, ID prefix, time, messages, title.

    A list that is not ``paged`` scrolls away at the top if it does not fit.
    """

    rows: Sequence[SessionSummary]
    paged: bool = True


@dataclass(frozen=True, slots=True)
class SessionStream:
    """Sessions as numbered rows, shown as they arrive."""

    rows: AsyncIterator[SessionSummary]


@dataclass(frozen=True, slots=True)
class TrashList:
    """Deleted sessions as numbered rows, with the time of deletion."""

    rows: Sequence[TrashedSession]


@dataclass(frozen=True, slots=True)
class Transcript:
    """A whole conversation."""

    session: Session


@dataclass(frozen=True, slots=True)
class Reminder:
    """The last exchanges of a conversation, shortened."""

    messages: Sequence[LLMMessage]


@dataclass(frozen=True, slots=True)
class Question:
    """A message of the user, with its number in the conversation.

    One that ``is_skipped`` is not sent to the model.
    """

    number: int
    text: str
    is_skipped: bool = False


@dataclass(frozen=True, slots=True)
class Questions:
    """The messages of the user, as rows with their numbers."""

    rows: Sequence[Question]


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A search result as a numbered row.

    The result that ``is_first`` in its session is below a line with the session's title.
    """

    number: int
    hit: Hit
    is_first: bool


@dataclass(frozen=True, slots=True)
class SearchContext:
    """A message that matches a search, and its neighbors in the conversation."""

    session: Session
    hit: Hit


@dataclass(frozen=True, slots=True)
class ToolCalls:
    """The tool calls in ``messages``, with arguments and results."""

    messages: Sequence[LLMMessage]


@dataclass(frozen=True, slots=True)
class Stats:
    """The counts of a session, and the cost of the month."""

    stats: SessionStats
    month: Cost


@dataclass(frozen=True, slots=True)
class Facts:
    """Names with values, each wrapped; ``most_rows`` cuts it to so many rows."""

    rows: Sequence[tuple[str, str]]
    most_rows: int | None = None


@dataclass(frozen=True, slots=True)
class ModelList:
    """Models as numbered rows: number, name, server, context window."""

    choices: Sequence[ModelChoice]


@dataclass(frozen=True, slots=True)
class KeyHelp:
    """The keys and marks of the prompt."""

    keys: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Help:
    """Commands by group, or a single command in detail."""

    commands: Sequence[Command[Any]]


Page = (
    SessionList
    | SessionStream
    | TrashList
    | Transcript
    | Reminder
    | Questions
    | SearchHit
    | SearchContext
    | ToolCalls
    | Stats
    | Facts
    | ModelList
    | KeyHelp
    | Help
)
