"""The cost of a run and its limit."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from aloop.agent.agent import ReActAgent
from aloop.agent.budget import Budget, MeteredLLM
from aloop.agent.events import AgentEvent, Compacting, Notice, TurnEnded
from aloop.config.values import Prices
from aloop.errors import CostLimitReached
from aloop.llm.cost.pricing import Cost, PriceList
from aloop.llm.cost.spending import SpendingLog
from aloop.llm.message_types import LLMMessage, ToolCall
from aloop.memory import SessionLibrary
from tests.agent.scripted import ONE_TRY, Line, ScriptedLLM, answer, calls

# Each scripted answer is 10 tokens in and 2 out, which is 12 dollars.
DOLLAR_A_TOKEN = PriceList({ScriptedLLM.model: Prices(Decimal(1_000_000), Decimal(1_000_000))})
CALL = ToolCall("call_1", "calculator", '{"expression": "2 + 2"}')


class Spender:
    """An agent with a budget, and its events."""

    def __init__(self, sessions_dir: Path, budget: Budget, *scripts: Sequence[Line], window: int = 0) -> None:
        self.llm = ScriptedLLM(*scripts)
        self.llm.context_window = window
        self.events: list[AgentEvent] = []
        self.budget = budget
        self.agent = ReActAgent(
            self.llm, sessions_dir=sessions_dir, on_event=self.events.append, retry=ONE_TRY, budget=budget
        )

    @property
    def notices(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Notice)]


async def test_turn_and_run_cost_count_every_answer(sessions_dir: Path) -> None:
    budget = Budget(DOLLAR_A_TOKEN)
    spender = Spender(sessions_dir, budget, calls(CALL), answer("4"), answer("Bye"))
    await spender.agent.run("2 + 2?")
    assert budget.turn_cost() == Cost(Decimal(24))
    await spender.agent.run("Bye")
    assert (budget.turn_cost(), budget.run_cost()) == (Cost(Decimal(12)), Cost(Decimal(36)))


async def test_turn_stops_between_its_steps_once_the_limit_is_reached(sessions_dir: Path) -> None:
    spender = Spender(sessions_dir, Budget(DOLLAR_A_TOKEN, Decimal(12)), calls(CALL, text="I calculate."))
    with pytest.raises(CostLimitReached, match=r"has cost \$12\.00, and its limit is \$12\.00.*--max-cost"):
        await spender.agent.run("2 + 2?")
    assert len(spender.llm.requests) == 1
    memory = spender.agent.memory
    stored = await SessionLibrary(sessions_dir).load(memory.session_id)
    assert [message.content for message in stored.messages] == ["2 + 2?", "I calculate.", "4"]
    ended = spender.events[-1]
    assert isinstance(ended, TurnEnded)
    assert (ended.status, ended.kept) == ("failed", True)


async def test_turn_below_the_limit_is_not_stopped(sessions_dir: Path) -> None:
    spender = Spender(sessions_dir, Budget(DOLLAR_A_TOKEN, Decimal("12.01")), calls(CALL), answer("4"))
    assert await spender.agent.run("2 + 2?") == "4"
    assert spender.notices == []


async def test_question_after_the_limit_sends_nothing_and_leaves_no_trace(sessions_dir: Path) -> None:
    spender = Spender(sessions_dir, Budget(DOLLAR_A_TOKEN, Decimal(12)), answer("Hello"))
    await spender.agent.run("Hi")
    with pytest.raises(CostLimitReached):
        await spender.agent.run("And now?")
    assert len(spender.llm.requests) == 1
    assert spender.agent.memory.message_count == 2


async def test_limit_stops_an_automatic_compaction(sessions_dir: Path) -> None:
    spender = Spender(sessions_dir, Budget(DOLLAR_A_TOKEN, Decimal(12)), answer("Hello"), window=3_000)
    await spender.agent.run("Hi")
    for _ in range(3):
        await spender.agent.memory.add_message(LLMMessage("user", "large " * 1_000))
        await spender.agent.memory.add_message(LLMMessage("assistant", "I see."))
    before = spender.agent.memory.messages
    with pytest.raises(CostLimitReached):
        await spender.agent.run("And now?")
    assert any(isinstance(event, Compacting) for event in spender.events)
    assert len(spender.llm.requests) == 1
    assert spender.agent.memory.messages == before
    assert spender.notices == []


async def test_limit_stops_a_requested_compaction(sessions_dir: Path) -> None:
    spender = Spender(sessions_dir, Budget(DOLLAR_A_TOKEN, Decimal(12)), answer("Hello"))
    await spender.agent.run("Hi")
    for _ in range(3):
        await spender.agent.memory.add_message(LLMMessage("user", "more"))
        await spender.agent.memory.add_message(LLMMessage("assistant", "I see."))
    with pytest.raises(CostLimitReached):
        await spender.agent.compact()
    assert len(spender.llm.requests) == 1


async def test_model_without_a_price_is_reported_once_if_there_is_a_limit(sessions_dir: Path) -> None:
    spender = Spender(sessions_dir, Budget(PriceList(), Decimal(12)), calls(CALL), answer("4"), answer("Bye"))
    await spender.agent.run("2 + 2?")
    await spender.agent.run("Bye")
    (notice,) = spender.notices
    assert notice.startswith(
        "The price of scripted-1 is unknown, so the cost limit of $12.00 cannot be checked for it."
    )


async def test_model_without_a_price_is_not_reported_without_a_limit(sessions_dir: Path) -> None:
    spender = Spender(sessions_dir, Budget(), answer("Hello"))
    await spender.agent.run("Hi")
    assert spender.notices == []
    assert spender.budget.run_cost() == Cost(unknown_models=("scripted-1",))


async def test_each_answer_is_one_line_of_the_spending_log(sessions_dir: Path, tmp_path: Path) -> None:
    budget = Budget(DOLLAR_A_TOKEN, log=SpendingLog(tmp_path / "state"))
    spender = Spender(sessions_dir, budget, calls(CALL), answer("4"))
    await spender.agent.run("2 + 2?")
    await budget.flush()
    (log,) = (tmp_path / "state").iterdir()
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(line["model"], line["input_tokens"], line["output_tokens"]) for line in lines] == [
        ("scripted-1", 10, 2)
    ] * 2
    assert budget.month_cost() == Cost(Decimal(24))


async def test_metered_model_learns_the_window_of_the_model_inside() -> None:
    class Learning(ScriptedLLM):
        async def learn_limits(self) -> None:
            self.context_window = 1_000_000

    llm = MeteredLLM(Learning(), Budget())
    await llm.learn_limits()
    assert llm.context_window == 1_000_000
    await MeteredLLM(ScriptedLLM(), Budget()).learn_limits()
