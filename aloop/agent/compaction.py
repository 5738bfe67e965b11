"""Compaction: a summary replaces the older part of a conversation in what is sent.

It runs on request, and during a turn when the conversation is about to fill the model's context window.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from aloop.agent.events import AgentEvent, AnswerDelta, Compacting, Notice, ThoughtDelta
from aloop.agent.request import SUPERSEDED, ModelRequest
from aloop.errors import LLMError, Problem, StorageError, StreamBroken, UsageError
from aloop.formatting import quantity
from aloop.llm.base import DEFAULT_CONTEXT_WINDOW, LLM, LearnsLimits
from aloop.llm.content.parts import marked_text
from aloop.llm.content.provenance import present_time
from aloop.llm.message_types import LLMMessage, Usage
from aloop.llm.prompts import INSTRUCTIONS, summary_request
from aloop.llm.retry import RetryPolicy
from aloop.memory import MemoryManager
from aloop.memory.context import ContextUse, estimate, live
from aloop.memory.conversation import expand_to_sendable, marked
from aloop.text import HeadAndTail

KEPT_TURNS = 2
"""The number of last turns that are kept whole if they fit."""


def choose_cut(messages: Sequence[LLMMessage], room: int) -> int | None:
    """Return the index of the first message to keep; None if that saves nothing.

    The last KEPT_TURNS turns are kept if they fit into ``room`` tokens, else fewer. A single turn that does not fit is
    cut between two of its steps, never between a tool call and its result.
    """
    start = _start(messages)
    least = start + 2  # a summary of a single message or of only a summary saves nothing
    turns = [index for index in range(least, len(messages)) if _is_turn_start(messages[index])]
    for index in turns[-KEPT_TURNS:]:
        if estimate(messages[index:]) <= room:
            return index
    steps = [index for index in _step_starts(messages, start) if index >= least]
    fitting = [index for index in steps if estimate(messages[index:]) <= room]
    if estimate(messages[start:]) <= room or not steps:
        return turns[-1] if turns else None
    return fitting[0] if fitting else steps[-1]


def _start(messages: Sequence[LLMMessage]) -> int:
    """Return the index of the last summary, else of the first unskipped message."""
    summaries = [index for index, message in enumerate(messages) if message.summary and not message.skip]
    if summaries:
        return summaries[-1]
    return next((index for index, message in enumerate(messages) if not message.skip), len(messages))


def _is_turn_start(message: LLMMessage) -> bool:
    return message.role == "user" and not (message.skip or message.summary)


def _step_starts(messages: Sequence[LLMMessage], start: int) -> list[int]:
    """Return the indexes of messages before which every tool call has its result."""
    starts, open_calls = [], 0
    for index in range(start, len(messages)):
        message = messages[index]
        if message.role == "tool":
            open_calls -= 1
            continue
        if open_calls <= 0 and not message.skip and message.role in ("user", "assistant"):
            starts.append(index)
        open_calls = len(message.tool_calls)
    return starts


_MIN_CHARACTERS = 200
"""The characters that are kept of each message in a transcript."""


class Transcript(NamedTuple):
    """Messages as text; ``left_out`` counts the oldest ones that are not in it."""

    text: str
    left_out: int = 0


def render_transcript(messages: Sequence[LLMMessage], limit: int) -> Transcript:
    """Return the messages as a text of about ``limit`` characters, with headings.

    The longest messages are shortened first. If there are too many short ones, the oldest are left out, except for a
    summary at the start, which replaces others.
    """
    texts = [_text(message) for message in messages]
    share = _MIN_CHARACTERS
    while share * 2 <= limit and sum(min(len(text), share * 2) for text in texts) <= limit:
        share *= 2
    first = cut = 1 if messages and messages[0].summary else 0
    size = sum(min(len(text), share) for text in texts)
    while size > limit and cut < len(texts) - 1:
        size -= min(len(texts[cut]), share)
        cut += 1
    return Transcript("\n\n".join(_shortened(text, share) for text in texts[:first] + texts[cut:]), cut - first)


def _text(message: LLMMessage) -> str:
    speaker = f"tool {message.name}" if message.role == "tool" and message.name else message.role
    lines = [f"[{speaker}]", marked_text(message.content, message.parts).strip()]
    lines += [f"(calls {call.name} {call.arguments})" for call in message.tool_calls]
    return "\n".join(line for line in lines if line)


def _shortened(text: str, limit: int) -> str:
    ends = HeadAndTail(limit // 2)
    ends.add(text)
    return ends.text


FULL = 0.8
"""The share of the context window above which a turn compacts; the rest is for answers and tool results."""

_KEPT_SHARE = 0.25  # of the context window, for the turns that are kept
_TRANSCRIPT_CHARACTERS = 2  # per token of the context window, so that the transcript takes about half of it
_HEADING = "Summary of the conversation so far:"
_LEFT_OUT = "The oldest {} are not in the summary, because the model's context window has no room for them."


@dataclass(frozen=True, slots=True)
class Compaction:
    """The number of ``messages`` that were summarized, and the ``usage`` for it."""

    messages: int
    usage: Usage


class Compactor:
    """Compacts one conversation."""

    def __init__(
        self, llm: LLM, memory: MemoryManager, policy: RetryPolicy, emit: Callable[[AgentEvent], None]
    ) -> None:
        self._llm = llm
        self._memory = memory
        self._policy = policy
        self._emit = emit

    @property
    def _window(self) -> int:
        return self._llm.context_window or DEFAULT_CONTEXT_WINDOW

    async def learn_window(self) -> None:
        """Let the model ask its server how large its context window is."""
        if isinstance(self._llm, LearnsLimits):
            await self._llm.learn_limits()

    async def compact(self, focus: str = "") -> Compaction | None:
        """Insert a summary before the last turns; None if too little comes before them.

        Raises LLMError if the model writes no summary and StorageError if it cannot be saved; then nothing changes.
        """
        messages = self._memory.messages
        cut = choose_cut(messages, int(self._window * _KEPT_SHARE))
        if cut is None:
            return None
        old = live(messages[:cut])
        self._emit(Compacting(len(old)))
        summary = await self._summarize(old, focus)
        await self._memory.edit(lambda current: _inserted(current, summary, messages[cut], cut))
        return Compaction(len(old), summary.usage or Usage())

    async def _summarize(self, old: Sequence[LLMMessage], focus: str) -> LLMMessage:
        transcript = render_transcript(old, self._window * _TRANSCRIPT_CHARACTERS)
        if transcript.left_out:
            self._emit(Notice(Problem(_LEFT_OUT.format(quantity(transcript.left_out, "message")))))
        question = summary_request(transcript.text, focus)
        request = ModelRequest(self._llm, self._policy, self._emit_progress)
        reply = await request.ask([LLMMessage("system", INSTRUCTIONS), LLMMessage("user", question)], ())
        text = (reply.message.content or "").strip()
        if not text or reply.stop_reason not in ("end_turn", "stop_sequence", "max_tokens"):
            raise StreamBroken("The model did not write a summary. Nothing was changed. Try /compact again.")
        if reply.stop_reason == "max_tokens":
            text += "\n\n(This summary was cut off at the model's length limit.)"
        content = f"{_HEADING}\n\n{text}"
        made = reply.message
        return LLMMessage(
            "user", content, summary=True, model=made.model, usage=made.usage, at=present_time(), cost=made.cost
        )

    def _emit_progress(self, event: AgentEvent) -> None:
        """Pass on waits and notices, but not the summary's text, which is not an answer."""
        if not isinstance(event, AnswerDelta | ThoughtDelta) and event != Notice(SUPERSEDED):
            self._emit(event)


def undo_summary(messages: Sequence[LLMMessage]) -> Sequence[LLMMessage]:
    """Mark the last summary as skipped, so that earlier messages are sent again.

    Answers after it whose question is skipped are skipped too. Raises UsageError if no summary is found.
    """
    for index in range(len(messages) - 1, -1, -1):
        if messages[index].summary and not messages[index].skip:
            return marked(messages, *expand_to_sendable(messages, index, index, skip=True), skip=True)
    raise UsageError("This session has no summary to undo.")


def _inserted(
    messages: Sequence[LLMMessage], summary: LLMMessage, first_kept: LLMMessage, cut: int
) -> Sequence[LLMMessage]:
    """Return ``messages`` with the summary before ``first_kept``.

    If someone has changed that message in the meantime, the summary goes before the nearest user message before it, so
    that it is never lost and hides nothing that it does not cover.
    """
    indexes = [index for index, message in enumerate(messages) if message == first_kept]
    if indexes:
        index = min(indexes, key=lambda index: abs(index - cut))
    else:
        questions = [index for index, message in enumerate(messages[: cut + 1]) if message.role == "user"]
        index = questions[-1] if questions else 0
    return (*messages[:index], summary, *messages[index:])


class AutoCompactor:
    """Compacts during a turn; after a failure it does not try again in that turn.

    ``usage`` is the sum over its summaries.
    """

    def __init__(
        self, compactor: Compactor, measure: Callable[[], ContextUse], emit: Callable[[AgentEvent], None]
    ) -> None:
        self._compactor = compactor
        self._measure = measure
        self._emit = emit
        self._has_failed = False
        self.usage = Usage()

    async def compact_if_needed(self) -> None:
        """Compact if the next request would leave too little room for its answer."""
        if self._measure().share <= FULL:
            return
        # The window may be larger than the default, which is used until the server was asked.
        await self._compactor.learn_window()
        if self._measure().share > FULL:
            await self.compact()

    async def compact(self) -> bool:
        """Return True if the conversation was compacted; emit a notice on failure."""
        if self._has_failed:
            return False
        try:
            done = await self._compactor.compact()
        except (LLMError, StorageError, UsageError) as error:
            full = "The conversation fills the model's context window and could not be summarized"
            self._emit(Notice(Problem(f"{full}: {error}")))
            done = None
        if done is None:
            self._has_failed = True
            return False
        self.usage += done.usage
        self._emit(
            Notice(
                f"The conversation was too long, so a summary now replaces {done.messages} older messages. They stay "
                "in the session, and /compact undo sends them again."
            )
        )
        return True
