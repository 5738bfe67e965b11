"""The messages of a session that another program can continue from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise

from aloop.errors import SHORT_ID, SessionError
from aloop.export.base import SKIPPED
from aloop.export.outputs import LONGEST, complete_results
from aloop.llm.content.parts import marked_text
from aloop.llm.message_types import NO_REASON, LLMMessage, sendable
from aloop.memory.context import project, with_media
from aloop.memory.disk.filesystem import SYSTEM
from aloop.memory.session import Session
from aloop.memory.session_folder.media import read_media

_STEP = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Entry:
    """One message and its time; ``is_summary`` if it replaces all before it."""

    message: LLMMessage
    at: datetime
    is_summary: bool = False

    @property
    def text(self) -> str:
        """The text, with images and documents in words."""
        return marked_text(self.message.content, self.message.parts)

    @property
    def stamp(self) -> str:
        """The time as most tools write it: in UTC, with milliseconds and Z."""
        return self.at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{self.at.microsecond // 1000:03}Z"

    @property
    def milliseconds(self) -> int:
        return int(self.at.timestamp() * 1000)


@dataclass(frozen=True, slots=True)
class Transcript:
    """The entries of a session; ``left_out`` counts what an export does not contain."""

    entries: tuple[Entry, ...]
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def is_empty(self) -> bool:
        """True if there is nothing but system messages."""
        return all(entry.message.role == "system" for entry in self.entries)


def transcript(session: Session, *, with_system: bool = False, longest: int | None = None) -> Transcript:
    """Return the messages of a session as a valid transcript, with rising times.

    Skipped messages are left out, calls without a result get one, and results without a call are left out, as when
    aloop sends the session. Unlike then, the messages before a summary are included, and results are complete if they
    have at most ``longest`` bytes.
    """
    folder = session.path.parent
    left_out: Counter[str] = Counter()
    kept = []
    for message in session.messages:
        if message.skip:
            left_out[SKIPPED] += 1
        elif message.role == "system" and not with_system:
            left_out["system messages"] += 1
        else:
            kept.append(message)
    left_out["thinking blocks"] = sum(len(message.thinking) for message in kept)
    left_out["parts for one provider, such as web searches"] = sum(len(message.blocks) for message in kept)
    kept = list(complete_results(kept, folder, left_out, longest))
    # After what was removed, so that the count is that of the source.
    found = [entry for part in _parts(with_media(kept, partial(read_media, SYSTEM, folder))) for entry in part]
    return Transcript(tuple(_timed(session, found)), +left_out)


def resumable(session: Session) -> Transcript:
    """Return the transcript for another tool; raises SessionError if it is empty."""
    found = transcript(session, longest=LONGEST)
    if not found.entries:
        skipped = found.left_out[SKIPPED]
        reason = "all of its messages are skipped" if skipped else "it has no messages"
        raise SessionError(f"Session {session.id[:SHORT_ID]} was not exported, because {reason}.")
    return found


def _parts(messages: Sequence[LLMMessage]) -> Iterator[list[tuple[LLMMessage, bool]]]:
    """Yield the messages up to each summary, repaired."""
    starts = [index for index, message in enumerate(messages) if message.summary]
    for start, end in pairwise(dict.fromkeys([0, *starts, len(messages)])):
        part = list(messages[start:end])
        begins = part[0].summary
        if begins:
            part[0] = LLMMessage("user", part[0].content, at=part[0].at, extra=part[0].extra)
        sent = project((), part).messages
        yield [(message, begins and index == 0) for index, message in enumerate(sent)]


def _timed(session: Session, found: Sequence[tuple[LLMMessage, bool]]) -> Iterator[Entry]:
    """Yield entries whose times rise: those of the messages where they have some."""
    last = session.created_at.astimezone()
    for message, is_summary in found:
        last = max(last + _STEP, message.at or last)
        yield Entry(_acceptable(message), last.astimezone(UTC), is_summary)


def _acceptable(message: LLMMessage) -> LLMMessage:
    """Return a message without thinking and without what an API would refuse."""
    # Names of other programs may have other characters.
    calls = tuple(replace(call, name=sendable(call.name)) for call in message.tool_calls)
    name, content = message.name, message.content
    if message.role == "tool":
        name = sendable(name) if name else None
        is_unexplained = message.is_error and not message.parts and not (content or "").strip()
        content = NO_REASON if is_unexplained else content
    elif calls and not (content or "").strip():
        content = None
    return replace(message, content=content, tool_calls=calls, name=name, thinking=(), layout="", blocks=())
