"""Every file that random commands write passes the check of stored sessions."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aloop.agent import ReActAgent
from aloop.errors import AloopError, LLMError
from aloop.llm.base import StreamEvent, ToolSpec
from aloop.llm.message_types import LLMMessage, ToolCall
from aloop.memory.disk.filesystem import SYSTEM
from aloop.memory.sessions_dir.check import Checker
from aloop.tools.calculator import Calculator
from commands.chat import chat
from commands.dispatch import dispatch
from commands.pages import Question
from commands.registry import Outcome
from tests.agent.scripted import ONE_TRY, Hang, Line, ScriptedLLM, answer, calls
from tests.commands.conftest import Bench, SetUp
from tests.saved_sessions import check_all

_TEXTS = [
    "Fine.",
    "a: b # c",
    "- x\n\n\n",
    "  \n",
    "...\n---",
    "\x1b[2J\r\nend ",
    "'\"",
    "日本 🎈",
    "#",
    "null",
    "x " * 90,
]
_ARGUMENTS = ['{"expression": "2+2"}', "{}", '{"expression": "1/0"}', '{"expression": "1\\n+\\n1 # no\\n"}', "{", ""]
_EDITING = ["skip", "unskip", "undo", "redo", "retry", "rewind", "fork", "compact", "compact undo"]
_NAMING = ["note", "tag", "pin", "unpin", "rename", "system", "clear", "resume", "edit", "delete", "restore"]


class RandomLLM(ScriptedLLM):
    """Answers at random: with text, tool calls, nothing, half an answer, or an error."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self._chance = chance
        self.hang = Hang()

    async def stream(
        self, messages: Sequence[LLMMessage], tools: Sequence[ToolSpec] = ()
    ) -> AsyncIterator[StreamEvent]:
        self._scripts = [self._script()]
        async for event in super().stream(messages, tools):
            yield event

    def _script(self) -> Sequence[Line]:
        chance = self._chance
        text = chance.choice(_TEXTS)
        match chance.randrange(10):
            case 0 | 1 | 2:
                return calls(*(self._call() for _ in range(chance.randint(1, 3))), text=chance.choice(["", text]))
            case 3:
                return [*answer(text)[:1], self.hang]
            case 4:
                return [*answer(text)[:1], LLMError("No network.")]
            case 5:
                return calls(self._call(), self._call(), text=text, stop_reason="max_tokens")
            case 6:
                return answer("", chance.choice(["end_turn", "refusal", "max_tokens"]))
            case _:
                return answer(text, chance.choice(["end_turn", "end_turn", "refusal", "max_tokens", "pause_turn"]))

    def _call(self) -> ToolCall:
        chance = self._chance
        call_id = chance.choice(["call_1", "call_1", "call_2", "", "a b:'#"])
        return ToolCall(call_id, chance.choice(["calculator", "calculator", "unknown"]), chance.choice(_ARGUMENTS))


class Sequencer:
    """Runs random commands in one shell."""

    def __init__(self, bench: Bench, chance: random.Random) -> None:
        self.bench, self._chance = bench, chance
        self._llm = RandomLLM(chance)
        tools = [Calculator()]
        agent = ReActAgent(self._llm, tools=tools, memory=bench.memory, retry=ONE_TRY)
        agent.steer = self._steer
        bench.memory.llm = self._llm
        self._context = replace(bench.context, agent=agent)

    async def _steer(self) -> str:
        return self._chance.choice(["", "", "", "But hurry.\n"])

    async def step(self) -> str:
        """Run a random command and return it."""
        if self._chance.random() < 0.4:
            await self._ask()
            return "a question"
        line = self._line()
        self._prepare()
        asking = asyncio.ensure_future(dispatch(line, self._context))
        await self._until_done(asking)
        return line

    async def _ask(self) -> None:
        await self._until_done(asyncio.ensure_future(chat(self._context, self._chance.choice([*_TEXTS, "Hi"]))))

    async def _until_done(self, running: asyncio.Future[Outcome]) -> None:
        hanging = asyncio.ensure_future(self._llm.hang.reached.wait())
        waiting: list[asyncio.Future[Any]] = [running, hanging]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        hanging.cancel()
        self._llm.hang.reached.clear()
        if not running.done():
            running.cancel()
        with suppress(AloopError, asyncio.CancelledError):  # refused or interrupted: only the files matter
            await running

    def _line(self) -> str:
        chance, last = self._chance, self.bench.memory.message_count
        number = chance.randint(1, max(last, 1))
        name = chance.choice([*_EDITING, *_EDITING, *_NAMING])
        arguments = {
            "skip": [f"{number}", f"{max(1, number - 2)}-{number}"],
            "unskip": ["", f"{number}"],
            "rewind": ["", f"{number}"],
            "fork": ["", f"{number}"],
            "note": [f"{number} {chance.choice(_TEXTS)}", f"{number} -"],
            "tag": [f"{number} todo", "todo -done", f"{number} -todo"],
            "pin": [f"{number}"],
            "unpin": [f"{number}"],
            "rename": [chance.choice(_TEXTS)],
            "system": [chance.choice(_TEXTS), "default"],
            "resume": ["1"],
            "edit": [""],
            "delete": ["1"],
            "restore": ["1"],
        }
        return f"/{name} {chance.choice(arguments.get(name, ['']))}".rstrip(" ")

    def _prepare(self) -> None:
        """Let the view pick a message, and the editor change the file."""
        chance, view = self._chance, self.bench.view
        questions = [n for n, message in enumerate(self.bench.memory.messages, 1) if message.role == "user"]
        view.picks_message = (Question(chance.choice(questions), ""), chance.random() < 0.5) if questions else None

        def change(path: Path, _line: int) -> bool:
            old, new = chance.choice(
                [("Fine.", "Better."), ("content:", "content:  "), ("Hi", "Hi # there"), ("x", "é")]
            )
            path.write_text(path.read_text().replace(old, new))
            return True

        view.editor = [change] * 5


@pytest.mark.parametrize(
    "runs", [pytest.param(12, marks=pytest.mark.slow), pytest.param(200, marks=pytest.mark.stress)]
)
async def test_every_file_that_commands_write_passes_the_check(bench: SetUp, sessions_dir: Path, runs: int) -> None:
    for seed in range(runs):
        one = Sequencer(bench(hold=True), random.Random(seed))
        done = []
        for _ in range(15):
            done.append(await one.step())
            found = [str(finding) for finding in check_all(Checker(SYSTEM, sessions_dir, fix=False))]
            assert not found, (seed, done, found)
        one.bench.memory.close()
