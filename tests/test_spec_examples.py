"""The examples of the memory specification, with aloop's imports and commands.

The Python blocks run unchanged, including top-level ``await``; names that they assume (``llm``, ``agent``) are given.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
from pathlib import Path
from typing import Any

import pytest

from aloop.agent import ReActAgent
from aloop.llm import create_llm
from aloop.llm.base import LLM
from aloop.llm.message_types import LLMMessage
from aloop.memory import MemoryManager, SessionLibrary
from tests.memory.examples import SPEC_SAMPLE
from tests.program import run

ROOT = Path(__file__).parents[1]
SAMPLE_ID = "a1b2c3d4-5678-90ab-cdef-1234567890ab"

MANUAL_SAVE = """\
await manager.save_memory()  # Saves current state to YAML
"""
AGENT = """\
from aloop.agent import ReActAgent

# Memory is automatically saved when agent.run() completes
result = await agent.run("Your task here")

print(f"Session ID: {agent.memory.session_id}")
"""
WITHOUT_AGENT = """\
from aloop.memory import MemoryManager
from aloop.llm.message_types import LLMMessage

manager = MemoryManager(llm=llm)

await manager.add_message(LLMMessage(role="user", content="Hello"))
await manager.add_message(LLMMessage(role="assistant", content="Hi!"))

await manager.save_memory()
print(f"Session ID: {manager.session_id}")
"""
RESTORE = """\
from aloop.memory import MemoryManager

session_id = "your-session-id-here"
manager = await MemoryManager.from_session(session_id=session_id, llm=llm)

# Continue conversation
await manager.add_message(LLMMessage(role="user", content="Continue..."))
await manager.save_memory()
"""
API = """\
from aloop.memory import MemoryManager

# Create new session
manager = MemoryManager(llm=llm)

# Load from existing session
manager = await MemoryManager.from_session(session_id="...", llm=llm)

# Session discovery (class methods)
sessions = await MemoryManager.list_sessions(limit=20)
latest_id = await MemoryManager.find_latest_session()
full_id = await MemoryManager.find_session_by_prefix("a1b2")
"""


async def run_block(code: str, **names: Any) -> dict[str, Any]:
    """Run a block of the specification and return its namespace."""
    compiled = compile(code, "<specification>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    result = eval(compiled, names)
    if inspect.isawaitable(result):
        await result
    return names


def run_aloop(*arguments: str, stdin: str = "") -> str:
    """Run the program and return its standard output; it must succeed."""
    code, out, err = run(*arguments, piped=stdin)
    assert code == 0, err
    return out


@pytest.fixture
def llm() -> LLM:
    return create_llm(model="offline")


@pytest.fixture
def sample() -> Path:
    """The sample session of the specification, in its folder in the working directory."""
    path = Path(".aloop/sessions/2025-01-31_a1b2c3d4/session.yaml")
    path.parent.mkdir(parents=True)
    path.write_bytes(SPEC_SAMPLE)
    return path


def saved_files() -> list[Path]:
    return list(Path(".aloop/sessions").glob("*/session.yaml"))


async def test_save_memory_writes_a_session(llm: LLM) -> None:
    manager = MemoryManager(llm=llm)
    await manager.add_message(LLMMessage(role="user", content="Hello"))
    await run_block(MANUAL_SAVE, manager=manager)
    assert len(saved_files()) == 1


async def test_agent_run_saves_the_session(llm: LLM, capsys: pytest.CaptureFixture[str]) -> None:
    agent = ReActAgent(llm=llm)
    left = await run_block(AGENT, agent=agent)
    saved = await SessionLibrary().load(agent.memory.session_id)
    assert isinstance(left["result"], str)
    assert saved.messages[0].content == "Your task here"
    assert capsys.readouterr().out == f"Session ID: {saved.id}\n"


async def test_save_memory_without_an_agent_writes_the_messages(llm: LLM, capsys: pytest.CaptureFixture[str]) -> None:
    left = await run_block(WITHOUT_AGENT, llm=llm)
    saved = await SessionLibrary().load(left["manager"].session_id)
    assert [(message.role, message.content) for message in saved.messages] == [("user", "Hello"), ("assistant", "Hi!")]
    assert capsys.readouterr().out == f"Session ID: {saved.id}\n"


async def test_from_session_continues_the_session(llm: LLM, sample: Path) -> None:
    await run_block(RESTORE.replace("your-session-id-here", SAMPLE_ID), llm=llm, LLMMessage=LLMMessage)
    saved = await SessionLibrary().load(SAMPLE_ID)
    assert [message.content for message in saved.messages] == ["Hello", None, "4", "Continue..."]
    assert saved_files() == [sample]


async def test_class_methods_find_the_sample_session(llm: LLM, sample: Path) -> None:
    left = await run_block(API.replace("...", SAMPLE_ID), llm=llm)
    assert left["manager"].session_id == SAMPLE_ID
    assert [session.id for session in left["sessions"]] == [SAMPLE_ID]
    assert left["latest_id"] == left["full_id"] == SAMPLE_ID


async def test_sample_session_is_read_in_full(sample: Path) -> None:
    session = await SessionLibrary().load("a1b2c3d4")
    assert session.created_at.isoformat().startswith("2025-01-31T14:30:00")
    assert session.system_messages == (LLMMessage("system", "You are a helpful assistant.\n"),)
    user, assistant, tool = session.messages
    assert user == LLMMessage("user", "Hello")
    assert assistant.tool_calls[0].arguments == '{"expression": "2+2"}'
    assert (tool.content, tool.tool_call_id, tool.name) == ("4", "call_abc123", "calculator")


def saved_messages() -> list[tuple[str, str | None]]:
    session = asyncio.run(SessionLibrary().load(SAMPLE_ID))
    return [(message.role, message.content) for message in session.messages]


@pytest.mark.parametrize("arguments", [["--resume"], ["--resume", "a1b2c3d4"]])
def test_resume_option_continues_the_session(arguments: list[str], sample: Path) -> None:
    run_aloop(*arguments, "--task", "Continue the previous work")
    assert ("user", "Continue the previous work") in saved_messages()


def test_resume_command_continues_the_session(sample: Path) -> None:
    out = run_aloop(stdin="/resume\n/resume a1b2c3d4\n/history\nContinue.\n")
    assert "a1b2c3d4" in out
    assert ("user", "Continue.") in saved_messages()


def test_sessions_commands_list_show_and_delete_the_session(sample: Path) -> None:
    assert "a1b2c3d4" in run_aloop("sessions", "list")
    assert SAMPLE_ID in run_aloop("sessions", "show", "a1b2c3d4")
    assert "calculator 1" in run_aloop("sessions", "stats", "a1b2c3d4")
    assert "You are a helpful assistant." in run_aloop("sessions", "show", "a1b2c3d4", "--messages")
    run_aloop("sessions", "delete", "a1b2c3d4", "--yes")
    assert not sample.exists()


def test_test_files_named_by_the_specification_exist() -> None:
    for name in ("test_yaml_backend.py", "test_serialization.py"):
        assert (ROOT / "tests" / "memory" / name).is_file()
