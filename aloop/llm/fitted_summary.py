"""A request for a summary made to fit a model that takes less than others, or that is small itself."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from aloop.llm.base import Reply
from aloop.llm.fitting import Count
from aloop.llm.message_types import LLMMessage
from aloop.llm.summary_request import INSTRUCTIONS, summary_request

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
class FittedSummary:
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


async def fit_summary(
    wish: str, spoken: Sequence[str], room: int, count: Count, *, is_toy: bool
) -> FittedSummary | None:
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
            FittedSummary(_toy_question(kept, wish), left_out, kept)
            if is_toy
            else FittedSummary(_question(kept, wish), left_out)
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
