"""The provider that the tests of this folder ask."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from aloop.llm.anthropic.client import AnthropicLLM
from tests.stub import StubServer


@pytest.fixture
async def llm(stub: StubServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AnthropicLLM]:
    """An AnthropicLLM that finds the stub in its environment."""
    for name, value in stub.env.items():
        monkeypatch.setenv(name, value)
    llm = AnthropicLLM("claude-test")
    yield llm
    await llm.aclose()
