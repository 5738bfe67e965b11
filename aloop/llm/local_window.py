"""Conversations and summary requests cut to fit a small context window.

Only what is sent is cut. The session keeps every message.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from aloop.llm.base import Reply
from aloop.llm.message_types import LLMMessage
from aloop.llm.prompts import INSTRUCTIONS, briefly, summary_request

Count = Callable[[Sequence[LLMMessage]], Awaitable[int]]
"""Returns the tokens of a request with these messages, tools included."""


def without_tools(messages: Sequence[LLMMessage]) -> list[LLMMessage]:
    """Return ``messages`` for a model without tools: only what was said."""
    sent = []
    for message in messages:
        if message.role == "system":
            sent.append(replace(message, content=briefly(message.content or "")))
        elif message.role != "tool" and (message.content or "").strip():
            sent.append(replace(message, tool_calls=(), thinking=()))
    return sent


class HistoryTrimmer:
    """Leaves out the oldest turns of a conversation that exceeds its context window.

    Each cut leaves only ``kept`` of the window, so that the beginning then stays the same for many turns and remains in
    the server's cache. Reading a whole window takes a small machine a minute.
    """

    def __init__(self, kept: float = 0.5) -> None:
        self._kept = kept
        self._cut: tuple[int, LLMMessage] | None = None

    async def fit(self, messages: Sequence[LLMMessage], room: int, count: Count) -> list[LLMMessage] | None:
        """Return what fits into ``room`` tokens; None if the last turn alone does not.

        The system messages and the last turn always stay. A summary at the front stays if there is room for it.
        """
        system = [message for message in messages if message.role == "system"]
        history = [message for message in messages if message.role != "system"]
        if len(history) > 1 and history[0].summary:
            # A summary goes last although it is oldest: it is all that is sent of the messages it replaces.
            sent = await self._fit([*system, history[0]], history[1:], room, count)
            if sent is not None:
                return sent
        return await self._fit(system, history, room, count)

    async def _fit(
        self, system: list[LLMMessage], history: list[LLMMessage], room: int, count: Count
    ) -> list[LLMMessage] | None:
        first = self._cut[0] if self._cut and history[self._cut[0] : self._cut[0] + 1] == [self._cut[1]] else 0
        tokens = await count(system + history[first:])
        wanted = room if tokens <= room else int(room * self._kept)
        while tokens > wanted and (index := _next_turn(history, first, 1 - wanted / tokens)):
            self._cut = index, history[index]
            first = index
            tokens = await count(system + history[first:])
        return system + history[first:] if tokens <= room else None


def _next_turn(history: Sequence[LLMMessage], first: int, share: float) -> int:
    """Return the index of the first turn after ``share`` of the remaining text.

    Without such a turn it is the last turn, and 0 if there is no later turn at all.
    """
    starts = [index for index in range(first + 1, len(history)) if history[index].role == "user"]
    unwanted = share * sum(map(_length, history[first:]))
    fitting = (index for index in starts if sum(map(_length, history[first:index])) >= unwanted)
    return next(fitting, starts[-1] if starts else 0)


def _length(message: LLMMessage) -> int:
    return len(message.content or "") + sum(len(call.arguments) for call in message.tool_calls)


_TOY_INSTRUCTIONS = "You summarize conversations."
_TOY_QUESTION = "Summarize in a few sentences what the user said"
_TOY_MAX_CHARACTERS = 3_000
"""About ten seconds of reading. A longer text does not improve a toy's summary."""
_SHARE = 4  # a single message may take a quarter of the characters
_MAX_QUOTED = 600
"""Characters of the user's messages that replace a summary which a toy failed to write."""
_MARGIN = 0.9  # characters are only an estimate of tokens
_WORD = re.compile(r"\w+")
_SENTENCES = re.compile(r".*[.!?](?=\s|$)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class WindowedSummary:
    """A summary request that fits.

    ``left_out`` counts the oldest messages that are not in it. ``shown`` are the texts in a request to a toy, and empty
    for other models.
    """

    messages: list[LLMMessage]
    left_out: int
    shown: Sequence[str] = ()

    def finish(self, reply: Reply) -> Reply:
        """Return ``reply`` fit to replace the conversation.

        A toy's answer is cut after its last whole sentence. An unusable one is replaced by the newest of ``shown``.
        """
        if not self.shown:
            return reply
        reply = whole_sentences(reply)
        if reply.stop_reason != "max_tokens" and not _is_echo(reply.message.content or ""):
            return reply
        quotes = f"The user said, newest last:\n\n{_listed(_newest(self.shown, _MAX_QUOTED))}"
        return replace(reply, message=replace(reply.message, content=quotes), stop_reason="end_turn")


async def summarize_in_window(
    focus: str, texts: Sequence[str], room: int, count: Count, *, is_toy: bool
) -> WindowedSummary | None:
    """Return a request for a summary that fits into ``room`` tokens, or None.

    A toy gets only the user's messages and short instructions. Given both sides, it continues the conversation; given
    long instructions, it writes about those.
    """
    pieces = [text.removeprefix("[user]\n") for text in texts if text.startswith("[user]\n")] if is_toy else texts
    limit = _TOY_MAX_CHARACTERS if is_toy else _SHARE * max(map(len, pieces)) + sum(map(len, pieces))
    while limit > 0:
        kept = _newest(pieces, limit)
        left_out = len(pieces) - len(kept)
        fitted = (
            WindowedSummary(_toy_question(kept, focus), left_out, kept)
            if is_toy
            else WindowedSummary(_question(kept, focus), left_out)
        )
        tokens = await count(fitted.messages)
        if tokens <= room:
            return fitted
        limit = min(limit - 1, int(limit * room / tokens * _MARGIN))
    return None


def whole_sentences(reply: Reply) -> Reply:
    """Cut a reply that reached its token limit after its last whole sentence."""
    found = _SENTENCES.match(reply.message.content or "")
    if reply.stop_reason != "max_tokens" or found is None:
        return reply
    return replace(reply, message=replace(reply.message, content=found[0]), stop_reason="end_turn")


def _newest(pieces: Sequence[str], limit: int) -> list[str]:
    """Return the last pieces with at most ``limit`` characters, but at least one."""
    longest = limit // _SHARE if len(pieces) > 1 else limit
    kept: list[str] = []
    for piece in reversed(pieces):
        shown = piece if len(piece) <= longest else f"{piece[:longest]} …"
        if kept and sum(map(len, kept)) + len(shown) > limit:
            break
        kept.append(shown)
    return kept[::-1]


def _question(kept: Sequence[str], focus: str) -> list[LLMMessage]:
    return [LLMMessage("system", INSTRUCTIONS), LLMMessage("user", summary_request("\n\n".join(kept), focus))]


def _toy_question(kept: Sequence[str], focus: str) -> list[LLMMessage]:
    wanted = f", above all {focus}" if focus else ""
    text = f"{_TOY_QUESTION}{wanted}:\n\n{_listed(kept)}"
    return [LLMMessage("system", _TOY_INSTRUCTIONS), LLMMessage("user", text)]


def _listed(pieces: Sequence[str]) -> str:
    return "\n".join(f"- {' '.join(text.split())}" for text in pieces)


def _is_echo(answer: str) -> bool:
    """Return True if an answer is empty or only repeats its instructions."""
    return set(_WORD.findall(answer.lower())) <= set(_WORD.findall(f"{_TOY_INSTRUCTIONS} {_TOY_QUESTION}".lower()))
