"""What is fetched is pinned to the byte, for each platform."""

from __future__ import annotations

import re

import pytest

from aloop.errors import LocalModelError
from aloop.local_model.packages import parcels, requirements


@pytest.mark.parametrize("platform", ["linux-x86_64", "linux-aarch64", "darwin-aarch64", "darwin-x86_64"])
def test_each_platform_has_its_own_engine_and_the_same_weights(platform: str) -> None:
    engine, weights = parcels(platform)
    assert weights == parcels("linux-x86_64")[1]
    lines = requirements((engine, weights)).splitlines()
    assert all(re.fullmatch(r"[a-z0-9-]+==[\d.]+ --hash=sha256:[0-9a-f]{64}", line) for line in lines)


def test_no_two_files_have_one_hash() -> None:
    engines = [parcels(name)[0] for name in ("linux-x86_64", "linux-aarch64", "darwin-aarch64", "darwin-x86_64")]
    assert len({engine.sha256 for engine in engines}) == 4


def test_an_unknown_platform_is_told_what_there_is() -> None:
    with pytest.raises(LocalModelError, match=r"\(sunos5-sparc\).*Linux on x86_64, .*macOS on aarch64"):
        parcels("sunos5-sparc")
