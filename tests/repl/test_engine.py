"""Tests of the engine: building it, resuming sessions, and warming up."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from aloop.agent import ReActAgent
from aloop.config.settings import Settings
from aloop.errors import MissingCredentials, SessionError, SessionNotFound
from aloop.llm.message_types import LLMMessage
from aloop.llm.offline import OfflineLLM
from aloop.memory import MemoryManager
from aloop.memory.trust_file import TrustFile
from commands.builtin.model import follow
from repl.engine import Engine, build_agent, resume_session
from repl.options import ShellOptions
from tests.commands.conftest import RecordingView, store
from tests.saved_sessions import FIRST, THIRD, save, trust
from tests.stub import StubServer
from tests.stub.parts import Text, ToolUse


def options(model: str | None = None, sessions_dir: Path | None = None) -> ShellOptions:
    return ShellOptions(Settings.from_env(), model, sessions_dir, None)


async def test_engine_is_built_in_the_background_and_sends_events_to_the_view(sessions_dir: Path) -> None:
    view = RecordingView()
    engine = Engine(options("offline", sessions_dir), lambda: view)
    engine.start()
    context = await engine.ready()
    assert engine.context is context
    await context.agent.run("Hi")
    assert "TurnEnded" in view.of("event")


async def test_engine_error_is_raised_for_every_waiter() -> None:
    engine = Engine(options("some-model"), RecordingView)
    for _ in range(2):
        with pytest.raises(MissingCredentials):
            await engine.ready()
    assert engine.context is None, "a failed engine has a context"


async def test_cancelled_waiter_does_not_cancel_the_engine(sessions_dir: Path) -> None:
    engine = Engine(options("offline", sessions_dir), RecordingView)
    waiter = asyncio.create_task(engine.ready())
    await asyncio.sleep(0)
    waiter.cancel()
    await asyncio.wait([waiter])
    assert (await engine.ready()).memory.sessions_dir == sessions_dir


async def test_empty_id_resumes_the_latest_session(sessions_dir: Path) -> None:
    await store(sessions_dir, "one")
    latest = await store(sessions_dir, "two")
    agent = build_agent(options("offline", sessions_dir))
    assert (await resume_session(agent, "")).id == latest
    assert agent.memory.message_count == 2


async def test_latest_session_is_one_of_the_users_own(sessions_dir: Path) -> None:
    """A clone can bring a session dated after all of the user's own."""
    own = await store(sessions_dir, "one")
    planted = sessions_dir / "2099-01-01_0badcafe" / "session.yaml"
    planted.parent.mkdir()
    planted.write_text(f'id: {THIRD}\nupdated_at: "2099-01-01T00:00:00Z"\nmessages: []\n')
    assert (await MemoryManager.list_sessions(sessions_dir=sessions_dir))[0].id == THIRD
    agent = build_agent(options("offline", sessions_dir))
    assert (await resume_session(agent, "")).id == own


async def test_local_model_named_by_a_session_from_elsewhere_is_not_loaded(sessions_dir: Path) -> None:
    path = save(sessions_dir, FIRST)
    path.write_text(path.read_text().replace("system_messages:", "model: local:/clone/model.gguf\nsystem_messages:"))
    agent = build_agent(options("offline", sessions_dir))
    session = await resume_session(agent, FIRST, keep_model=True)
    stranger = TrustFile(sessions_dir / "trust")
    notice = await follow(agent, session, stranger)
    assert notice
    assert "its model file local:/clone/model.gguf was not loaded" in notice
    assert agent.llm.model == "offline"
    stranger.remember(accepted=[FIRST])
    assert await follow(agent, session, stranger) == notice
    stranger.remember(written=[FIRST])
    assert "its model file local:/clone/model.gguf was not loaded" not in (await follow(agent, session, stranger) or "")


async def test_missing_session_error_names_the_folder(sessions_dir: Path) -> None:
    agent = build_agent(options("offline", sessions_dir))
    with pytest.raises(SessionError, match="contains no session to resume"):
        await resume_session(agent, "")
    with pytest.raises(SessionNotFound):
        await resume_session(agent, "a1b2")


async def test_latest_session_may_be_one_interrupted_by_a_crash(sessions_dir: Path) -> None:
    """Recovery comes before the choice: users type --resume after a crash."""
    old = MemoryManager(sessions_dir=sessions_dir)
    await old.add_message(LLMMessage("user", "An older one"))
    await old.save_memory()
    crashed = MemoryManager(sessions_dir=sessions_dir)
    turn = crashed.turn()
    await turn.__aenter__()
    await turn.add(LLMMessage("user", "Cut short"))
    crashed.close()
    trust(old.session_id, crashed.session_id)
    agent = ReActAgent(OfflineLLM(), sessions_dir=sessions_dir)
    session = await resume_session(agent, "", keep_model=True)
    assert session.id == crashed.session_id


ROOT = Path(__file__).parents[2]

_SCRIPT = """
import asyncio, sys
from aloop.config.settings import Settings
from repl.engine import build_agent
from repl.output.markdown import render_markdown
from repl.output.theme import Theme
from repl.options import ShellOptions
from repl.engine import warm_up

agent = build_agent(ShellOptions(Settings.from_env(), None, None, None))
warm_up(agent)
before = set(sys.modules)
answer = asyncio.run(agent.run("What is 2+2?"))
render_markdown(answer, 80, Theme())
print(*(set(sys.modules) - before))
"""


@pytest.mark.slow
def test_first_answer_after_warm_up_imports_nothing_heavy(stub: StubServer) -> None:
    stub.script(ToolUse("calculator", {"expression": "2+2"}))
    stub.script(Text("So:\n\n```python\nprint(4)\n```"))
    command = [sys.executable, "-c", _SCRIPT]
    environment = {**os.environ, **stub.env, "PYTHONPATH": str(ROOT)}
    loaded = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()
    heavy = {"attr", "h11", "httpcore2", "httpx2", "jsonschema", "markdown_it", "pydantic", "pygments"}
    assert not {name.partition(".")[0] for name in loaded} & heavy
