"""Titles by the model: once, never over that of the user."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from aloop.agent import ReActAgent
from aloop.agent.budget import Budget
from aloop.agent.titles import improve_title
from aloop.errors import ConnectionFailed, ModelNotFound
from aloop.llm.base import LLM
from aloop.llm.message_types import LLMMessage
from aloop.memory import MemoryManager, SessionLibrary
from tests.agent.scripted import Line, ScriptedLLM, answer


async def talked(sessions_dir: Path, *lines: Sequence[Line]) -> tuple[MemoryManager, ScriptedLLM]:
    """Return a session of one turn, and the model for its title."""
    agent = ReActAgent(ScriptedLLM(answer("Use a list.")), sessions_dir=sessions_dir)
    await agent.run("hey can you help me with python lists")
    return agent.memory, ScriptedLLM(*lines)


async def test_title_is_written_into_the_header_and_counted(sessions_dir: Path) -> None:
    memory, llm = await talked(sessions_dir, answer('"Python lists explained."\nMore'))
    budget = Budget()
    assert await improve_title(memory, llm, budget)
    assert (await SessionLibrary(sessions_dir).load(memory.session_id)).title == "Python lists explained"
    assert len(budget._answers) == 1
    assert len(llm.requests[0]) == 2
    assert not await improve_title(memory, llm, budget)


async def test_title_of_the_user_is_kept(sessions_dir: Path) -> None:
    memory, llm = await talked(sessions_dir, answer("Another"))
    await memory.rename("Mine")
    assert not await improve_title(memory, llm, Budget())
    assert llm.requests == []
    assert memory.title == "Mine"


async def test_title_of_the_user_is_kept_even_if_it_is_the_automatic_one(sessions_dir: Path) -> None:
    memory, llm = await talked(sessions_dir, answer("Another"))
    await memory.rename(memory.title)
    assert not await improve_title(memory, llm, Budget())
    assert llm.requests == []


async def test_title_given_during_the_request_is_kept(sessions_dir: Path) -> None:
    memory, _ = await talked(sessions_dir)

    class Renaming(ScriptedLLM):
        async def stream(self, messages, tools=()):  # type: ignore[no-untyped-def]  # as in the base class
            await memory.rename("Mine")
            async for event in super().stream(messages, tools):
                yield event

    renaming: LLM = Renaming(answer("Another"))
    assert not await improve_title(memory, renaming, Budget())
    assert memory.title == "Mine"


@pytest.mark.parametrize("line", [[ConnectionFailed("No network.")], answer(""), answer("  \n")])
async def test_failure_leaves_the_first_words(sessions_dir: Path, line: Sequence[Line]) -> None:
    memory, llm = await talked(sessions_dir, line)
    assert not await improve_title(memory, llm, Budget())
    assert memory.title == "hey can you help me with python lists"


async def test_model_that_does_not_exist_is_an_error(sessions_dir: Path) -> None:
    memory, llm = await talked(sessions_dir, [ModelNotFound("Unknown model.")])
    with pytest.raises(ModelNotFound):
        await improve_title(memory, llm, Budget())


async def test_later_turns_ask_for_no_title(sessions_dir: Path) -> None:
    memory, llm = await talked(sessions_dir, answer("Another"))
    await memory.add_message(LLMMessage("user", "And?"))
    assert not await improve_title(memory, llm, Budget())
    assert llm.requests == []


async def test_title_that_arrives_during_a_turn_is_written_at_its_end(sessions_dir: Path) -> None:
    memory, llm = await talked(sessions_dir, answer("Python lists"))
    async with memory.turn() as turn:
        assert await improve_title(memory, llm, Budget())
        assert memory.path
        assert "Python lists" not in memory.path.read_text()
        await turn.add(LLMMessage("user", "And?"))
        await turn.add(LLMMessage("assistant", "So."))
    assert (await SessionLibrary(sessions_dir).load(memory.session_id)).title == "Python lists"
