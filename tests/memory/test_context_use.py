"""How full the window is: what the API counted, and what is guessed until it does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from aloop.llm.message_types import LLMMessage, ToolCall, Usage
from aloop.memory import ContextUse, MemoryManager
from aloop.memory.context import estimate, measure
from tests.agent.scripted import ScriptedLLM

QUESTION = LLMMessage("user", "x" * 400)
ANSWER = LLMMessage("assistant", "y" * 40, usage=Usage(1_000, 50, 200, 30))
SYSTEM = LLMMessage("system", "z" * 4_000)


def test_before_the_first_answer_all_is_estimated() -> None:
    assert measure([SYSTEM], [QUESTION], overhead=500) == (1_000 + 100 + 8 + 500, True)


def test_after_an_answer_the_api_has_counted_system_and_tools_included() -> None:
    assert measure([SYSTEM], [QUESTION, ANSWER], overhead=500) == (1_280, False)


def test_what_came_after_the_answer_is_estimated() -> None:
    tokens, is_estimate = measure([SYSTEM], [QUESTION, ANSWER, QUESTION])
    assert (tokens, is_estimate) == (1_280 + 104, True)


def test_a_count_of_another_context_is_no_count() -> None:
    assert measure([], [QUESTION, ANSWER, QUESTION], counted_from=3)[0] == 104 + 14 + 104


def test_an_answer_that_was_broken_off_counts_by_its_length() -> None:
    broken = LLMMessage("assistant", "w" * 400, interrupted=True)
    assert measure([], [QUESTION, ANSWER, QUESTION, broken])[0] == 1_280 + 104 + 104


def test_what_is_not_sent_does_not_count() -> None:
    skipped = replace(QUESTION, skip=True)
    summary = LLMMessage("user", "s" * 40, summary=True)
    assert measure([], [QUESTION, skipped, summary])[0] == 14


def test_calls_count_and_other_alphabets_take_more() -> None:
    call = LLMMessage("assistant", tool_calls=(ToolCall("c", "abcd", "e" * 36),))
    assert estimate([call]) == 14
    assert estimate([LLMMessage("user", "日本語です")]) == 4 + 3


async def test_a_memory_tells_its_use_of_the_window(sessions_dir: Path) -> None:
    llm = ScriptedLLM()
    llm.context_window = 2_000
    memory = MemoryManager(llm, sessions_dir=sessions_dir)
    assert memory.measure_context(300) == ContextUse(300, 2_000, True)
    await memory.add_message(QUESTION)
    await memory.add_message(ANSWER)
    use = memory.measure_context(300)
    assert (use, use.share) == (ContextUse(1_280, 2_000, False), 0.64)


async def test_after_an_edit_and_after_a_reload_old_counts_are_forgotten(sessions_dir: Path) -> None:
    memory = MemoryManager(sessions_dir=sessions_dir)
    for message in (QUESTION, ANSWER, QUESTION, ANSWER):
        await memory.add_message(message)
    await memory.save_memory()
    summary = LLMMessage("user", "s" * 40, summary=True)
    await memory.edit(lambda messages: (*messages[:2], summary, *messages[2:]))
    assert memory.measure_context() == ContextUse(14 + 104 + 14, 0, True)
    again = await MemoryManager.from_session(memory.session_id, sessions_dir=sessions_dir)
    assert again.measure_context() == memory.measure_context()
    await again.add_message(ANSWER)
    assert again.measure_context() == ContextUse(1_280, 0, False)
