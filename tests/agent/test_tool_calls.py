"""The tool calls of a step: their order, their events and long results."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from aloop.agent.agent import ReActAgent
from aloop.agent.events import Notice, ToolFinished, ToolOutput, ToolStarted
from aloop.errors import StorageError
from aloop.llm.content.provenance import FileChange, Permission, short_digest
from aloop.llm.message_types import LLMMessage, ToolCall
from aloop.memory import MemoryManager
from aloop.permissions import PermissionDecision, PermissionRequest
from aloop.tools.base import Action, Tool, ToolResult, finish_in_thread
from aloop.tools.files.text_file import TextFile
from aloop.tools.files.workspace import Workspace
from aloop.tools.files.write import WriteFile
from tests.agent.conftest import MakeAgent, ScriptedAgent
from tests.agent.scripted import ScriptedLLM, answer, calls
from tests.memory.test_parts import PIXEL


class Meeting(Tool):
    """A tool whose calls wait for each other until ``expected`` calls are running."""

    name = "meet"
    description = "For tests."
    parameters: ClassVar[Mapping[str, Any]] = {"type": "object"}
    headline = "who"
    only_reads = True

    def __init__(self, expected: int) -> None:
        self._missing = expected
        self._complete = asyncio.Event()
        self.left: list[str] = []

    async def run(self, arguments: Mapping[str, Any]) -> ToolResult:
        self._missing -= 1
        if not self._missing:
            self._complete.set()
        await self._complete.wait()
        for _ in range(int(arguments["turns"])):
            await asyncio.sleep(0)
        self.left.append(arguments["who"])
        return ToolResult(f"met {arguments['who']}")


class Diary(Tool):
    """A tool that records the start and end of each call, with output in between."""

    name = "write"
    description = "For tests."
    parameters: ClassVar[Mapping[str, Any]] = {"type": "object"}

    def __init__(self) -> None:
        self.entries: list[str] = []

    async def prepare(self, arguments: Mapping[str, Any]) -> Action:
        async def run(tell: Any) -> ToolResult:
            self.entries.append(f"begin {arguments['who']}")
            tell("so far\n")
            await asyncio.sleep(0)
            self.entries.append(f"end {arguments['who']}")
            return ToolResult("done")

        return Action(run, PermissionRequest(("write",), "write", arguments["who"]))

    async def run(self, arguments: Mapping[str, Any]) -> ToolResult:
        raise AssertionError("only prepare runs")


class Waiting(Tool):
    """A tool that reads and never ends."""

    name = "wait"
    description = "For tests."
    parameters: ClassVar[Mapping[str, Any]] = {"type": "object"}
    only_reads = True

    def __init__(self) -> None:
        self.begun = asyncio.Event()

    async def run(self, arguments: Mapping[str, Any]) -> ToolResult:
        self.begun.set()
        await asyncio.Event().wait()
        raise AssertionError("it never ends")


class Long(Tool):
    """A tool with a long result."""

    name = "long/../name"
    description = "For tests."
    parameters: ClassVar[Mapping[str, Any]] = {"type": "object"}

    def __init__(self, text: str) -> None:
        self._text = text

    async def run(self, arguments: Mapping[str, Any]) -> ToolResult:
        return ToolResult(self._text)


def call(tool: str, who: str, turns: int = 0) -> ToolCall:
    return ToolCall(f"call_{who}", tool, json.dumps({"who": who, "turns": turns}))


def finished(scripted: ScriptedAgent) -> list[str]:
    return [event.call.id for event in scripted.events if isinstance(event, ToolFinished)]


async def test_reading_calls_run_in_parallel_with_results_in_order(make_agent: MakeAgent) -> None:
    tool = Meeting(3)
    scripted = make_agent(
        calls(call("meet", "a", 9), call("meet", "b", 3), call("meet", "c")), answer("All met."), tools=[tool]
    )
    assert await scripted.agent.run("Go") == "All met."
    assert tool.left == ["c", "b", "a"]
    assert [message.content for message in scripted.memory.messages[2:5]] == ["met a", "met b", "met c"]
    assert finished(scripted) == ["call_a", "call_b", "call_c"]


async def test_parallel_calls_all_start_before_the_first_ends(make_agent: MakeAgent) -> None:
    scripted = make_agent(calls(call("meet", "a"), call("meet", "b")), answer("Met."), tools=[Meeting(2)])
    await scripted.agent.run("Go")
    steps = [type(event).__name__ for event in scripted.events if isinstance(event, ToolStarted | ToolFinished)]
    assert steps == ["ToolStarted", "ToolStarted", "ToolFinished", "ToolFinished"]


async def test_writing_call_runs_alone_and_in_order(make_agent: MakeAgent) -> None:
    diary = Diary()
    asked = calls(call("meet", "a"), call("write", "b"), call("write", "c"), call("meet", "d"))
    scripted = make_agent(asked, answer("Done."), tools=[Meeting(1), diary])
    scripted.agent.ask = allow
    await scripted.agent.run("Go")
    assert diary.entries == ["begin b", "end b", "begin c", "end c"]
    assert finished(scripted) == ["call_a", "call_b", "call_c", "call_d"]


async def allow(_request: PermissionRequest) -> PermissionDecision:
    return PermissionDecision("once")


async def test_tool_output_is_emitted_while_the_tool_runs(make_agent: MakeAgent) -> None:
    scripted = make_agent(calls(call("write", "b")), answer("Done."), tools=[Diary()])
    scripted.agent.ask = allow
    await scripted.agent.run("Go")
    kinds = [type(event) for event in scripted.events]
    assert kinds.index(ToolStarted) < kinds.index(ToolOutput) < kinds.index(ToolFinished)


async def test_call_is_denied_without_an_ask_callback(make_agent: MakeAgent) -> None:
    diary = Diary()
    scripted = make_agent(calls(call("write", "b")), answer("Then not."), tools=[diary])
    assert await scripted.agent.run("Go") == "Then not."
    assert diary.entries == []
    assert scripted.memory.messages[2].is_error
    assert "--allow write" in (scripted.memory.messages[2].content or "")


async def test_permission_wait_is_not_counted_as_run_time(make_agent: MakeAgent) -> None:
    async def refuse(_request: PermissionRequest) -> PermissionDecision:
        return PermissionDecision("no")

    scripted = make_agent(calls(call("write", "b")), answer("Then not."), tools=[Diary()])
    scripted.agent.ask = refuse
    await scripted.agent.run("Go")
    assert [event.seconds for event in scripted.events if isinstance(event, ToolFinished)] == [0.0]


async def test_results_record_permission_run_time_and_changes(tmp_path: Path, sessions_dir: Path) -> None:
    content = json.dumps({"path": "a.txt", "content": "one"})
    llm = ScriptedLLM(calls(ToolCall("1", "write_file", content)), answer("Done."))

    async def decide(_request: PermissionRequest) -> PermissionDecision:
        return PermissionDecision("once")

    agent = ReActAgent(llm, sessions_dir=sessions_dir, working_dir=tmp_path, ask=decide)
    await agent.run("Write")
    done = [message for message in agent.memory.messages if message.role == "tool"]
    assert done[0].permission == Permission("once", "user")
    assert done[0].files == (FileChange("a.txt", "", short_digest(b"one")),)
    assert done[0].duration_ms is not None
    assert [message for message in agent.memory.messages if message.at is None] == []


async def test_image_that_a_tool_reads_reaches_the_model(tmp_path: Path, sessions_dir: Path) -> None:
    (tmp_path / "dot.png").write_bytes(PIXEL.data)
    llm = ScriptedLLM(calls(ToolCall("1", "read_file", '{"path": "dot.png"}')), answer("A dot."))
    llm.model = "claude-test"
    agent = ReActAgent(llm, sessions_dir=sessions_dir, working_dir=tmp_path)
    await agent.run("Look")
    (part,) = llm.requests[1][-1].parts
    assert (part.file, part.data) == (PIXEL.file, PIXEL.data)


async def test_refused_call_records_the_reason(make_agent: MakeAgent) -> None:
    scripted = make_agent(calls(ToolCall("1", "run_shell", '{"command": "ls"}')), answer("So."))
    await scripted.agent.run("List")
    refused = scripted.agent.memory.messages[-2]
    assert refused.permission == Permission("refused", "rule", "no one can be asked in this run")
    assert (refused.duration_ms, refused.files) == (None, ())


async def test_interrupt_at_a_permission_request_runs_nothing(make_agent: MakeAgent) -> None:
    asking = asyncio.Event()

    async def never(_request: PermissionRequest) -> PermissionDecision:
        asking.set()
        await asyncio.Event().wait()
        raise AssertionError("the event is never set")

    diary = Diary()
    scripted = make_agent(calls(call("write", "b")), answer("Fine."), tools=[diary])
    scripted.agent.ask = never
    task = asyncio.ensure_future(scripted.agent.run("Go"))
    await asking.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert diary.entries == []
    assert (await scripted.saved()).messages[-1].is_error


async def test_unfinished_calls_of_a_resumed_session_never_run(sessions_dir: Path) -> None:
    memory = MemoryManager(sessions_dir=sessions_dir)
    await memory.add_message(LLMMessage("user", "Write"))
    await memory.add_message(LLMMessage("assistant", tool_calls=(call("write", "b"),)))
    await memory.save_memory()
    diary = Diary()
    resumed = await MemoryManager.from_session(memory.session_id, sessions_dir=sessions_dir)
    agent = ReActAgent(ScriptedLLM(answer("Hello.")), memory=resumed, tools=[diary], allow=["write"])
    assert await agent.run("Well?") == "Hello."
    assert diary.entries == []


async def test_long_result_is_shortened_and_saved_whole(make_agent: MakeAgent) -> None:
    text = "".join(f"line {number}\n" for number in range(10_000))
    asked = [ToolCall(f"call_{number}", Long.name, "{}") for number in range(2)]
    scripted = make_agent(calls(*asked), answer("Long."), tools=[Long(text)])
    await scripted.agent.run("Go")
    first, second = (message for message in (await scripted.saved()).messages if message.role == "tool")
    for number, message in enumerate((first, second), 1):
        assert re.fullmatch(f"outputs/000{number}-long____name-[0-9a-f]{{8}}.txt", message.output_file or "")
    assert len((first.content or "").encode()) < 31_000
    assert (first.content or "").startswith("line 0\nline 1\n")
    assert (first.content or "").endswith("line 9998\nline 9999\n")
    assert scripted.memory.path
    assert first.output_file
    whole = scripted.memory.path.parent / first.output_file
    assert whole.read_text() == text
    assert f"of 98,890 bytes left out; the complete output is in {first.output_file} …]" in (first.content or "")
    sent = next(message for message in scripted.memory.get_context_for_llm() if message.role == "tool")
    assert f"of 98,890 bytes left out; the complete output is in {whole} …]" in (sent.content or "")


async def test_tool_finished_event_has_the_whole_result(make_agent: MakeAgent) -> None:
    text = "x\n" * 20_000
    scripted = make_agent(calls(ToolCall("call_1", Long.name, "{}")), answer("Long."), tools=[Long(text)])
    await scripted.agent.run("Go")
    assert [event.result.text for event in scripted.events if isinstance(event, ToolFinished)] == [text]


async def test_unsaved_long_result_is_shortened_and_reported(
    make_agent: MakeAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(_manager: MemoryManager, _tool: str, _text: str) -> None:
        raise StorageError("The disk is full.", Path("outputs"))

    monkeypatch.setattr(MemoryManager, "keep_output", refuse)
    scripted = make_agent(calls(ToolCall("call_1", Long.name, "{}")), answer("Long."), tools=[Long("x\n" * 20_000)])
    await scripted.agent.run("Go")
    assert Notice("The disk is full.") in scripted.events
    assert scripted.memory.messages[2].output_file is None
    assert "could not be saved" in (scripted.memory.messages[2].content or "")


async def test_change_that_was_made_is_recorded_although_the_turn_is_cancelled(
    make_agent: MakeAgent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_end, replace = threading.Event(), threading.Event(), TextFile.replace

    def wait_and_replace(file: TextFile, data: bytes) -> None:
        begun.set()
        may_end.wait(20)
        replace(file, data)

    monkeypatch.setattr(TextFile, "replace", wait_and_replace)
    written = ToolCall("call_1", "write_file", json.dumps({"path": "a.txt", "content": "new"}))
    scripted = make_agent(calls(written), tools=[WriteFile(Workspace(tmp_path))])
    scripted.agent.ask = allow
    turn = asyncio.create_task(scripted.agent.run("Go"))
    await asyncio.to_thread(begun.wait, 20)
    turn.cancel()
    await asyncio.sleep(0)
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await turn
    assert (tmp_path / "a.txt").read_text() == "new"
    result = (await scripted.saved()).messages[-1]
    assert result.content == "Created a.txt (1 line)."
    assert result.files == (FileChange("a.txt", "", short_digest(b"new")),)
    assert finished(scripted) == ["call_1"]


async def test_second_cancellation_does_not_wait_for_a_change() -> None:
    begun, may_end = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        may_end.wait(20)

    running = asyncio.create_task(finish_in_thread(work))
    await asyncio.to_thread(begun.wait, 20)
    running.cancel()
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    may_end.set()


async def test_results_of_calls_that_ended_are_kept_when_the_turn_is_cancelled(make_agent: MakeAgent) -> None:
    meeting = Meeting(1)
    asked = calls(call("wait", "a"), call("meet", "b"))
    waiting = Waiting()
    scripted = make_agent(asked, tools=[meeting, waiting])
    turn = asyncio.create_task(scripted.agent.run("Go"))
    await waiting.begun.wait()
    while not meeting.left:  # noqa: ASYNC110 - a list has no event to wait for
        await asyncio.sleep(0)
    turn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await turn
    results = {each.tool_call_id: each.content for each in (await scripted.saved()).messages if each.role == "tool"}
    assert results["call_b"] == "met b"
    assert "interrupted" in (results["call_a"] or "")
