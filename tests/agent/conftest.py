"""An agent whose model is scripted, whose memory is a real one on disk, and whose events are kept."""

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
from tests.agent.patient import Patient
from tests.agent.scripted import Line, ScriptedLLM, no_pause
from tests.stub import StubServer
from tests.stub.server import KEY


class Stage:
    """One agent and all that a test looks at."""

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
        """The kinds of event, in order, each run of one kind once."""
        names = [type(event).__name__ for event in self.events]
        return [name for index, name in enumerate(names) if index == 0 or names[index - 1] != name]

    @property
    def roles(self) -> list[str]:
        return [message.role for message in self.memory.messages]

    async def saved(self) -> Session:
        """Read back what is on disk."""
        return await SessionLibrary(self.memory.sessions_dir).load(self.memory.session_id)


SetStage = Callable[..., Stage]


@pytest.fixture
def stage(sessions_dir: Path) -> SetStage:
    """Return a function that sets the stage for some scripts; a question that fails is asked ``tries`` times."""

    def set_stage(*scripts: Sequence[Line], tools: Sequence[Tool] | None = None, tries: int = 1) -> Stage:
        return Stage(sessions_dir, scripts, tools, tries)

    return set_stage


@pytest.fixture
async def patient(stub: StubServer, sessions_dir: Path) -> AsyncIterator[Patient]:
    """An agent that speaks to the stub."""
    async with AsyncAnthropic(base_url=stub.url, api_key=KEY) as client:
        yield Patient(stub, client, sessions_dir)
