"""The cache of model limits."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from aloop.llm.models.limits import FRESH_SECONDS, LimitsCache, ModelLimits

LIMITS = ModelLimits(1_000_000, 64_000, ("low", "high"), adaptive_thinking=True, asked_at=1_000.0)


def test_limits_come_back_by_server_and_model(tmp_path: Path) -> None:
    cache = LimitsCache(tmp_path / "state")
    cache.store("https://a", "m", LIMITS)
    assert LimitsCache(tmp_path / "state").find("https://a", "m") == LIMITS
    assert cache.find("https://b", "m") is None
    assert cache.find("https://a", "n") is None


@pytest.mark.parametrize("text", ["", "[]", "{", '{"s m": 5}', '{"s m": {"window": "x"}}', '{"s m": {"window": -1}}'])
def test_damaged_cache_knows_nothing_and_is_replaced(tmp_path: Path, text: str) -> None:
    (tmp_path / "models.json").write_text(text)
    cache = LimitsCache(tmp_path)
    assert cache.find("s", "m") is None
    cache.store("s", "m", LIMITS)
    assert cache.find("s", "m") == LIMITS


def test_no_effort_levels_differ_from_unknown_ones(tmp_path: Path) -> None:
    cache = LimitsCache(tmp_path)
    cache.store("server", "none", ModelLimits(efforts=(), asked_at=1.0))
    cache.store("server", "unknown", ModelLimits(asked_at=1.0))
    found = [cache.find("server", model) for model in ("none", "unknown")]
    assert [limits and limits.efforts for limits in found] == [(), None]


def test_cache_without_a_folder_stores_nothing() -> None:
    cache = LimitsCache(None)
    cache.store("s", "m", LIMITS)
    assert cache.find("s", "m") is None


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_folder_is_ignored(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    LimitsCache(tmp_path).store("s", "m", LIMITS)


def test_limits_are_fresh_for_a_week() -> None:
    now = time.time()
    assert ModelLimits(asked_at=now - FRESH_SECONDS + 60).is_fresh(now)
    assert not ModelLimits(asked_at=now - FRESH_SECONDS - 60).is_fresh(now)
    assert not ModelLimits(asked_at=now + 60).is_fresh(now)
    assert not ModelLimits().is_fresh(now)
