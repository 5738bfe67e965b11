"""Making room: a summary takes the place of the older part of a conversation, in what is sent.

Keeps a turn from filling the model's window.

Where a conversation can be cut in two, so that its older part is summarised and its newer one kept as it is.

A conversation as one text to be read by a model, long messages shortened until it fits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from aloop.agent.events import AgentEvent, AnswerDelta, Compacting, Notice, ThoughtDelta
from aloop.agent.request import SUPERSEDED, ModelRequest
from aloop.errors import LLMError, StorageError, StreamBroken, UsageError
from aloop.llm.base import LLM, USUAL_WINDOW
from aloop.llm.message_types import LLMMessage, Usage
from aloop.llm.prompts import INSTRUCTIONS, summary_request
from aloop.llm.retry import RetryPolicy
from aloop.memory import MemoryManager
from aloop.memory.context import ContextUse, estimate, live

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


_LEAST = 200
"""Characters that are left of each message, however many there are."""


def render_transcript(messages: Sequence[LLMMessage], most: int) -> str:
    """Return who said what, one below the other, in about ``most`` characters."""
    texts = [_text(message) for message in messages]
    share = _LEAST
    # The longest give way first: the share grows as long as all together still fit.
    while share * 2 <= most and sum(min(len(text), share * 2) for text in texts) <= most:
        share *= 2
    return "\n\n".join(_shortened(text, share) for text in texts)


def _text(message: LLMMessage) -> str:
    who = f"tool {message.name}" if message.role == "tool" and message.name else message.role
    lines = [f"[{who}]", (message.content or "").strip()]
    lines += [f"(calls {call.name} {call.arguments})" for call in message.tool_calls]
    return "\n".join(line for line in lines if line)


def _shortened(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    return f"{text[: most // 2]}\n[… {len(text) - most // 2 * 2} characters left out …]\n{text[-(most // 2) :]}"


FULL = 0.8
"""The share of the window beyond which room is made: what is left takes the next answer and some tool results."""

_ROOM = 0.25  # of the window, for the turns that stay as they are
_TRANSCRIPT_CHARACTERS = 2  # for each token of the window: at most about half of it
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
        question = summary_request(render_transcript(old, self._window * _TRANSCRIPT_CHARACTERS), wish)
        asker = ModelRequest(self._llm, self._policy, self._emit_aside)
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


class AutoCompactor:
    """Makes room while a turn runs; what it can not do is told, and not tried again in this turn.

    ``usage`` is what its summaries took.
    """

    def __init__(
        self, compactor: Compactor, measure: Callable[[], ContextUse], emit: Callable[[AgentEvent], None]
    ) -> None:
        self._compactor = compactor
        self._measure = measure
        self._emit = emit
        self._has_failed = False
        self.usage = Usage()

    async def make_if_needed(self) -> None:
        """Make room when the next question would fill more of the window than leaves space for its answer."""
        if self._measure().share > FULL:
            await self.make()

    async def make(self) -> bool:
        """Return whether there is more room now than before."""
        if self._has_failed:
            return False
        try:
            done = await self._compactor.compact()
        except (LLMError, StorageError, UsageError) as error:
            self._emit(Notice(f"The conversation fills the model's window, and could not be summarised: {error}"))
            done = None
        if done is None:
            self._has_failed = True
            return False
        self.usage += done.usage
        self._emit(
            Notice(
                f"To make room, {done.messages} older messages are sent as a summary from now on. They stay in the "
                "session; /compact undo brings them back."
            )
        )
        return True
