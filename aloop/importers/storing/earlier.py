"""Recognize copies of a session from before it was changed here.

A summary, /skip, /undo and an edit by hand change a session, although nothing was said elsewhere. An older copy of it
has other messages then, but none that are new.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from aloop.importers.storing.compare import has_grown, is_same
from aloop.llm.message_types import LLMMessage
from aloop.memory.conversation import all_sent
from aloop.memory.session import Session
from aloop.memory.session_folder.undo import UndoneTurn, base_of


def before_marks(session: Session) -> Iterator[Session]:
    """Yield the session as it was before its last summaries, and before skips."""
    yield from _before_summaries(session)
    yield from before_skips(session)


def before_skips(session: Session) -> Iterator[Session]:
    """Yield the session with all its messages, if some are skipped."""
    sent = tuple(replace(each, skip=False) for each in all_sent(session.messages))
    if sent != session.messages:
        everything = replace(session, messages=sent)
        yield everything
        yield from _before_summaries(everything)


def _before_summaries(session: Session) -> Iterator[Session]:
    messages = session.messages
    for place in reversed([place for place, each in enumerate(messages) if each.summary and not each.skip]):
        messages = (*messages[:place], *messages[place + 1 :])
        yield replace(session, messages=messages)


def before_undo(session: Session, undone: Sequence[UndoneTurn]) -> Iterator[Session]:
    """Yield the session as it was before turns were undone, the last of them first."""
    for number, turn in enumerate(undone):
        start = _start_of(session.messages, turn.base)
        if start is None:
            continue
        messages = (*session.messages[:start], *turn.messages)
        for later in undone[number + 1 :]:
            if later.base == base_of(messages):
                messages = (*messages, *later.messages)
        earlier = replace(session, messages=messages)
        yield earlier
        yield from before_marks(earlier)


def _start_of(messages: Sequence[LLMMessage], base: int) -> int | None:
    """Return the place after ``base`` messages, summaries not counted.

    It is None if there are fewer.
    """
    places = [place for place, each in enumerate(messages) if not each.summary]
    return None if base > len(places) else places[base - 1] + 1 if base else 0


def ends_in(stored: Sequence[LLMMessage], kept: Sequence[LLMMessage], copied: Sequence[LLMMessage]) -> bool:
    """Return True if the last message of a copy is certainly one of the session.

    Earlier ones may differ: they were edited or removed here. ``stored`` are the messages of the session, and ``kept``
    those that a copy would have now.
    """
    return bool(copied) and (_has_time_of(stored, copied[-1]) or _ends_in_same_turn(kept, copied))


def _has_time_of(stored: Sequence[LLMMessage], last: LLMMessage) -> bool:
    """Return True if one of the messages was said at the time of ``last``."""
    if last.at is None:
        return False
    said = [
        each
        for each in stored
        if each.at and (each.role, each.tool_call_id) == (last.role, last.tool_call_id) and _is_at(each.at, last.at)
    ]
    return any(is_same(each, last) or not has_grown(replace(each, at=last.at), last, ()) for each in said)


def _is_at(one: datetime, other: datetime) -> bool:
    # Most tools store milliseconds.
    return int(one.timestamp() * 1000) == int(other.timestamp() * 1000)


def _ends_in_same_turn(kept: Sequence[LLMMessage], copied: Sequence[LLMMessage]) -> bool:
    """Return True if single messages differ, and a whole turn after them is the same.

    This is for formats without times. Two messages in a row that differ may be another conversation.
    """
    if len(copied) > len(kept):
        return False
    has_differed = is_question_same = False
    for old, new in zip(kept, copied, strict=False):
        if is_same(old, new):
            has_differed, is_question_same = False, is_question_same or new.role == "user"
        elif has_differed or old.role != new.role:
            return False
        else:
            has_differed, is_question_same = True, False
    return is_question_same and not has_differed
