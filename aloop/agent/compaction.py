"""Making room: a summary takes the place of the older part of a conversation, in what is sent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from aloop.agent.asker import SUPERSEDED, Asker
from aloop.agent.cut import choose_cut
from aloop.agent.digest import digest
from aloop.agent.events import AgentEvent, AnswerDelta, Compacting, Notice, ThoughtDelta
from aloop.errors import StreamBroken, UsageError
from aloop.llm.base import LLM, USUAL_WINDOW
from aloop.llm.message_types import LLMMessage, Usage
from aloop.llm.retry import RetryPolicy
from aloop.llm.summary_request import INSTRUCTIONS, summary_request
from aloop.memory import MemoryManager
from aloop.memory.context import live

FULL = 0.8
"""The share of the window beyond which room is made: what is left takes the next answer and some tool results."""

_ROOM = 0.25  # of the window, for the turns that stay as they are
_DIGEST_CHARACTERS = 2  # for each token of the window: at most about half of it
_HEADING = "Summary of the conversation so far:"


@dataclass(frozen=True, slots=True)
class Compaction:
    """``messages`` of the conversation stand in the file alone from now on; ``usage`` is what the summary took."""

    messages: int
    usage: Usage


class Compactor:
    """Makes room in one conversation."""

    def __init__(
        self, llm: LLM, memory: MemoryManager, policy: RetryPolicy, emit: Callable[[AgentEvent], None]
    ) -> None:
        self._llm = llm
        self._memory = memory
        self._policy = policy
        self._emit = emit
        self._window = llm.context_window or USUAL_WINDOW

    async def compact(self, wish: str = "") -> Compaction | None:
        """Put a summary in front of the last turns; None when there is nothing before them to be summarised.

        Raises LLMError when there is no summary, StorageError when it can not be saved, UsageError when others changed
        the conversation so much meanwhile that it does not fit any more; then all is as it was.
        """
        messages = self._memory.messages
        cut = choose_cut(messages, int(self._window * _ROOM))
        if cut is None:
            return None
        old = live(messages[:cut])
        self._emit(Compacting(len(old)))
        summary = await self._summarise(old, wish)
        await self._memory.edit(lambda now: _inserted(now, summary, messages[cut], cut))
        return Compaction(len(old), summary.usage or Usage())

    async def _summarise(self, old: Sequence[LLMMessage], wish: str) -> LLMMessage:
        question = summary_request(digest(old, self._window * _DIGEST_CHARACTERS), wish)
        asker = Asker(self._llm, self._policy, self._emit_aside)
        reply = await asker.ask([LLMMessage("system", INSTRUCTIONS), LLMMessage("user", question)], ())
        text = (reply.message.content or "").strip()
        if not text or reply.stop_reason not in ("end_turn", "stop_sequence"):
            raise StreamBroken("The model gave no whole summary. Nothing was changed; try /compact again.")
        return LLMMessage(
            "user", f"{_HEADING}\n\n{text}", summary=True, model=reply.message.model, usage=reply.message.usage
        )

    def _emit_aside(self, event: AgentEvent) -> None:
        """Pass on what a wait looks like and what is remarked, but not the summary's words: they answer nobody."""
        if not isinstance(event, AnswerDelta | ThoughtDelta) and event != Notice(SUPERSEDED):
            self._emit(event)


def undone(messages: Sequence[LLMMessage]) -> Sequence[LLMMessage]:
    """Return ``messages`` with the last summary that counts left out of the context: what it stood for is back.

    Raises UsageError when there is none.
    """
    for place in range(len(messages) - 1, -1, -1):
        if messages[place].summary and not messages[place].skip:
            return (*messages[:place], replace(messages[place], skip=True), *messages[place + 1 :])
    raise UsageError("There is no summary in this session that could be undone.")


def _inserted(
    messages: Sequence[LLMMessage], summary: LLMMessage, first_kept: LLMMessage, cut: int
) -> Sequence[LLMMessage]:
    places = [place for place, message in enumerate(messages) if message == first_kept]
    if not places:
        raise UsageError("The session was changed while it was summarised. Nothing was done; try /compact again.")
    place = min(places, key=lambda place: abs(place - cut))
    return (*messages[:place], summary, *messages[place:])
