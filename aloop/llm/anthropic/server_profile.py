"""What a server of the Messages API wants otherwise than the API itself: all that there is to say about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

MAX_TOKENS = 16_000
"""The longest answer asked for: within what every current model can give, long enough for a whole file."""
STALL = 60.0
"""Seconds without anything of an answer after which it is given up. Pings are nothing: they only prove a connection."""


@dataclass(frozen=True, slots=True)
class ServerProfile:
    """As it stands, that of the API.

    ``extra_body`` goes into each request, for sampling. ``is_ours`` is a server on this machine that nobody else
    speaks to: no proxy stands before it, it keeps no cache that is asked for, and it is not asked about its models.
    """

    max_tokens: int = MAX_TOKENS
    stall_after: float = STALL
    extra_body: Mapping[str, object] = field(default_factory=dict)
    is_local: bool = False
