"""A conversation made to fit a model that takes less than others, in what is sent; the session keeps all.

A request for a summary made to fit a model that takes less than others, or that is small itself.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from aloop.llm.base import Reply
from aloop.llm.message_types import LLMMessage
from aloop.llm.prompts import INSTRUCTIONS, briefly, summary_request

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


class HistoryTrimmer:
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


_TOY_INSTRUCTIONS = "You summarise conversations."
_TOY_QUESTION = "Summarise in a few sentences what the person said"
_TOY_READS = 3_000
"""Characters; some ten seconds of reading, and of more it makes no more sense."""
_SHARE = 4  # no message takes more than one in so many characters
_HINT = 600
"""Characters of the person's own words, where a toy finds none of its own."""
_MARGIN = 0.9  # characters are no tokens: the next try is to be the last
_WORD = re.compile(r"\w+")
_SENTENCES = re.compile(r".*[.!?](?=\s|$)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class WindowedSummary:
    """What to send; ``left_out`` counts the oldest messages that are not in it, ``shown`` is what a toy sees of it."""

    messages: list[LLMMessage]
    left_out: int
    shown: Sequence[str] = ()

    def finish(self, reply: Reply) -> Reply:
        """Return the answer as it can stand for the conversation: of a toy's, its sentences, else what it was shown."""
        if not self.shown:
            return reply
        reply = whole_sentences(reply)
        if reply.stop_reason != "max_tokens" and not _is_echo(reply.message.content or ""):
            return reply
        hint = f"The person said, the latest last:\n\n{_listed(_newest(self.shown, _HINT))}"
        return replace(reply, message=replace(reply.message, content=hint), stop_reason="end_turn")


async def summarize_in_window(
    wish: str, spoken: Sequence[str], room: int, count: Count, *, is_toy: bool
) -> WindowedSummary | None:
    """Return how to ask for a summary of what was ``spoken``; None when nothing of it fits into ``room`` tokens.

    A toy is shown the person's words alone, and told little: with both sides before it, it goes on with the
    conversation, and with long instructions it writes about those.
    """
    pieces = [text.removeprefix("[user]\n") for text in spoken if text.startswith("[user]\n")] if is_toy else spoken
    most = _TOY_READS if is_toy else _SHARE * max(map(len, pieces)) + sum(map(len, pieces))
    while most > 0:
        kept = _newest(pieces, most)
        left_out = len(pieces) - len(kept)
        fitted = (
            WindowedSummary(_toy_question(kept, wish), left_out, kept)
            if is_toy
            else WindowedSummary(_question(kept, wish), left_out)
        )
        tokens = await count(fitted.messages)
        if tokens <= room:
            return fitted
        most = min(most - 1, int(most * room / tokens * _MARGIN))
    return None


def whole_sentences(reply: Reply) -> Reply:
    """Return ``reply`` up to its last sentence that has an end, as one that ended there: a toy finds none by itself."""
    found = _SENTENCES.match(reply.message.content or "")
    if reply.stop_reason != "max_tokens" or found is None:
        return reply
    return replace(reply, message=replace(reply.message, content=found[0]), stop_reason="end_turn")


def _newest(pieces: Sequence[str], most: int) -> list[str]:
    """Return the last of ``pieces`` that make ``most`` characters at most; one there is in any case."""
    longest = most // _SHARE if len(pieces) > 1 else most
    kept: list[str] = []
    for piece in reversed(pieces):
        shown = piece if len(piece) <= longest else f"{piece[:longest]} …"
        if kept and sum(map(len, kept)) + len(shown) > most:
            break
        kept.append(shown)
    return kept[::-1]


def _question(kept: Sequence[str], wish: str) -> list[LLMMessage]:
    return [LLMMessage("system", INSTRUCTIONS), LLMMessage("user", summary_request("\n\n".join(kept), wish))]


def _toy_question(kept: Sequence[str], wish: str) -> list[LLMMessage]:
    wanted = f", above all {wish}" if wish else ""
    text = f"{_TOY_QUESTION}{wanted}:\n\n{_listed(kept)}"
    return [LLMMessage("system", _TOY_INSTRUCTIONS), LLMMessage("user", text)]


def _listed(pieces: Sequence[str]) -> str:
    return "\n".join(f"- {' '.join(text.split())}" for text in pieces)


def _is_echo(answer: str) -> bool:
    """Whether an answer says nothing, or only what it was told to do."""
    return set(_WORD.findall(answer.lower())) <= set(_WORD.findall(f"{_TOY_INSTRUCTIONS} {_TOY_QUESTION}".lower()))
