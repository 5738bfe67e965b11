"""The differences between servers of the Messages API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

MAX_TOKENS = 16_000
"""The limit of one answer: within the limits of every current model, and enough for a whole file."""
STALL_SECONDS = 60.0
"""Seconds without an event after which an answer is cancelled. Pings do not count as events."""


@dataclass(frozen=True, slots=True)
class ServerProfile:
    """Settings for one server; the defaults are for the API itself.

    ``extra_body`` is added to each request, for sampling parameters. ``is_local`` marks a server that aloop runs on
    this machine: requests bypass proxies, do not ask for caching, and do not ask for the model's context window.
    """

    max_tokens: int = MAX_TOKENS
    stall_after: float = STALL_SECONDS
    extra_body: Mapping[str, object] = field(default_factory=dict)
    is_local: bool = False
