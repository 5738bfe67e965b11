"""Titles written by a model."""

from __future__ import annotations

from pathlib import Path

import pytest

from aloop.agent import ReActAgent
from aloop.config.settings import Settings
from aloop.llm.offline import OfflineLLM
from repl.options import ShellOptions
from repl.title_writer import write_title


async def test_no_model_is_made_for_a_title_that_is_not_wanted(
    sessions_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = list[object]()

    def create(*model: object) -> OfflineLLM:
        made.append(model)
        return OfflineLLM()

    monkeypatch.setattr("repl.title_writer.create_llm", create)
    settings = Settings.from_env()._replace(title_model="claude-small")
    agent = ReActAgent(OfflineLLM(), sessions_dir=sessions_dir)
    for _ in range(2):
        await agent.run("Hi")
        await write_title(agent, ShellOptions(settings, "offline", sessions_dir, None))
    assert len(made) == 1
