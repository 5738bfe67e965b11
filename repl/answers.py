"""What counts as a yes."""

from __future__ import annotations


def is_yes(answer: str) -> bool:
    """Whether ``answer`` is a clear yes; everything else is a no."""
    return answer.strip().lower() in {"y", "yes"}
