"""A backslash at the end of a line: another line is to come."""

from __future__ import annotations


def is_open(text: str) -> bool:
    """Whether ``text`` ends in a backslash that no other one takes back."""
    return (len(text) - len(text.rstrip("\\"))) % 2 == 1


def is_kept(text: str) -> bool:
    """Whether the backslash stays where it stands: in a command, for its shell wants to see it."""
    return text.startswith("!")
