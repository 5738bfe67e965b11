"""How long ago something was, in the fewest words."""

from __future__ import annotations

from datetime import datetime

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


def age(then: datetime, now: datetime) -> str:
    """Return how long before ``now`` the time ``then`` was: ``5 min ago``, or its date when over two weeks."""
    seconds = (now - then).total_seconds()
    if -_MINUTE < seconds < _MINUTE:
        return "just now"
    if 0 < seconds < _HOUR:
        return f"{int(seconds // _MINUTE)} min ago"
    if 0 < seconds < _DAY:
        return f"{int(seconds // _HOUR)} h ago"
    days = int(seconds // _DAY)
    if 0 < days <= 14:
        return "1 day ago" if days == 1 else f"{days} days ago"
    return then.astimezone().date().isoformat()
