"""No argument of a tool makes a call or the event loop hang."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.reliability.hostile_arguments import MOST_SECONDS, SEARCH_SECONDS, all_tools, attempt


@pytest.mark.parametrize("number", range(6))
async def test_hostile_arguments_are_answered_in_time(number: int, tmp_path: Path) -> None:
    tool = all_tools(tmp_path)[number]
    slowest = await attempt(tool, 15, random.Random(number), tmp_path)
    assert slowest.call < MOST_SECONDS + SEARCH_SECONDS, slowest.arguments[:300]
    assert slowest.pause < MOST_SECONDS
