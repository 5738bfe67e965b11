"""Limits of silence."""

from __future__ import annotations

import pytest

from aloop.llm.anthropic.transport import is_loopback, patience_for


@pytest.mark.parametrize(
    ("url", "near"),
    [
        ("http://127.0.0.1:1", True),
        ("http://localhost:11434/v1", True),
        ("http://[::1]:80", True),
        ("https://api.anthropic.com", False),
        ("http://192.168.1.5", False),
    ],
)
def test_loopback_servers_are_recognised(url: str, near: bool) -> None:
    assert is_loopback(url) is near


def test_server_on_this_machine_may_read_for_ten_minutes() -> None:
    assert patience_for("http://127.0.0.1:1") == (600.0, 300.0)
    assert patience_for("https://api.example") == (300.0, 300.0)
    assert patience_for("https://api.example", 20.0) == (20.0, 20.0)
