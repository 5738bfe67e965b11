"""Fixtures for tests of one session's file."""

from __future__ import annotations

from pathlib import Path

import pytest

from aloop.memory.session_folder.session_file import SessionFile
from tests.memory.examples import session
from tests.memory.faults import FaultyFileSystem
from tests.memory.session_folder.saving import FIRST


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "session.yaml"


@pytest.fixture
def stored(fs: FaultyFileSystem, path: Path) -> SessionFile:
    """A session of two messages, just written."""
    return SessionFile.create(fs, path, session(*FIRST))
