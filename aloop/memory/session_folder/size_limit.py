"""Warnings about a session that grows beyond the size up to which it is opened."""

from __future__ import annotations

from dataclasses import dataclass

from aloop.config.settings import max_session_size
from aloop.errors import Problem, UsageError

_NEAR = 0.9
"""The share of the limit from which on the user is warned."""
_ADVICE = "/compact does not make the file smaller; /clear starts a new session."


def needed_limit(size: int) -> int:
    """Return the ``ALOOP_MAX_SESSION_MB`` that opens a file of ``size`` bytes.

    It is 0 if it need not be set.
    """
    return _megabytes(size) if size > _limit() else 0


def _megabytes(size: int) -> int:
    return -(-size // 1_000_000)


def _limit() -> float:
    try:
        return max_session_size()
    except UsageError:
        return float("inf")  # whatever reads a file reports it


@dataclass(slots=True)
class SizeWarning:
    """Warns once when a session comes near the limit, and once when it exceeds it."""

    _is_near: bool = False
    _is_over: bool = False

    def take(self, size: int) -> list[str]:
        """Return a warning about a file of ``size`` bytes if it was not given yet."""
        limit = _limit()
        was_near, was_over = self._is_near, self._is_over
        self._is_near, self._is_over = was_near or size >= _NEAR * limit, was_over or size > limit
        if self._is_near == was_near and self._is_over == was_over:
            return []
        size_text, most = f"This session is {_megabytes(size):,} MB", f"the limit of {limit / 1e6:,.0f} MB"
        if self._is_over:
            remedy = f"It is saved, but to open it again, set ALOOP_MAX_SESSION_MB={_megabytes(size)}."
            return [Problem(f"{size_text}, more than {most}. {remedy} {_ADVICE}")]
        return [Problem(f"{size_text}. Beyond {most}, it opens only with a larger ALOOP_MAX_SESSION_MB. {_ADVICE}")]
