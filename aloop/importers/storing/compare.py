"""Compare stored messages with those of a later import."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from aloop.importers.draft import OUTPUT_FILE
from aloop.importers.json_decoder import decode
from aloop.llm.content.parts import FILES, marked_text
from aloop.llm.json_values import JsonObject, digest_of
from aloop.llm.message_types import LLMMessage
from aloop.memory.context import UNANSWERED
from aloop.memory.origin import FOREIGN, is_injected
from aloop.memory.session import Session
from aloop.memory.session_folder.outputs import MAX_RESULT_BYTES

# Only of files beside a session, since the user may type other words in brackets. Not past another bracket: each failed
# match would read to the end of the line.
_MARKS = re.compile(
    rf"\[(?:image|file|document): (?:[^\[\]\n]*, )?{FILES}/[0-9a-f]{{16}}\.\w{{1,8}}, [^\[\],\n]*, [\d,]+ bytes\]"
)
_NAMES = re.compile(r"\[file: [^\[\]\n]*\]")

COMPARED = MAX_RESULT_BYTES // 10
"""Characters by which a shortened result is recognized."""
_EXACT = 2**53
"""The largest whole number up to which a float has all."""


def count_same(kept: Sequence[LLMMessage], fresh: Sequence[LLMMessage]) -> int:
    """Return how many messages are the same at the start of both."""
    pairs = enumerate(zip(kept, fresh, strict=False))
    return next((number for number, (old, new) in pairs if not is_same(old, new)), min(len(kept), len(fresh)))


def with_progress(kept: Sequence[LLMMessage], fresh: Sequence[LLMMessage], common: int) -> tuple[LLMMessage, ...]:
    """Return ``kept`` as it is after what has happened in the other tool since.

    An import during a turn finds only the first parts of its last answer, and may take the question for one that the
    tool does not send. ``common`` is the number of messages that are the same at the start of both.
    """
    found = [
        _with_notes_of(old, new)
        if number == common and has_grown(old, new, kept[number + 1 :])
        else _with_skip_of(new, old)
        for number, (old, new) in enumerate(zip(kept, fresh, strict=False))
    ]
    return (*found, *kept[len(found) :])


def has_grown(old: LLMMessage, new: LLMMessage, after: Sequence[LLMMessage]) -> bool:
    """Return True for a last answer that has more parts in ``new``.

    ``after`` are the messages after ``old``.
    """
    # The time is that of its first part.
    is_same_answer = old.role == new.role == "assistant" and old.at is not None and old.at == new.at
    if not is_same_answer or any(each.role != "tool" for each in after):
        return False
    has_same_start = _calls(new)[: len(old.tool_calls)] == _calls(old)
    return has_same_start and (new.content or "").startswith(old.content or "")


def _with_notes_of(old: LLMMessage, new: LLMMessage) -> LLMMessage:
    """Return ``new`` with what the user has added to ``old``, such as a tag."""
    own = {key: value for key, value in old.extra.items() if key != FOREIGN}
    return replace(new, extra=JsonObject.of({**new.extra, **own})) if own else new


def _with_skip_of(new: LLMMessage, old: LLMMessage) -> LLMMessage:
    # A moved summary is skipped in any case.
    is_other = new.skip is not old.skip and is_same(old, new) and old.role != "system" and not old.summary
    return replace(old, skip=new.skip) if is_other else old


def in_stored_order(kept: Sequence[LLMMessage], fresh: Sequence[LLMMessage]) -> list[LLMMessage]:
    """Return ``fresh`` with new summaries of ``kept`` messages after them, skipped.

    Some programs put a summary before the last messages that it follows, which would change the order of ``kept``, and
    results of parallel calls had another order while some of them were missing.
    Messages between those of ``kept`` that only describe the context, or are only a file, are left out, because
    earlier versions did not read them.
    """
    ordered = list(fresh)
    moved: list[LLMMessage] = []
    place = 0
    while place < min(len(kept), len(ordered) + len(moved)):
        old = kept[place]
        new = ordered[place] if place < len(ordered) else None
        if new and (is_same(old, new) or has_grown(old, new, kept[place + 1 :])):
            place += 1
        elif found := _place_of_result(old, ordered, place):
            ordered.insert(place, ordered.pop(found))
        elif new and new.summary:
            moved.append(replace(ordered.pop(place), skip=True))
        elif moved and old.summary and is_same(old, moved[0]):
            ordered.insert(place, moved.pop(0))
            place += 1
        elif asides := _asides_before(old, ordered, place):
            del ordered[place : place + asides]
        else:
            break
    ordered[place:place] = moved
    return ordered


def _place_of_result(old: LLMMessage, fresh: Sequence[LLMMessage], start: int) -> int:
    """Return the place of ``old`` among the results from ``start`` on.

    It is 0 if ``old`` is not one of them.
    """
    for place in range(start, len(fresh)):
        if fresh[place].role != "tool":
            break
        if is_same(old, fresh[place]):
            return place
    return 0


def _asides_before(old: LLMMessage, fresh: Sequence[LLMMessage], start: int) -> int:
    """Return how many messages that may be left out are at ``start``, before ``old``.

    It is 0 if ``old`` does not follow them.
    """
    for place in range(start, len(fresh)):
        if is_same(old, fresh[place]):
            return place - start
        if not _is_aside(fresh[place]):
            break
    return 0


def _is_aside(message: LLMMessage) -> bool:
    """Return True for a message that another program has added, or a mere file."""
    is_file = message.role == "user" and bool(message.parts) and not _words(message)
    is_aside = message.skip or is_injected(message) or is_file
    return is_aside and not message.summary and not message.tool_calls and message.role != "tool"


def marked(session: Session) -> Session:
    """Return an imported session with a digest of its messages in its header."""
    origin = session.extra.get("imported", {}) | {
        "messages": len(session.messages),
        "digest": _digest(session.messages),
    }
    return replace(session, extra=session.extra.with_values(imported=origin))


def untouched_count(session: Session) -> int:
    """Return how many messages at the start are as an import has written them.

    These are all messages unless the session was continued or changed here, and none if one of them was changed.
    """
    origin = session.extra.get("imported", {})
    count, digest = origin.get("messages"), origin.get("digest")
    if isinstance(count, int) and isinstance(digest, str):
        return count if _digest(session.messages[:count]) == digest else 0
    # An import of an earlier version, which left the time of the last message as that of the session.
    times = [message.at for message in session.messages if message.at]
    was_saved = times and session.updated_at.timestamp() > max(*times, session.created_at).timestamp() + 1
    return 0 if was_saved else len(session.messages)


def _digest(messages: Sequence[LLMMessage]) -> str:
    return digest_of([_facts(message) for message in messages])


def _facts(message: LLMMessage) -> list[Any]:
    calls = [[call.id, call.name, call.arguments] for call in message.tool_calls]
    files = [part.file for part in message.parts]
    return [message.role, message.content, message.tool_call_id, message.skip, message.summary, calls, files]


def has_output_file(message: LLMMessage) -> bool:
    """Return True for a result that the other tool has, or had, in a file."""
    return message.role == "tool" and bool(message.extra) and OUTPUT_FILE in message.extra.get("foreign", {})


def is_placeholder(message: LLMMessage) -> bool:
    """Return True for a result that was made up for a call without one."""
    return message.role == "tool" and message.content == UNANSWERED


def is_same(kept: LLMMessage, fresh: LLMMessage) -> bool:
    """Return True for a message and its copy, which formats and versions change."""
    if is_placeholder(kept) and (kept.role, kept.tool_call_id) == (fresh.role, fresh.tool_call_id):
        return True  # the result has come since
    # Not the mark of a failure, which earlier versions did not read from all tools.
    if (kept.role, kept.tool_call_id) != (fresh.role, fresh.tool_call_id):
        return False
    if kept.role == "system" or (kept.skip and fresh.skip):
        return True  # the wording of notes may change with the version
    if has_output_file(kept) or has_output_file(fresh):
        return True  # one of them may have only the part that the other tool has left
    if kept.output_file:
        return (fresh.content or "").startswith((kept.content or "")[:COMPARED])
    # Nearly all are equal as they are.
    has_same_text = (kept.content, kept.parts) == (fresh.content, fresh.parts) or _words(kept) == _words(fresh)
    return has_same_text and (kept.tool_calls == fresh.tool_calls or _calls(kept) == _calls(fresh))


def _words(message: LLMMessage) -> str:
    # An image was a mark in the text before it was a part.
    words = _MARKS.sub("", marked_text(message.content, message.parts))
    # Beside an image, opencode has its name.
    return (_NAMES.sub("", words) if message.parts else words).replace("\n", "")


def _calls(message: LLMMessage) -> list[tuple[str, str, Any]]:
    return [(call.id, call.name, _plain(call.arguments)) for call in message.tool_calls]


def _plain(arguments: str) -> Any:
    try:
        return _rounded(decode(arguments))
    except (ValueError, RecursionError, OverflowError):
        return arguments


def _rounded(value: Any) -> Any:
    """Return a value with its large numbers as programs in JavaScript store them."""
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_rounded(each) for each in value]
    return float(value) if isinstance(value, int) and abs(value) > _EXACT else value
