"""The simulated prompt cache, and the share of the agent's input read from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.figures.cache_hits import LEAST_TOKENS, PromptCache, record, simulate, total

MARK = {"cache_control": {"type": "ephemeral"}}
LONG = "word " * LEAST_TOKENS


def text(words: str, *, marked: bool = False) -> dict[str, Any]:
    return {"type": "text", "text": words} | (MARK if marked else {})


def body(*blocks: Mapping[str, Any]) -> dict[str, Any]:
    return {"system": [text(LONG)], "messages": [{"role": "user", "content": list(blocks)}]}


def test_equal_prefix_up_to_a_breakpoint_is_read() -> None:
    cache = PromptCache()
    assert cache.send(body(text("one", marked=True))).read == 0
    second = cache.send(body(text("one"), text("two", marked=True)))
    assert 0 < second.read < second.tokens


def test_changed_prefix_is_not_read() -> None:
    cache = PromptCache()
    cache.send(body(text("one", marked=True)))
    assert cache.send(body(text("other"), text("two", marked=True))).read == 0


@pytest.mark.parametrize(("between", "is_found"), [(18, True), (19, False)])
def test_breakpoint_looks_back_twenty_blocks(between: int, is_found: bool) -> None:
    cache = PromptCache()
    cache.send(body(text("one", marked=True)))
    more = [text(f"block {number}") for number in range(between)]
    assert bool(cache.send(body(text("one"), *more, text("last", marked=True))).read) == is_found


def test_short_prefix_is_not_cached() -> None:
    cache = PromptCache()
    short = {"messages": [{"role": "user", "content": [text("one", marked=True)]}]}
    cache.send(short)
    assert cache.send(short).read == 0


def test_more_than_four_breakpoints_are_refused() -> None:
    with pytest.raises(ValueError, match="5 blocks"):
        PromptCache().send(body(*(text(str(number), marked=True) for number in range(5))))


async def test_session_with_thirty_parallel_calls_reads_most_of_its_input_from_the_cache() -> None:
    requests = simulate(await record(turns=6))
    assert [request.read > 0 for request in requests] == [False, *[True] * 17]
    assert total(requests[1:]).share > 0.9
