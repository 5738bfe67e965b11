"""The retry policy."""

from __future__ import annotations

import pytest

from aloop.errors import (
    AuthenticationFailed,
    ConnectionFailed,
    ContextOverflow,
    LLMError,
    MissingCredentials,
    ModelNotFound,
    RateLimited,
    RequestRejected,
    ServerFailed,
    StreamBroken,
)
from aloop.llm.retry import MAX_RETRY_AFTER, RetryPolicy

STEADY = RetryPolicy(chance=lambda: 0.0)


def test_pauses_double_up_to_the_longest_and_then_end() -> None:
    policy = RetryPolicy(tries=8, chance=lambda: 0.0)
    pauses = [policy.pause(ServerFailed("down"), failures) for failures in range(1, 9)]
    assert pauses == [1, 2, 4, 8, 16, 16, 16, None]


def test_pause_is_shortened_at_random() -> None:
    assert RetryPolicy(chance=lambda: 1.0).pause(ServerFailed("down"), 1) == 0.75


def test_retry_after_is_obeyed_and_a_long_one_ends_the_retries() -> None:
    assert STEADY.pause(RateLimited("too many", 17), 1) == 17
    assert STEADY.pause(RateLimited("too many", 0), 1) == 0
    assert STEADY.pause(RateLimited("too many", MAX_RETRY_AFTER), 1) == MAX_RETRY_AFTER
    assert STEADY.pause(RateLimited("too many", 3600), 1) is None


def test_connection_failures_are_retried_less_often() -> None:
    tries = [STEADY.pause(ConnectionFailed("no route"), failures) for failures in (1, 2, 3)]
    assert tries == [1, 2, None]


@pytest.mark.parametrize("kind", [RateLimited, ServerFailed, ConnectionFailed, StreamBroken])
def test_transient_error_is_retried(kind: type[LLMError]) -> None:
    assert STEADY.pause(kind("it failed"), 1) is not None


@pytest.mark.parametrize(
    "kind", [MissingCredentials, AuthenticationFailed, ModelNotFound, RequestRejected, ContextOverflow]
)
def test_permanent_error_is_not_retried(kind: type[LLMError]) -> None:
    assert STEADY.pause(kind("it failed"), 1) is None


async def test_count_down_yields_the_remaining_seconds() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    left = [seconds async for seconds in RetryPolicy(sleep=sleep).count_down(2.5)]
    assert left == [2.5, 1.5, 0.5, 0]
    assert slept == [1, 1, 0.5]
