"""Where a conversation can be cut in two, so that its older part is summarised and its newer one kept as it is."""

from __future__ import annotations

from collections.abc import Sequence

from aloop.llm.message_types import LLMMessage
from aloop.memory.context_use import estimate

KEPT_TURNS = 2
"""The last turns that stay as they are, where they leave room enough."""


def choose_cut(messages: Sequence[LLMMessage], room: int) -> int | None:
    """Return the number of the first message to keep; None when nothing before it would be worth a summary.

    The last turns are kept, as many as fit into ``room`` tokens, and never all of them. A single turn that does not
    fit is cut between two of its steps: a tool call and its result are never parted.
    """
    start = _start(messages)
    least = start + 2  # a summary of one message, or of nothing but a summary, makes no room
    turns = [place for place in range(least, len(messages)) if _is_question(messages[place])]
    for place in turns[-KEPT_TURNS:]:
        if estimate(messages[place:]) <= room:
            return place
    steps = [place for place in _seams(messages, start) if place >= least]
    fitting = [place for place in steps if estimate(messages[place:]) <= room]
    if estimate(messages[start:]) <= room or not steps:
        return turns[-1] if turns else None
    return fitting[0] if fitting else steps[-1]


def _start(messages: Sequence[LLMMessage]) -> int:
    """Return where what counts begins: at the last summary, else at the first message that is not skipped."""
    summaries = [place for place, message in enumerate(messages) if message.summary and not message.skip]
    if summaries:
        return summaries[-1]
    return next((place for place, message in enumerate(messages) if not message.skip), len(messages))


def _is_question(message: LLMMessage) -> bool:
    return message.role == "user" and not (message.skip or message.summary)


def _seams(messages: Sequence[LLMMessage], start: int) -> list[int]:
    """Return the places where no call waits for its result."""
    seams, waiting = [], 0
    for place in range(start, len(messages)):
        message = messages[place]
        if message.role == "tool":
            waiting -= 1
            continue
        if waiting <= 0 and not message.skip and message.role in ("user", "assistant"):
            seams.append(place)
        waiting = len(message.tool_calls)
    return seams
