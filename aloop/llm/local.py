"""A model on this machine: the Anthropic provider, speaking to a server that is our own child."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from aloop.errors import ConnectionFailed, ContextOverflow, LocalModelError, RequestRejected, StreamBroken
from aloop.llm.anthropic.server_profile import ServerProfile
from aloop.llm.base import Loading, ModelNote, PromptProgress, Reply, StreamEvent, ToolSpec
from aloop.llm.local_window import HistoryTrimmer, WindowedSummary, summarize_in_window, without_tools
from aloop.llm.message_types import LLMMessage
from aloop.llm.prompts import summary_parts
from aloop.local_model.models import InstallPaths, LocalModel
from aloop.local_model.server import LocalServer, Serving, share_read

if TYPE_CHECKING:
    from aloop.llm.anthropic.client import AnthropicLLM

_TOY_ANSWER = 200
"""Tokens; a toy that is let talk loses its thread."""
_TOY_KEEPS = 0.25
"""Of its window, when that overflows: what is left is read anew, and a toy makes little of much of it."""
_STALL = 600.0  # a long question takes minutes to read on one thread, with nothing to be heard
_DEAF = 30.0  # seconds
_LOOK = 1.0  # seconds between two looks at how far it has read
_CALM = {"temperature": 0.2}


@dataclass(frozen=True, slots=True)
class _Question:
    """What is sent, and what is said of that to the person."""

    messages: list[LLMMessage]
    tokens: int
    remarks: list[str]
    summary: WindowedSummary | None = None


class LocalLLM:
    """Asks ``model``; its server starts with ``preload`` or the first question, and ends with ``aclose``.

    There are no bounds to what may be said to it: what does not fit its window is left out at the front, and told.
    """

    provider = "local"
    context_window = 0

    def __init__(self, model: LocalModel, place: InstallPaths) -> None:
        self.model = model.name
        self._local = model
        self._server = LocalServer(model, place)
        self._asked: tuple[Serving, AnthropicLLM] | None = None
        self._fitting = HistoryTrimmer(_TOY_KEEPS) if model.is_toy else HistoryTrimmer()
        self._losses = 0

    def preload(self) -> None:
        """Begin to load the model, and meanwhile the SDK; blocks for the latter."""
        self._server.start()
        _load_sdk()

    async def stream(
        self, messages: Sequence[LLMMessage], tools: Sequence[ToolSpec] = ()
    ) -> AsyncIterator[StreamEvent]:
        """Stream one answer; see ``LLM.stream``."""
        if not self._server.start().done():
            yield Loading(self._local.title)
            await self._server.serving()
            yield Loading("")
        serving = await self._server.serving()
        offered = tools if serving.takes_tools else ()
        try:
            llm = await self._llm(serving)
            question = await self._prepare(llm, serving, messages, offered)
            for remark in question.remarks:
                yield ModelNote(remark)
            # Closed here and now, so that a cancelled turn stops the server's work with it.
            answer = cast("AsyncGenerator[StreamEvent, None]", llm.stream(question.messages, offered))
            async with aclosing(answer) as events, aclosing(_told(events, serving, question.tokens)) as told:
                async for event in told:
                    if isinstance(event, Reply):
                        self._losses = 0
                        event = question.summary.finish(event) if question.summary else event
                    yield event
        except ContextOverflow:
            raise self._too_long(serving) from None
        except TimeoutError:
            await asyncio.to_thread(self._server.stop)
            raise self._lost(f"{self._local.title} did not answer any more, and was ended.") from None
        except (ConnectionFailed, StreamBroken):
            raise await self._explain() from None

    async def aclose(self) -> None:
        """End the server."""
        asked, self._asked = self._asked, None
        if asked is not None:
            await asked[1].aclose()
        await asyncio.to_thread(self._server.stop)

    async def _llm(self, serving: Serving) -> AnthropicLLM:
        """Return the provider that speaks to ``serving``; after a restart that is another one."""
        if self._asked is None or self._asked[0] != serving:
            provider = await asyncio.to_thread(_load_sdk)
            before, dialect = self._asked, self._dialect(serving)
            llm = provider(self.model, base_url=serving.url, api_key=serving.key, profile=dialect)
            self._asked = (serving, llm)
            if before is not None:
                await before[1].aclose()
        return self._asked[1]

    def _dialect(self, serving: Serving) -> ServerProfile:
        if self._local.is_toy:
            return ServerProfile("local", _TOY_ANSWER, _STALL, _CALM, is_local=True)
        return ServerProfile("local", serving.window // 4, _STALL, is_local=True)

    async def _prepare(
        self, llm: AnthropicLLM, serving: Serving, messages: Sequence[LLMMessage], tools: Sequence[ToolSpec]
    ) -> _Question:
        """Make ``messages`` fit; raises RequestRejected when nothing of them does."""
        room = serving.window - self._dialect(serving).max_tokens

        tokens = 0

        async def count(sent: Sequence[LLMMessage]) -> int:
            nonlocal tokens
            # Done in no time, whatever else it does: a server that does not do it will not do anything any more.
            async with asyncio.timeout(_DEAF):
                tokens = await llm.count(sent, tools)
            return tokens

        if request := summary_parts(messages[-1].content or ""):
            fitted = await summarize_in_window(*request, room, count, is_toy=self._local.is_toy)
            if fitted is None:
                raise self._too_long(serving)
            remarks = self._said_of(fitted.left_out, "not in the summary", serving)
            if self._local.is_toy:
                remarks.append(f"{self._local.title} is a small model: its summary may well be wrong.")
            return _Question(fitted.messages, tokens, remarks, fitted)
        whole = list(messages) if serving.takes_tools else without_tools(messages)
        sent = await self._fitting.fit(whole, room, count)
        if sent is None:
            raise self._too_long(serving)
        # Once a turn, not with each of its steps.
        left_out = len(whole) - len(sent) if messages[-1].role == "user" else 0
        remarks = [*self._introduction(messages, serving), *self._said_of(left_out, "not sent to it", serving)]
        return _Question(sent, tokens, remarks)

    def _said_of(self, left_out: int, fate: str, serving: Serving) -> list[str]:
        if not left_out:
            return []
        what = "the oldest message is" if left_out == 1 else f"the oldest {left_out:,} messages are"
        return [f"{self._local.title} takes in {serving.window:,} tokens: {what} {fate}. The session keeps all."]

    def _introduction(self, messages: Sequence[LLMMessage], serving: Serving) -> list[str]:
        """Return what to say of the model with its first answer in a conversation, perhaps nothing."""
        title = self._local.title
        if any(message.role == "assistant" and message.model == self.model for message in messages):
            return []
        if self._local.is_toy:
            return [f"{title} is a small model: often wrong, and without tools. ANTHROPIC_API_KEY brings a large one."]
        return [] if serving.takes_tools else [f"{title} has no tools here: its chat template takes none."]

    def _too_long(self, serving: Serving) -> RequestRejected:
        return RequestRejected(
            f"That is longer than {self._local.title} can take in at once ({serving.window:,} tokens). Send less."
        )

    async def _explain(self) -> LocalModelError:
        """Return what to say instead: that the server died, where it did. The next try starts it anew, once."""
        loss = await asyncio.to_thread(self._server.wait_for_loss)
        if not loss:
            return LocalModelError(f"{self._local.title} broke off its answer. Ask again.")
        return self._lost(loss)

    def _lost(self, reason: str) -> LocalModelError:
        self._losses += 1
        told = LocalModelError(f"{reason} Ask again to start it anew.")
        told.is_transient = self._losses == 1
        return told


async def _told(
    events: AsyncGenerator[StreamEvent, None], serving: Serving, tokens: int
) -> AsyncGenerator[StreamEvent, None]:
    """Yield ``events``; where the first takes its time, before it how much of the ``tokens`` has been read."""
    first, share = asyncio.ensure_future(anext(events)), None
    try:
        while not (await asyncio.wait([first], timeout=_LOOK))[0]:
            seen = await asyncio.to_thread(share_read, serving.url, serving.key, tokens)
            if seen is not None:
                share = seen
                yield PromptProgress(share)
        if share is not None:
            yield PromptProgress(1)
        yield await first
    finally:
        # Whoever closes ``events`` has to find it at rest.
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
    async for event in events:
        yield event


def _load_sdk() -> type[AnthropicLLM]:
    # Imported here because it loads the SDK, which takes over a second: nobody waits for that to see a prompt.
    from aloop.llm.anthropic.client import AnthropicLLM

    return AnthropicLLM
