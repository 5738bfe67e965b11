"""Commands print sessions, names and arguments that would control the terminal."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from aloop.llm.message_types import LLMMessage, ToolCall
from aloop.memory import MemoryManager
from tests.hostile import ALL, PAYLOADS, obeyed
from tests.program import run

NAME = "".join(PAYLOADS.values()).replace("/", "").replace("\0", "").encode("utf-8", "ignore").decode()[:60]
ARGUMENT = ALL.encode("utf-8", "replace").decode().replace("\0", "")


async def take_turn(memory: MemoryManager) -> None:
    async with memory.turn() as turn:
        await turn.add(LLMMessage("user", ALL))
        await turn.add(LLMMessage("assistant", ALL, (ToolCall(ALL, ALL, ALL),), model=ALL))
        await turn.add(LLMMessage("tool", ALL, tool_call_id=ALL, name=ALL))
        await turn.add(LLMMessage("assistant", ALL, model=ALL))


@pytest.fixture
def session_id(sessions_dir: Path) -> str:
    """A session, beside broken ones, with hostile text in every place."""
    memory = MemoryManager(sessions_dir=sessions_dir)
    asyncio.run(take_turn(memory))
    memory.close()
    assert memory.path is not None
    quoted = json.dumps(ARGUMENT)
    marks = f"  - role: user\n    note: {quoted}\n    tags: [{quoted}]\n"
    memory.path.write_text(memory.path.read_text().replace("  - role: user\n", marks, 1))
    texts = [f"id: {quoted}\nmessages: [{{role: {quoted}}}]\n", "id: \x1b[2J\nmessages:\n - role: \x9b31m\n"]
    for number, text in enumerate(texts):
        (sessions_dir / f"{number}{NAME}").mkdir()
        (sessions_dir / f"{number}{NAME}" / "session.yaml").write_text(text)
    (memory.path.parent / NAME).touch()
    return memory.session_id


@pytest.mark.parametrize(
    "command",
    [
        ("sessions", "list"),
        ("sessions", "list", "--json"),
        ("sessions", "show", "ID", "--messages"),
        ("sessions", "show", "ID", "--messages", "--json"),
        ("sessions", "stats", "ID"),
        ("sessions", "search", "title"),
        ("sessions", "search", ARGUMENT),
        ("sessions", "check"),
        ("sessions", "check", "--json"),
        ("sessions", "delete", ARGUMENT),
        ("sessions", "restore", ARGUMENT),
        ("sessions", ARGUMENT),
        ("notes",),
        ("notes", "--tag", ARGUMENT),
        ("import", ARGUMENT),
        ("import", NAME),
        ("export", "ID", "--to", ARGUMENT),
        ("permissions", "add", ARGUMENT),
        ("merge-driver", NAME, NAME, NAME),
        ("--resume", ARGUMENT),
        ("--allow", ARGUMENT, "--task", "Hi"),
        (f"--{ARGUMENT.split()[0]}",),
    ],
    ids=lambda command: " ".join(word if word.isascii() and word.isprintable() else "HOSTILE" for word in command),
)
def test_no_command_prints_text_that_a_terminal_obeys(
    command: tuple[str, ...], session_id: str, sessions_dir: Path
) -> None:
    Path(NAME).write_text(json.dumps([{"role": "user", "content": ALL}, {"role": ALL, "content": ALL}]))
    words = [session_id if word == "ID" else word for word in command]
    _, out, errors = run(*words, env={"ALOOP_SESSIONS_DIR": str(sessions_dir), "ALOOP_MODEL": "offline"})
    assert out + errors
    assert obeyed(out.replace("\t", " ")) == []
    assert obeyed(errors) == []
