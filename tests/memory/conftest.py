"""Fixtures for storage tests: a faulty file system and a folder snapshot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from aloop.memory import MemoryManager
from aloop.memory.disk import filesystem
from aloop.memory.sessions_dir.yaml_backend import YamlBackend
from tests.memory.conversations import say
from tests.memory.examples import answer, user
from tests.memory.faults import FaultyFileSystem


@pytest.fixture
def fs(monkeypatch: pytest.MonkeyPatch) -> FaultyFileSystem:
    """A file system for the whole process that fails on request."""
    fs = FaultyFileSystem()
    monkeypatch.setattr(filesystem, "SYSTEM", fs)
    return fs


@pytest.fixture
def everything() -> Callable[[Path], dict[str, bytes | str]]:
    """Return a function that reads all files and links below a folder, by path."""

    def look(folder: Path) -> dict[str, bytes | str]:
        return {
            str(path.relative_to(folder)): str(path.readlink()) if path.is_symlink() else path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_symlink() or path.is_file()
        }

    return look


@pytest.fixture
def backend(fs: FaultyFileSystem, sessions_dir: Path) -> YamlBackend:
    """The backend of a sessions folder that does not exist yet."""
    return YamlBackend(sessions_dir)


@pytest.fixture
async def manager(fs: FaultyFileSystem, sessions_dir: Path) -> MemoryManager:
    """The manager of a saved session with one exchange."""
    manager = MemoryManager(sessions_dir=sessions_dir)
    await say(manager, user("Hi"), answer("Hello"))
    return manager
