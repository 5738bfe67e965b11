"""The cost of answers in US dollars, from the price list of ``genai-prices`` and the user's own prices.

The price list is a package of data; it takes 0.1 s to import, so it is loaded when the first cost is shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from aloop.config import Prices
from aloop.llm.message_types import LLMMessage, Usage

MILLION = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class Cost:
    """``dollars`` for everything with a known price; ``unknown_models`` are those without one."""

    dollars: Decimal = Decimal(0)
    unknown_models: tuple[str, ...] = ()

    @property
    def is_known(self) -> bool:
        return not self.unknown_models

    def __add__(self, other: Cost) -> Cost:
        unknown = dict.fromkeys((*self.unknown_models, *other.unknown_models))
        return Cost(self.dollars + other.dollars, tuple(unknown))

    def __str__(self) -> str:
        """Return the cost for people: ``$0.42``, ``$0.0031``, ``unknown``, or ``$0.42 + unknown``."""
        if not self.is_known:
            return f"{format_dollars(self.dollars)} + unknown" if self.dollars else "unknown"
        return format_dollars(self.dollars)


class PriceList:
    """Prices by model: the user's own first, then the public list. Models on this machine cost nothing."""

    def __init__(self, own: Mapping[str, Prices] | None = None) -> None:
        self._own = dict(own or {})

    def cost(self, usage: Usage, model: str | None, provider: str = "anthropic") -> Cost:
        """Return the cost of one answer of ``model``."""
        if model is None:
            return Cost(unknown_models=("unnamed model",)) if usage.sent_tokens or usage.output_tokens else Cost()
        if provider in ("local", "offline") or model == "offline" or model.partition(":")[0] == "local":
            return Cost()
        if (prices := self._own.get(model)) is not None:
            return Cost(_own_cost(usage, prices))
        found = _listed(usage, model.rpartition("/")[2])
        return Cost(unknown_models=(model,)) if found is None else Cost(found)

    def cost_of(self, messages: Iterable[LLMMessage]) -> Cost:
        """Return the cost of all answers in ``messages``."""
        total = Cost()
        for message in messages:
            if message.usage is not None:
                total += self.cost(message.usage, message.model)
        return total


def format_dollars(dollars: Decimal) -> str:
    """Return an amount with two decimals, or with two significant digits below one cent."""
    if not dollars:
        return "$0.00"
    if dollars >= Decimal("0.01"):
        return f"${dollars:.2f}"
    return f"${dollars:.4f}" if dollars >= Decimal("0.0001") else "<$0.0001"


def _own_cost(usage: Usage, prices: Prices) -> Decimal:
    # Cached tokens cost as much as other input unless they have a price.
    read = prices.input if prices.cache_read is None else prices.cache_read
    write = prices.input if prices.cache_write is None else prices.cache_write
    total = (
        usage.input_tokens * prices.input
        + usage.output_tokens * prices.output
        + usage.cache_read_tokens * read
        + usage.cache_creation_tokens * write
    )
    return total / MILLION


def _listed(usage: Usage, model: str) -> Decimal | None:
    # Imported here: most commands show no cost.
    from genai_prices import Usage as PricedUsage
    from genai_prices import calc_price

    counts = PricedUsage(
        input_tokens=usage.sent_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_creation_tokens,
    )
    try:
        price = calc_price(counts, model_ref=model, provider_id="anthropic" if model.startswith("claude") else None)
    except LookupError:
        return None
    total: Decimal = price.total_price
    return total
