"""Homes of users who have been here before."""

from __future__ import annotations

from pathlib import Path


def settle(home: Path) -> None:
    """Let ``home`` remember that the question of the first start was answered, so that it is not asked."""
    state = home / ".local" / "state" / "aloop"
    state.mkdir(0o700, parents=True, exist_ok=True)
    (state / "first-choice").write_text("3\n")
