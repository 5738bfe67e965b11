"""Costs of answers and of months."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from aloop.config.values import Prices
from aloop.llm.cost import pricing
from aloop.llm.cost.pricing import Cost, PriceList
from aloop.llm.cost.spending import SpendingLog
from aloop.llm.message_types import LLMMessage, Usage

OWN = {"gw/special": Prices(Decimal(2), Decimal(10), cache_read=Decimal("0.2"))}
NOVEMBER = datetime(2026, 11, 29, 12).astimezone()


def test_listed_model_has_a_cost() -> None:
    cost = PriceList().cost(Usage(1_000_000, 1_000), "claude-opus-5-5")
    assert cost.is_known
    assert cost.dollars > 1


def test_cached_input_costs_less_than_new_input() -> None:
    prices = PriceList()
    cached = prices.cost(Usage(cache_read_tokens=1_000_000), "claude-opus-5-5")
    assert 0 < cached.dollars < prices.cost(Usage(1_000_000), "claude-opus-5-5").dollars


def test_own_prices_override_the_list() -> None:
    usage = Usage(1_000_000, 100_000, 1_000_000, 1_000_000)
    assert PriceList(OWN).cost(usage, "gw/special").dollars == Decimal(2) + 1 + 2 + Decimal("0.2")


@pytest.mark.parametrize("model", ["special", "gw/special", "gw/special-20260901", "special-20260901"])
def test_own_price_of_a_model_applies_behind_each_endpoint(model: str) -> None:
    own = PriceList({"special": OWN["gw/special"]})
    assert own.cost(Usage(1_000_000), model).dollars == 2
    both = PriceList({"special": OWN["gw/special"], "gw/special": Prices(Decimal(7), Decimal(9))})
    assert both.cost(Usage(1_000_000), model).dollars == (7 if model.startswith("gw/") else 2)


def test_unlisted_model_is_unknown_and_never_free() -> None:
    cost = PriceList().cost(Usage(10, 10), "no-such-model")
    assert not cost.is_known
    assert str(cost) == "unknown"
    assert str(cost + Cost(Decimal("1.5"))) == "$1.50 + unknown"


@pytest.mark.parametrize("model", ["offline", "local", "local:/models/a.gguf", "ollama/deepseek-r1"])
def test_models_on_this_machine_cost_nothing(model: str) -> None:
    assert PriceList().cost(Usage(10_000, 10), model) == Cost()


def test_session_cost_is_the_sum_over_its_models() -> None:
    messages = [
        LLMMessage("user", "hi"),
        LLMMessage("assistant", "a", model="gw/special", usage=Usage(1_000_000)),
        LLMMessage("assistant", "b", model="nothing-known", usage=Usage(5)),
    ]
    assert PriceList(OWN).cost_of(messages) == Cost(Decimal(2), ("nothing-known",))


def test_month_sums_the_answers_of_that_month_only(tmp_path: Path) -> None:
    log = SpendingLog(tmp_path / "state")
    log.add(Usage(1_000_000), "gw/special", NOVEMBER)
    log.add(Usage(1_000_000), "gw/special", NOVEMBER)
    log.add(Usage(1_000_000), "gw/special", NOVEMBER.replace(month=10))
    assert log.month(PriceList(OWN), NOVEMBER) == Cost(Decimal(4))


def test_damaged_line_of_the_log_is_skipped(tmp_path: Path) -> None:
    log = SpendingLog(tmp_path)
    log.add(Usage(1_000_000), "gw/special", NOVEMBER)
    with (tmp_path / "spending-2026-11.jsonl").open("a") as stream:
        stream.write('{"at": "2026-1\n[1]\n')
    assert log.month(PriceList(OWN), NOVEMBER) == Cost(Decimal(2))


def test_log_holds_counts_only_and_is_private(tmp_path: Path) -> None:
    SpendingLog(tmp_path).add(Usage(5, 7), "m", NOVEMBER)
    (path,) = tmp_path.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert '"input_tokens": 5' in path.read_text()


def test_log_that_cannot_be_written_is_ignored(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    log = SpendingLog(blocked / "state")
    log.add(Usage(5), "m", NOVEMBER)
    assert log.month(PriceList(), NOVEMBER) == Cost()


def test_own_price_is_found_by_provider_and_without_the_date_of_the_model() -> None:
    prices = PriceList(OWN)
    usage = Usage(1_000_000)
    assert prices.cost(usage, "special", "gw") == prices.cost(usage, "gw/special-20261101") == Cost(Decimal(2))


def test_negative_number_in_an_edited_file_makes_the_cost_unknown() -> None:
    assert PriceList().cost(Usage(-1, 10), "claude-opus-5-5") == Cost(unknown_models=("claude-opus-5-5",))


def test_month_prices_each_answer_by_itself(tmp_path: Path) -> None:
    # This model costs more per token in requests of more than 200,000 tokens.
    log, model = SpendingLog(tmp_path), "claude-sonnet-4-5"
    for _ in range(4):
        log.add(Usage(100_000), model, NOVEMBER)
    assert log.month(PriceList(), NOVEMBER) == PriceList().cost_of(
        [LLMMessage("assistant", "a", model=model, usage=Usage(100_000))] * 4
    )
    assert log.month(PriceList(), NOVEMBER).dollars < PriceList().cost(Usage(400_000), model).dollars


def test_hour_of_cache_and_searches_have_their_own_prices() -> None:
    model, prices = "claude-opus-4-5", PriceList()
    short = Usage(cache_creation_tokens=1_000_000)
    assert prices.cost(short, model) == Cost(Decimal("6.25"))
    assert prices.cost(replace(short, cache_creation_1h_tokens=1_000_000), model) == Cost(Decimal(10))
    # An edited file may contain more of one part than of the whole.
    assert prices.cost(replace(short, cache_creation_1h_tokens=2_000_000), model) == Cost(Decimal(10))
    assert prices.cost(Usage(1_000_000, web_searches=100), "claude-sonnet-5-5").dollars > Decimal(2)


def test_hour_of_cache_is_in_the_log_of_the_month(tmp_path: Path) -> None:
    log = SpendingLog(tmp_path)
    log.add(Usage(cache_creation_tokens=1_000_000, cache_creation_1h_tokens=1_000_000), "claude-opus-4-5", NOVEMBER)
    assert log.month(PriceList(), NOVEMBER) == Cost(Decimal(10))


def test_cost_is_known_at_once_only_after_the_list_was_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pricing, "_list", pricing._PublicList())
    pricing._find_price.cache_clear()
    pricing._listed.cache_clear()
    prices, usage = PriceList(OWN), Usage(1_000_000, 1_000)
    assert prices.known_cost(usage, "gw/special") == Decimal("2.01")
    assert prices.known_cost(usage, "claude-never-asked-before") is None
    assert prices.known_cost(usage, None) is None
    assert prices.known_cost(usage, "SmolLM2-135M", "local") is None
    known = prices.cost(usage, "claude-opus-5-5").dollars
    assert prices.known_cost(usage, "claude-opus-5-5") == known


def test_list_is_loaded_in_a_thread_once_and_only_for_models_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    public = pricing._PublicList()
    monkeypatch.setattr(pricing, "_list", public)
    pricing._find_price.cache_clear()
    pricing._listed.cache_clear()
    prices, usage = PriceList(OWN), Usage(1_000_000, 1_000)
    for model in ("gw/special", "SmolLM2-135M"):
        prices.prepare(model, "local")
    assert vars(public)["thread"] is None
    prices.prepare("claude-opus-4-5")
    thread = public.thread
    assert thread is not None
    thread.join()
    assert prices.known_cost(usage, "claude-opus-4-5-20251101") == prices.cost(usage, "claude-opus-4-5").dollars
    prices.prepare("claude-sonnet-4-5")
    assert public.thread is thread


def test_stored_cost_counts_as_it_is() -> None:
    message = LLMMessage("assistant", "", usage=Usage(10, 10), model="no-such-model", cost=Decimal("0.25"))
    assert PriceList().cost_of([message, replace(message, cost=None)]) == Cost(Decimal("0.25"), ("no-such-model",))
