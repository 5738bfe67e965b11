"""A conversation with the real small model, through the real program, on a real terminal.

Needs what ``aloop local install`` fetches, in the folder that ALOOP_DATA_DIR names: .ci/run has it there.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aloop.local_model.models import InstallPaths
from aloop.memory import MemoryManager, SessionLibrary
from tests.e2e.shell import Shell
from tests.processes import children_of, wait_until_gone

# Read now: no test sees it in its own environment.
INSTALLED = os.environ.get("ALOOP_DATA_DIR")
PATIENCE = 120.0  # one thread, beside all the other tests


@pytest.fixture
def env() -> dict[str, str]:
    """The environment of a shell with the real model."""
    if not INSTALLED:
        pytest.skip("ALOOP_DATA_DIR does not say where `aloop local install` has put the real model")
    assert InstallPaths(Path(INSTALLED)).is_installed, (
        "ALOOP_DATA_DIR names a folder without a local model: aloop local install"
    )
    return {"ALOOP_DATA_DIR": INSTALLED}


def ask(aloop: Shell, question: str, messages: int) -> None:
    aloop.send_line(question)
    aloop.wait_for(f"{messages} messages")
    aloop.wait_for_prompt()


async def test_three_turns_are_answered_and_saved_and_the_next_shell_goes_on(env: dict[str, str]) -> None:
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
