"""An agent that talks to the stub over real HTTP."""

from __future__ import annotations

from pathlib import Path

from anthropic import AsyncAnthropic

from aloop.agent.agent import ReActAgent
from aloop.agent.events import AgentEvent, Notice, ToolFinished
from aloop.llm.anthropic.client import AnthropicLLM
from aloop.llm.anthropic.server_profile import ServerProfile
from aloop.llm.retry import RetryPolicy
from aloop.memory import SessionLibrary
from tests.agent.scripted import no_pause
from tests.stub import StubServer
from tests.stub.server import KEY


class StubbedAgent:
    """An agent that talks to the stub, with the events of its turns."""

    def __init__(self, stub: StubServer, client: AsyncAnthropic, sessions_dir: Path) -> None:
        self.stub = stub
        self.events: list[AgentEvent] = []
        self.agent = ReActAgent(
            AnthropicLLM("claude-test", client=client),
            sessions_dir=sessions_dir,
            on_event=self.events.append,
            retry=RetryPolicy(sleep=no_pause),
        )

    def expect_stall(self) -> None:
        """Cancel an answer after a second of silence from now on."""
        profile = ServerProfile(stall_after=1.0)
        self.agent.llm = AnthropicLLM("claude-test", base_url=self.stub.url, api_key=KEY, profile=profile)

    @property
    def notices(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Notice)]

    @property
    def results(self) -> list[tuple[bool, str]]:
        return [(event.result.is_error, event.result.text) for event in self.events if isinstance(event, ToolFinished)]

    async def ask(self, text: str = "Hi") -> str:
        return await self.agent.run(text)

    async def check_next_turn(self) -> None:
        """Take another turn; it must succeed, need no repairs and be saved."""
        memory = self.agent.memory
        self.stub.script("I am well.")
        assert await self.ask("How are you?") == "I am well."
        assert memory.get_repairs() == ()
        stored = await SessionLibrary(memory.sessions_dir).load(memory.session_id)
        assert stored.messages == memory.messages
