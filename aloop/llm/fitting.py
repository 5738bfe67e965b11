"""A conversation made to fit a model that takes less than others, in what is sent; the session keeps all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from aloop.llm.message_types import LLMMessage
from aloop.llm.system_text import briefly

Count = Callable[[Sequence[LLMMessage]], Awaitable[int]]
"""Returns how many tokens messages make, with all that is sent besides them."""


def without_tools(messages: Sequence[LLMMessage]) -> list[LLMMessage]:
    """Return ``messages`` for a model that knows no tools: calls, results and thoughts are left out."""
    sent = []
    for message in messages:
        if message.role == "system":
            sent.append(replace(message, content=briefly(message.content or "")))
        elif message.role != "tool" and (message.content or "").strip():
            sent.append(replace(message, tool_calls=(), thinking=()))
    return sent


class Fitting:
    """Leaves out the oldest turns of a conversation that has outgrown its window, down to ``kept`` of it at a time.

    What is left is then the same for many turns, so that a server finds it in its cache: to read a whole window takes
    a small machine a minute.
    """

    def __init__(self, kept: float = 0.5) -> None:
        self._kept = kept
        self._cut: tuple[int, LLMMessage] | None = None

    async def fit(self, messages: Sequence[LLMMessage], room: int, count: Count) -> list[LLMMessage] | None:
        """Return what of ``messages`` fits into ``room`` tokens; None when the last turn alone does not.

        The system messages and the last turn always stay; so does a summary at the front, where it leaves them room.
        """
        system = [message for message in messages if message.role == "system"]
        said = [message for message in messages if message.role != "system"]
        if len(said) > 1 and said[0].summary:
            # The oldest, and yet the last to go: it is all that is sent of what it stands for.
            sent = await self._fit([*system, said[0]], said[1:], room, count)
            if sent is not None:
                return sent
        return await self._fit(system, said, room, count)

    async def _fit(
        self, system: list[LLMMessage], said: list[LLMMessage], room: int, count: Count
    ) -> list[LLMMessage] | None:
        first = self._cut[0] if self._cut and said[self._cut[0] : self._cut[0] + 1] == [self._cut[1]] else 0
        tokens = await count(system + said[first:])
        wanted = room if tokens <= room else int(room * self._kept)
        while tokens > wanted and (place := _turn_after(said, first, 1 - wanted / tokens)):
            self._cut = place, said[place]
            first = place
            tokens = await count(system + said[first:])
        return system + said[first:] if tokens <= room else None


def _turn_after(said: Sequence[LLMMessage], first: int, share: float) -> int:
    """Return where the turn begins before which there is ``share`` of the text, or the last; 0 when there is none."""
    starts = [place for place in range(first + 1, len(said)) if said[place].role == "user"]
    unwanted = share * sum(map(_length, said[first:]))
    fitting = (place for place in starts if sum(map(_length, said[first:place])) >= unwanted)
    return next(fitting, starts[-1] if starts else 0)


def _length(message: LLMMessage) -> int:
    return len(message.content or "") + sum(len(call.arguments) for call in message.tool_calls)
