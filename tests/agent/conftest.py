"""An agent with a scripted model, a real memory on disk and recorded events."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest
from anthropic import AsyncAnthropic

from aloop.agent.agent import ReActAgent
from aloop.agent.events import AgentEvent
from aloop.llm.retry import RetryPolicy
from aloop.memory import Session, SessionLibrary
from aloop.tools.base import Tool
from tests.agent.scripted import Line, ScriptedLLM, no_pause
from tests.agent.stubbed_agent import StubbedAgent
from tests.stub import StubServer
from tests.stub.server import KEY


class ScriptedAgent:
    """One agent, its scripted model, its events and its memory."""

    def __init__(
        self, sessions_dir: Path, scripts: Sequence[Sequence[Line]], tools: Sequence[Tool] | None, tries: int
    ) -> None:
        self.llm = ScriptedLLM(*scripts)
        self.events: list[AgentEvent] = []
        retry = RetryPolicy(tries, tries, sleep=no_pause)
        self.agent = ReActAgent(
            self.llm, tools=tools, sessions_dir=sessions_dir, on_event=self.events.append, retry=retry
        )
        self.memory = self.agent.memory

    @property
    def happened(self) -> list[str]:
        """The names of the events in order, without consecutive repetitions."""
        names = [type(event).__name__ for event in self.events]
        return [name for index, name in enumerate(names) if index == 0 or names[index - 1] != name]

    @property
    def roles(self) -> list[str]:
        return [message.role for message in self.memory.messages]

    async def saved(self) -> Session:
        """Load the session from disk."""
        return await SessionLibrary(self.memory.sessions_dir).load(self.memory.session_id)


MakeAgent = Callable[..., ScriptedAgent]


@pytest.fixture
def make_agent(sessions_dir: Path) -> MakeAgent:
    """Return a function that makes an agent for some scripts."""

    def make(*scripts: Sequence[Line], tools: Sequence[Tool] | None = None, tries: int = 1) -> ScriptedAgent:
        return ScriptedAgent(sessions_dir, scripts, tools, tries)

    return make


@pytest.fixture
async def stubbed(stub: StubServer, sessions_dir: Path) -> AsyncIterator[StubbedAgent]:
    """An agent that talks to the stub."""
    async with AsyncAnthropic(base_url=stub.url, api_key=KEY) as client:
        stubbed = StubbedAgent(stub, client, sessions_dir)
        yield stubbed
        await stubbed.aclose()
