"""Ten small tasks with a scripted model, and with a real one on request."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aloop.agent.agent import ReActAgent
from aloop.llm import LLM, create_llm
from tests.agent.scripted import ScriptedLLM
from tests.agent.tasks.catalogue import TASKS
from tests.agent.tasks.task import Task

# Read at import, before a fixture hides it from the tests.
_KEY = os.environ.get("ANTHROPIC_API_KEY", "")

each_task = pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)


async def solve(task: Task, llm: LLM, folder: Path) -> ReActAgent:
    """Run the agent on ``task`` in ``folder`` and check the outcome."""
    task.lay_out(folder)
    agent = ReActAgent(llm, working_dir=folder, sessions_dir=folder.parent / "sessions", allow=["write", "shell"])
    task.check(folder, await agent.run(task.prompt))
    return agent


@each_task
async def test_scripted_model_completes_task(task: Task, tmp_path: Path) -> None:
    agent = await solve(task, ScriptedLLM(*task.scripts()), tmp_path / "work")
    results = [message for message in agent.memory.messages if message.role == "tool"]
    assert len(results) == sum(map(len, task.steps))
    # The only failing call is the test that the task asks to fix.
    assert sum(message.is_error for message in results) == (task.name == "fix a failing test")


@each_task
def test_task_check_fails_before_the_task_is_done(task: Task, tmp_path: Path) -> None:
    task.lay_out(tmp_path)
    with pytest.raises((AssertionError, FileNotFoundError)):
        task.check(tmp_path, "")


def test_there_are_ten_differently_named_tasks() -> None:
    assert len({task.name for task in TASKS}) == 10


@pytest.fixture
async def model(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LLM]:
    """The real model, or a skipped test without an API key."""
    if not _KEY:
        pytest.skip("ANTHROPIC_API_KEY is not set")
    monkeypatch.setenv("ANTHROPIC_API_KEY", _KEY)
    llm = create_llm()
    yield llm
    await llm.aclose()


@pytest.mark.live
@each_task
async def test_real_model_completes_task(task: Task, model: LLM, tmp_path: Path) -> None:
    await solve(task, model, tmp_path / "work")
