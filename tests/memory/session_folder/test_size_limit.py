"""A session that outgrows the limit of its size is announced, and nothing is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from aloop.errors import AloopError, Problem
from aloop.memory import MemoryManager
from aloop.memory.session_folder.size_limit import SizeWarning, needed_limit
from tests.memory.conversations import file_of, take_turn

ADVICE = "/compact does not make the file smaller; /clear starts a new session."
NEAR = f"This session is 1 MB. Beyond the limit of 1 MB, it opens only with a larger ALOOP_MAX_SESSION_MB. {ADVICE}"
OVER = (
    "This session is 2 MB, more than the limit of 1 MB. It is saved, but to open it again, set "
    f"ALOOP_MAX_SESSION_MB=2. {ADVICE}"
)


@pytest.fixture(autouse=True)
def small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Open no session of more than 1 MB."""
    monkeypatch.setenv("ALOOP_MAX_SESSION_MB", "1")


@pytest.fixture
def notices() -> list[str]:
    """The notices for the user."""
    return []


@pytest.fixture
def memory(sessions_dir: Path, notices: list[str]) -> MemoryManager:
    """The manager of a shell."""
    manager = MemoryManager(sessions_dir=sessions_dir, hold=True)
    manager.on_notice = notices.append
    return manager


async def grow(memory: MemoryManager, size: int) -> None:
    await take_turn(memory, "Go on", "word " * (size // 5))


async def test_growing_session_is_announced_before_and_after_the_limit_each_once(
    memory: MemoryManager, notices: list[str]
) -> None:
    for size in (500_000, 350_000):
        await grow(memory, size)
    assert notices == []
    for _ in range(2):
        await grow(memory, 60_000)
    assert notices == [NEAR]
    for _ in range(2):
        await grow(memory, 100_000)
    assert notices == [NEAR, OVER]
    assert all(isinstance(notice, Problem) for notice in notices)
    assert needed_limit(memory.file_size) == 2


async def test_session_near_the_limit_is_announced_when_it_is_opened(memory: MemoryManager, notices: list[str]) -> None:
    await grow(memory, 950_000)
    memory.close()
    notices.clear()
    await memory.resume(memory.session_id)
    assert notices == [NEAR]


async def test_session_beyond_the_limit_opens_with_the_limit_that_is_named(
    memory: MemoryManager, sessions_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await grow(memory, 1_500_000)
    memory.close()
    with pytest.raises(AloopError, match="Set ALOOP_MAX_SESSION_MB=2 to read it"):
        await MemoryManager.from_session(memory.session_id, sessions_dir=sessions_dir)
    monkeypatch.setenv("ALOOP_MAX_SESSION_MB", str(needed_limit(memory.file_size)))
    opened = await MemoryManager.from_session(memory.session_id, sessions_dir=sessions_dir)
    assert len(opened.messages) == 2


async def test_session_beyond_the_limit_is_still_saved_and_edits_are_merged(
    memory: MemoryManager, notices: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    await grow(memory, 1_500_000)
    path = file_of(memory)
    path.write_text(path.read_text().replace('content: "Go on"', 'content: "Go further"'))
    await take_turn(memory, "And?", "So.")
    path.touch()
    await memory.edit(lambda messages: messages[:2])
    assert not memory.has_unsaved
    assert notices[1:] == ["session.yaml was edited: 1 message changed."]
    monkeypatch.setenv("ALOOP_MAX_SESSION_MB", "2")
    memory.close()
    await memory.resume(memory.session_id)
    assert [message.content for message in memory.messages][:1] == ["Go further"]
    assert len(memory.messages) == 2


def test_invalid_limit_is_left_to_the_next_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALOOP_MAX_SESSION_MB", "many")
    assert SizeWarning().take(10**9) == []
    assert needed_limit(10**9) == 0
