"""Pair tool calls with their results, when sending and when checking.

A result belongs to the newest earlier assistant message that has an open call with its ID, and there to the first such
call. Other messages may be between the two, but no summary. Skipped messages do not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from aloop.llm.message_types import LLMMessage, ToolCall


@dataclass(slots=True)
class Pairing:
    """The pairs in a list of messages, by their indexes.

    ``callers`` has for each result the message with its call; other results belong to no call. ``late`` are the results
    that do not follow their call directly. ``open_calls`` has for each message with calls those without a result, and
    ``last`` the last result directly after it.
    """

    callers: dict[int, int] = field(default_factory=dict)
    late: set[int] = field(default_factory=set)
    open_calls: dict[int, list[ToolCall]] = field(default_factory=dict)
    last: dict[int, int] = field(default_factory=dict)

    def last_result(self, caller: int) -> int:
        """Return the last result directly after message ``caller``, or ``caller`` itself."""
        return self.last.get(caller, caller)


def pair_calls(messages: Sequence[LLMMessage]) -> Pairing:
    """Return the pairs of calls and results in ``messages``."""
    pairing = Pairing()
    waiting: dict[str, list[int]] = {}
    latest = -1
    for number, message in enumerate(messages):
        if message.skip:
            continue
        if message.role == "tool" and not message.summary:
            callers = waiting.get(message.tool_call_id or "")
            if not callers:
                continue
            caller = callers[-1]
            calls = pairing.open_calls[caller]
            calls.remove(next(call for call in calls if call.id == message.tool_call_id))
            if all(call.id != message.tool_call_id for call in calls):
                callers.pop()
            pairing.callers[number] = caller
            if caller == latest:
                pairing.last[caller] = number
            else:
                pairing.late.add(number)
            continue
        latest = number
        if message.summary:
            waiting.clear()
        if message.role == "assistant" and message.tool_calls:
            pairing.open_calls[number] = list(message.tool_calls)
            for call_id in dict.fromkeys(call.id for call in message.tool_calls):
                waiting.setdefault(call_id, []).append(number)
    return pairing


def in_call_order(messages: Sequence[LLMMessage]) -> list[LLMMessage]:
    """Return ``messages`` with late results moved to their calls, after the others."""
    pairing = pair_calls(messages)
    if not pairing.late:
        return list(messages)
    moved: dict[int, list[LLMMessage]] = {}
    for number in sorted(pairing.late):
        caller = pairing.callers[number]
        moved.setdefault(pairing.last_result(caller), []).append(messages[number])
    ordered = []
    for number, message in enumerate(messages):
        if number not in pairing.late:
            ordered.append(message)
        ordered += moved.get(number, ())
    return ordered
