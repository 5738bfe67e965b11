from __future__ import annotations

import pytest

from aloop.errors import UsageError
from commands.selection import numbered, read_number, read_range, require_in_range


@pytest.mark.parametrize(
    ("typed", "meant"), [("3", (3, 3)), ("3-5", (3, 5)), ("3 - 5", (3, 5)), ("3–5", (3, 5)), ("7-7", (7, 7))]
)
def test_read_range_accepts_one_number_or_two(typed: str, meant: tuple[int, int]) -> None:
    assert read_range(typed) == meant


@pytest.mark.parametrize("typed", ["", "0", "5-3", "0-2", "-3", "3-", "three", "3,4", "²", "9" * 30])
def test_read_range_refuses_anything_else(typed: str) -> None:
    with pytest.raises(UsageError):
        read_range(typed)


def test_read_range_refuses_zero_as_a_message_that_does_not_exist() -> None:
    with pytest.raises(UsageError, match="Message 0 does not exist"):
        read_range("0")


def test_read_number_refuses_a_range() -> None:
    assert read_number("4") == 4
    with pytest.raises(UsageError, match="Type one message number"):
        read_number("4-5")


@pytest.mark.parametrize("typed", ["x", "", "3-", "²"])
def test_read_number_offers_no_range(typed: str) -> None:
    with pytest.raises(UsageError, match=r"is not a message number\. Type a number such as 3\.$"):
        read_number(typed)


@pytest.mark.parametrize(("count", "has"), [(0, "no messages yet"), (1, "has 1 message."), (3, "has 3 messages.")])
def test_number_beyond_the_end_is_refused_with_the_count(count: int, has: str) -> None:
    require_in_range(count, count)
    with pytest.raises(UsageError, match=has):
        require_in_range(count + 1, count)


def test_numbered_names_one_message_or_several() -> None:
    assert (numbered(3, 3), numbered(3, 5)) == ("message 3", "messages 3-5")
