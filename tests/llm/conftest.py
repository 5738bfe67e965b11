"""The Anthropic provider for the tests of this folder."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from aloop.llm.anthropic.client import AnthropicLLM
from tests.stub import StubServer


@pytest.fixture
async def llm(stub: StubServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AnthropicLLM]:
    """An AnthropicLLM configured for the stub by environment variables."""
    for name, value in stub.env.items():
        monkeypatch.setenv(name, value)
    llm = AnthropicLLM("claude-test")
    yield llm
    await llm.aclose()
