"""The cost of answers in US dollars.

Prices are the user's own, or those of ``genai-prices``. That list takes a tenth of a second or more to import, so it is
loaded when the first cost is asked for; call these functions in a thread.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from threading import Thread
from typing import TYPE_CHECKING

from aloop.config.values import LOCAL_MODEL, OFFLINE_MODEL, Prices
from aloop.formatting import format_dollars
from aloop.llm.message_types import LLMMessage, Usage
from aloop.llm.models.endpoints import LOCAL_SERVERS

if TYPE_CHECKING:
    from genai_prices.types import ModelPrice

MILLION = Decimal(1_000_000)

_DATE = re.compile(r"-\d{8}$")


@dataclass(frozen=True, slots=True)
class Cost:
    """An amount: ``dollars`` for all answers with a known price.

    ``unknown_models`` are the models without one.
    """

    dollars: Decimal = Decimal(0)
    unknown_models: tuple[str, ...] = ()

    @property
    def is_known(self) -> bool:
        return not self.unknown_models

    def __add__(self, other: Cost) -> Cost:
        unknown = dict.fromkeys((*self.unknown_models, *other.unknown_models))
        return Cost(self.dollars + other.dollars, tuple(unknown))

    @property
    def exact(self) -> float | None:
        """The dollars as a number for programs; None if a part is unknown."""
        return float(self.dollars) if self.is_known else None

    def __str__(self) -> str:
        """Return ``$0.42``, ``$0.0031``, ``unknown``, or ``$0.42 + unknown``."""
        if not self.is_known:
            return f"{format_dollars(self.dollars)} + unknown" if self.dollars else "unknown"
        return format_dollars(self.dollars)


class PriceList:
    """Prices by model: the user's own first, then the public list.

    Models of aloop itself, and of the usual model servers on this machine, cost nothing.
    """

    def __init__(self, own: Mapping[str, Prices] | None = None) -> None:
        self._own = dict(own or {})

    def cost(self, usage: Usage, model: str | None, provider: str | None = None) -> Cost:
        """Return the cost of one answer of ``model``.

        The user's prices are looked up as ``ENDPOINT/MODEL`` and as ``MODEL``, with the date at its end and without.
        """
        if model is None:
            return Cost(unknown_models=("unnamed model",)) if usage.sent_tokens or usage.output_tokens else Cost()
        if not usage.sent_tokens and not usage.output_tokens:
            return Cost()
        if (prices := self._find_own(model, provider)) is not None:
            return Cost(_own_cost(prices, usage))
        if _is_free(model, provider):
            return Cost()
        found = _listed(usage, _listed_name(model))
        return Cost(unknown_models=(model,)) if found is None else Cost(found)

    def known_cost(self, usage: Usage, model: str | None, provider: str | None = None) -> Decimal | None:
        """Return the dollars of one answer if they are known without a wait.

        None for a model without a price or without costs, and until the public list is loaded.
        """
        if model is None or (self._find_own(model, provider) is None and not _list.is_loaded):
            return None
        cost = self.cost(usage, model, provider)
        return cost.dollars if cost.is_known and cost.dollars else None

    def prepare(self, model: str, provider: str | None = None) -> None:
        """Load the public list in a thread if answers of ``model`` need it."""
        if self._find_own(model, provider) is None and not _is_free(model, provider):
            _list.load(model)

    def cost_of(self, messages: Iterable[LLMMessage]) -> Cost:
        """Return the cost of all answers in ``messages``.

        A cost that was stored with an answer counts as it is: prices change.
        """
        total = Cost()
        for message in messages:
            if message.cost is not None:
                total += Cost(message.cost)
            elif message.usage is not None:
                total += self.cost(message.usage, message.model, message.provider)
        return total

    def _find_own(self, model: str, provider: str | None) -> Prices | None:
        endpoint, _, rest = model.partition("/")  # recorded with the endpoint, if there is one
        bare = rest if rest and endpoint == (provider or endpoint) else model
        names = [name for each in (model, f"{provider}/{bare}", bare) for name in (each, _DATE.sub("", each))]
        found = (self._own.get(name) for name in names)
        return next((prices for prices in found if prices is not None), None)


def _listed_name(model: str) -> str:
    return model.rpartition("/")[2]


def _is_free(model: str, provider: str | None) -> bool:
    server = model.partition("/")[0] if provider is None else provider
    own = (LOCAL_MODEL, OFFLINE_MODEL)
    return server in (*own, *LOCAL_SERVERS) or model.partition(":")[0] in own


def _own_cost(prices: Prices, usage: Usage) -> Decimal:
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


@lru_cache(maxsize=10_000)  # the cost of a session is calculated after each turn
def _listed(usage: Usage, model: str) -> Decimal | None:
    price = _find_price(model)
    if price is None:
        return None
    from genai_prices import Usage as PricedUsage  # loaded by now

    try:
        counts = PricedUsage(
            input_tokens=usage.sent_tokens,
            output_tokens=usage.output_tokens,
            cache_read_tokens=usage.cache_read_tokens,
            cache_write_tokens=usage.cache_creation_tokens,
            cache_write_1h_tokens=min(usage.cache_creation_1h_tokens, usage.cache_creation_tokens),
            web_searches=usage.web_searches,
        )
        return price.calc_price(counts)["total_price"]
    except ValueError:
        return None  # a number that was edited by hand, such as a negative one


@lru_cache(maxsize=100)  # finding a model takes five times as long as calculating its price
def _find_price(model: str) -> ModelPrice | None:
    provider = "anthropic" if model.startswith("claude") else None
    try:
        # Imported here: most commands show no cost.
        from genai_prices import Usage as PricedUsage
        from genai_prices import calc_price

        return calc_price(PricedUsage(input_tokens=1), model_ref=model, provider_id=provider).model_price
    except (LookupError, ImportError):  # a conversation is worth more than its price
        return None
    finally:
        _list.is_loaded = True


class _PublicList:
    """The state of the public list."""

    def __init__(self) -> None:
        self.is_loaded = False
        self.thread: Thread | None = None

    def load(self, model: str) -> None:
        """Load the list in a thread, once."""
        if not self.is_loaded and self.thread is None:
            self.thread = Thread(target=_find_price, args=(_listed_name(model),), daemon=True)
            self.thread.start()


_list = _PublicList()
