"""A conversation with the real local model on a pseudo-terminal.

ALOOP_DATA_DIR must name a folder filled by ``aloop local install``, as .ci/run does.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aloop.local_model.models import InstallPaths
from aloop.memory import MemoryManager, SessionLibrary
from tests.e2e.shell import Shell
from tests.processes import children_of, wait_until_gone

# Read at import: a fixture removes it from the environment of each test.
INSTALLED = os.environ.get("ALOOP_DATA_DIR")
PATIENCE = 120.0  # one thread, in parallel with other tests


@pytest.fixture
def env() -> dict[str, str]:
    """The environment of a shell with the real model."""
    if not INSTALLED:
        pytest.skip("ALOOP_DATA_DIR is not set to the data folder of `aloop local install`")
    assert InstallPaths(Path(INSTALLED)).is_installed, "ALOOP_DATA_DIR has no local model. Run `aloop local install`."
    return {"ALOOP_DATA_DIR": INSTALLED}


def ask(aloop: Shell, question: str, messages: int) -> None:
    aloop.send_line(question)
    aloop.wait_for(f"{messages} messages")
    aloop.wait_for_prompt()


async def test_real_model_answers_three_turns_and_a_resumed_session(env: dict[str, str]) -> None:
    with Shell(env=env, patience=PATIENCE) as aloop:
        aloop.wait_for_prompt()
        assert "local · SmolLM2-135M" in aloop.screen()
        ask(aloop, "hello", 2)
        assert "small model: often wrong" in aloop.scrollback()
        ask(aloop, "What is the capital of France?", 4)
        ask(aloop, "Thank you!", 6)
        [child] = children_of(aloop.pid)
        aloop.process.kill(9)
        wait_until_gone(child)
    session = await SessionLibrary().load(await MemoryManager.find_latest_session() or "")
    assert [message.role for message in session.messages] == ["user", "assistant"] * 3
    assert all((message.content or "").strip() for message in session.messages)
    assert {message.model for message in session.messages} == {None, "local:SmolLM2-135M"}
    with Shell("--resume", env=env, patience=PATIENCE) as again:
        again.wait_for("Resumed")
        again.wait_for_prompt()
        assert "Thank you!" in again.scrollback()
        ask(again, "Bye!", 8)
        [child] = children_of(again.pid)
        again.send_line("/exit")
        assert again.wait_for_exit() == 0
        wait_until_gone(child)
