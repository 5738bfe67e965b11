"""A shell in this process, on a terminal in memory, with a scripted model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from prompt_toolkit.input import PipeInput, create_pipe_input

from aloop.agent import ReActAgent
from aloop.config.settings import Settings
from aloop.memory import MemoryManager, SessionLibrary
from aloop.tools.base import Tool
from repl import engine
from repl.options import ShellOptions
from repl.output.screen import Screen
from repl.output.styled import PLACEHOLDER
from repl.shell import Shell
from tests.agent.scripted import ONE_TRY, Line, ScriptedLLM
from tests.repl.terminal import PATIENCE, Terminal

MARKS_PASTES = "\x1b[?2004;1$y"
"""The report of a terminal that marks pastes, so that lines in one piece were typed."""


class Stage:
    """A running shell: the keys into it, the terminal under it, the model behind it."""

    def __init__(
        self,
        llm: ScriptedLLM,
        keys: PipeInput,
        sessions_dir: Path,
        resume: str | None,
        size: tuple[int, int] = (80, 24),
    ) -> None:
        self.llm = llm
        self.sessions_dir = sessions_dir
        self.terminal = Terminal(*size)
        self._keys = keys
        options = ShellOptions(Settings.from_env(), None, sessions_dir, resume)
        self.running = asyncio.create_task(Shell(options, Screen(self.terminal.output), keys).run())

    def type(self, keys: str) -> None:
        self._keys.send_text(keys)

    async def see(self, text: str) -> None:
        await self.terminal.wait_for(text)

    async def rest(self) -> None:
        """Wait for an empty prompt below the blank row that ends a turn."""
        await self.terminal.wait_until(
            lambda: self.terminal.screen[-3:-1] in (["", ">"], ["", f"> {PLACEHOLDER}"]), "an empty prompt"
        )

    async def ends(self) -> int:
        """Wait for the shell to end and return its exit code."""
        async with asyncio.timeout(PATIENCE):
            return await self.running

    async def saved(self) -> list[str | None]:
        """Return the contents of the messages of the newest session on disk."""
        found = await MemoryManager.find_latest_session(sessions_dir=self.sessions_dir)
        assert found is not None
        session = await SessionLibrary(self.sessions_dir).load(found)
        return [message.content for message in session.messages]


@pytest.fixture
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not tmux or GNU screen, in which a part of all pastes has no marks."""
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("TMUX", "STY"):
        monkeypatch.delenv(name, raising=False)


SetStage = Callable[..., AbstractAsyncContextManager[Stage]]


@pytest.fixture
def stage(sessions_dir: Path, monkeypatch: pytest.MonkeyPatch) -> SetStage:
    @asynccontextmanager
    async def set_stage(
        *scripts: Sequence[Line],
        resume: str | None = None,
        tools: Sequence[Tool] | None = (),
        size: tuple[int, int] = (80, 24),
        hold: bool = False,
    ) -> AsyncIterator[Stage]:
        llm = ScriptedLLM(*scripts)

        def build(_options: object) -> ReActAgent:
            memory = MemoryManager(llm, sessions_dir=sessions_dir, hold=hold)
            return ReActAgent(llm, memory=memory, tools=tools, retry=ONE_TRY)

        monkeypatch.setattr(engine, "build_agent", build)
        with create_pipe_input() as keys:
            stage = Stage(llm, keys, sessions_dir, resume, size)
            try:
                if resume is None:
                    await stage.see("0 messages")
                yield stage
            finally:
                stage.running.cancel()
                await asyncio.wait([stage.running])

    return set_stage
