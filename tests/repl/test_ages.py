from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from repl.pages.listing import age

NOW = datetime(2025, 6, 15, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (timedelta(seconds=-30), "just now"),
        (timedelta(seconds=59), "just now"),
        (timedelta(minutes=1), "1 min ago"),
        (timedelta(minutes=59, seconds=59), "59 min ago"),
        (timedelta(hours=2, minutes=59), "2 h ago"),
        (timedelta(hours=23, minutes=59), "23 h ago"),
        (timedelta(days=1), "1 day ago"),
        (timedelta(days=14), "14 days ago"),
    ],
)
def test_a_recent_time_is_told_as_an_age(before: timedelta, words: str) -> None:
    assert age(NOW - before, NOW) == words


@pytest.mark.parametrize("then", [NOW - timedelta(days=15), NOW + timedelta(days=3)])
def test_a_time_long_ago_or_to_come_is_told_as_a_date(then: datetime) -> None:
    assert age(then, NOW) == then.astimezone().date().isoformat()
