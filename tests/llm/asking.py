"""Requests for the tests of the Anthropic provider."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from aloop.errors import LLMError
from aloop.llm.base import LLM, Reply, StreamEvent
from aloop.llm.message_types import LLMMessage
from tests.stub.server import KEY

HELLO = (LLMMessage("user", "hello"),)


async def collect(llm: LLM, messages: Sequence[LLMMessage] = HELLO) -> list[StreamEvent]:
    return [event async for event in llm.stream(messages)]


async def reply_to(llm: LLM, messages: Sequence[LLMMessage] = HELLO) -> Reply:
    last = (await collect(llm, messages))[-1]
    assert isinstance(last, Reply)
    return last


async def failure(llm: LLM) -> LLMError:
    """Return the error of a failing request, which must not contain the key."""
    with pytest.raises(LLMError) as caught:
        await collect(llm)
    assert KEY not in str(caught.value)
    assert caught.value.__cause__ is None
    return caught.value
