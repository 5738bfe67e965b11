"""The cost of a run of the program, and its limit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import cast

from aloop.errors import CostLimitReached
from aloop.formatting import format_dollars
from aloop.llm.base import LLM, LearnsLimits, ModelNote, Reply, StreamEvent, ToolSpec
from aloop.llm.cost.pricing import Cost, PriceList
from aloop.llm.cost.spending import SpendingLog
from aloop.llm.message_types import LLMMessage, Usage

_PROBE = Usage(input_tokens=1, output_tokens=1)


class Budget:
    """Counts the answers of one run, and writes them to the spending log.

    ``limit`` is in dollars, None for no limit. The methods that return a Cost are blocking: the first one loads the
    price list.
    """

    def __init__(
        self, prices: PriceList | None = None, limit: Decimal | None = None, log: SpendingLog | None = None
    ) -> None:
        self.prices = prices or PriceList()
        self.limit = limit
        self.log = log or SpendingLog(None)
        self._answers: list[tuple[Usage, str | None, str]] = []
        self._turn_start = 0
        self._unknown: set[str] = set()
        self._writes: set[asyncio.Future[None]] = set()

    def begin_turn(self) -> None:
        """Start the turn whose cost ``turn_cost`` returns."""
        self._turn_start = len(self._answers)

    def run_cost(self) -> Cost:
        """Return the cost of all answers of this run, in all sessions."""
        return self._cost(0)

    def turn_cost(self) -> Cost:
        """Return the cost of the last turn, with its summaries."""
        return self._cost(self._turn_start)

    def month_cost(self) -> Cost:
        """Return the cost of this month on this computer."""
        return self.log.month(self.prices)

    def add(self, usage: Usage, model: str | None, provider: str) -> None:
        """Count an answer, and log it in a thread."""
        self._answers.append((usage, model, provider))
        if provider not in ("local", "offline") and self.log.is_on:
            # Not awaited: an answer that has arrived must not be lost to a cancellation here.
            loop = asyncio.get_running_loop()
            write = loop.run_in_executor(None, self.log.add, usage, model, datetime.now().astimezone(), provider)
            self._writes.add(write)
            write.add_done_callback(self._writes.discard)

    async def flush(self) -> None:
        """Wait until the spending log has all answers."""
        if self._writes:
            await asyncio.wait(self._writes)

    async def require_room(self, model: str, provider: str) -> str:
        """Raise CostLimitReached if the limit is reached.

        Returns a sentence about models whose price is unknown, or an empty text; each model is named once.
        """
        if self.limit is None:
            return ""
        cost, asked = await asyncio.to_thread(self._costs_so_far, model, provider)
        limit = format_dollars(self.limit)
        if cost.dollars >= self.limit:
            raise CostLimitReached(
                f"This run has cost {cost}, and its limit is {limit}, so no further request was sent. The limit "
                "is for one run of aloop: to continue, resume the session in a new one. --max-cost, or max_cost in the "
                "settings, sets the limit."
            )
        unknown = [name for name in (cost + asked).unknown_models if name not in self._unknown]
        self._unknown.update(unknown)
        if not unknown:
            return ""
        return (
            f"The price of {' and '.join(unknown)} is unknown, so the cost limit of {limit} cannot be checked for it. "
            "Set the price in the [prices] table of the settings."
        )

    def _costs_so_far(self, model: str, provider: str) -> tuple[Cost, Cost]:
        """Return the cost of the run, and that of a small answer of ``model``."""
        return self.run_cost(), self.prices.cost(_PROBE, model, provider)

    def _cost(self, start: int) -> Cost:
        return sum((self.prices.cost(*answer) for answer in self._answers[start:]), Cost())


class MeteredLLM:
    """A model whose requests and answers are checked and counted by a budget."""

    def __init__(self, llm: LLM, budget: Budget) -> None:
        self._llm = llm
        self._budget = budget

    @property
    def model(self) -> str:
        return self._llm.model

    @property
    def provider(self) -> str:
        return self._llm.provider

    @property
    def context_window(self) -> int:
        return self._llm.context_window

    async def stream(
        self, messages: Sequence[LLMMessage], tools: Sequence[ToolSpec] = ()
    ) -> AsyncIterator[StreamEvent]:
        """Stream one answer; see ``LLM.stream``.

        Raises CostLimitReached before the request is sent.
        """
        if note := await self._budget.require_room(self.model, self.provider):
            yield ModelNote(note)
        # Closed explicitly, so that a cancelled turn closes its connection at once.
        events = cast("AsyncGenerator[StreamEvent, None]", self._llm.stream(messages, tools))
        is_begun = False
        async with aclosing(events):
            async for event in events:
                if not is_begun:
                    # While the answer comes in, so that its cost is known at its end.
                    self._budget.prices.prepare(self.model, self.provider)
                    is_begun = True
                if isinstance(event, Reply):
                    model = event.message.model or self.model
                    self._budget.add(event.usage, model, self.provider)
                    cost = self._budget.prices.known_cost(event.usage, model, self.provider)
                    event = replace(event, message=replace(event.message, cost=cost))
                yield event

    async def learn_limits(self) -> None:
        """Let the model ask its server for its limits, if it can."""
        if isinstance(self._llm, LearnsLimits):
            await self._llm.learn_limits()

    async def aclose(self) -> None:
        """Close the model."""
        await self._llm.aclose()
