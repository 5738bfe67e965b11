"""The config file of the tests."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def config(private_home: Path) -> Path:
    path = private_home / ".config" / "aloop" / "config.toml"
    path.parent.mkdir(parents=True)
    return path
