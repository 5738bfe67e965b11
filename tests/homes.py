"""Home directories in which aloop was used before."""

from __future__ import annotations

from pathlib import Path


def settle(home: Path) -> None:
    """Mark the question of the first start as answered."""
    state = home / ".local" / "state" / "aloop"
    state.mkdir(0o700, parents=True, exist_ok=True)
    (state / "first-choice").write_text("3\n")
