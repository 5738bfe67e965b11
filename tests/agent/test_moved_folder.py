"""A working directory that is moved or removed while the agent runs in it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from aloop.agent.agent import ReActAgent
from aloop.config.values import SandboxSettings
from aloop.llm.message_types import ToolCall
from aloop.permissions import PermissionDecision, PermissionRequest
from aloop.tools.rules.rule import Rule
from aloop.tools.rules.rule_set import RuleSet
from tests.agent.scripted import Line, ScriptedLLM, answer, calls
from tests.sandbox.conftest import require_sandbox

GONE = "was moved or removed, and nothing was done."


class FixedRules:
    """Rules that are not stored."""

    def __init__(self, *rules: Rule) -> None:
        self._rules = rules

    def read(self) -> Sequence[Rule]:
        return self._rules

    def add(self, rules: Sequence[Rule]) -> None:
        raise AssertionError("no rule is added")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, which is a folder in the project."""
    folder = tmp_path / "old" / "src"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def moved(tmp_path: Path) -> Path:
    """The place to which the working directory is moved with its project."""
    return tmp_path / "new" / "src"


def move(project: Path, moved: Path) -> None:
    project.parent.rename(moved.parent)


def call(name: str, **arguments: str) -> list[Line]:
    return calls(ToolCall("call_1", name, json.dumps(arguments)))


def results(agent: ReActAgent) -> list[str]:
    return [message.content or "" for message in agent.memory.messages if message.role == "tool"]


async def test_tools_follow_a_folder_that_is_moved_between_turns(project: Path, moved: Path) -> None:
    llm = ScriptedLLM(
        answer("Hi."),
        call("write_file", path="a.txt", content="one"),
        call("run_shell", command="pwd"),
        call("search_files", pattern="one"),
        answer("Done."),
    )
    agent = ReActAgent(llm, allow=["write", "shell"])
    await agent.run("Hello")
    move(project, moved)
    await agent.run("Write")
    assert (moved / "a.txt").read_text() == "one"
    assert not project.parent.exists()
    assert agent.working_dir == moved
    assert results(agent)[1:] == [f"{moved}\n[exit code 0]", "a.txt:1: one"]
    assert str(moved) in (llm.requests[1][-1].content or "")


async def test_tools_follow_a_folder_that_is_moved_by_a_command_in_a_turn(project: Path, moved: Path) -> None:
    llm = ScriptedLLM(
        call("run_shell", command=f"mv {project.parent} {moved.parent}"),
        call("write_file", path="a.txt", content="one"),
        answer("Done."),
    )
    agent = ReActAgent(llm, allow=["write", "shell"])
    await agent.run("Move")
    assert (moved / "a.txt").read_text() == "one"
    assert not project.parent.exists()


async def test_sessions_in_a_folder_that_is_moved_cannot_be_changed_in_the_sandbox(project: Path, moved: Path) -> None:
    require_sandbox(project)
    sessions = project / "mysessions"
    sessions.mkdir()
    (sessions / "notes").write_text("original")
    llm = ScriptedLLM(
        call("run_shell", command="touch ok; echo changed > mysessions/notes; mv mysessions other"), answer("Done.")
    )
    agent = ReActAgent(llm, allow=["shell"], sessions_dir=sessions, sandbox=SandboxSettings("require"))
    move(project, moved)
    await agent.run("Change")
    assert (moved / "ok").exists()
    assert (moved / "mysessions" / "notes").read_text() == "original"


async def test_rules_of_the_user_follow_a_moved_folder(project: Path, moved: Path) -> None:
    (project / ".env").write_text("secret")
    (project / "key").write_text("secret")
    rules = FixedRules(Rule("deny", "read", "src/.env", None), Rule("deny", "read", "src/key", project.parent))
    (project.parent / ".git").mkdir()
    (project.parent / ".git" / "HEAD").write_text("ref: refs/heads/main")
    llm = ScriptedLLM(call("read_file", path=".env"), call("read_file", path="key"), answer("Done."))
    agent = ReActAgent(llm, rules=RuleSet(rules, project.parent))
    move(project, moved)
    await agent.run("Read")
    assert [result.partition("\n")[0].partition(":")[0] for result in results(agent)] == [
        "Refused by the user's rule"
    ] * 2


async def test_tools_do_not_create_a_removed_folder_again(project: Path) -> None:
    llm = ScriptedLLM(
        call("write_file", path="a.txt", content="one"), call("run_shell", command="pwd"), answer("Done.")
    )
    agent = ReActAgent(llm, allow=["write", "shell"])
    shutil.rmtree(project.parent)
    await agent.run("Write")
    assert not project.parent.exists()
    assert [f"The working directory {project} {GONE}" in result for result in results(agent)] == [True, True]


async def test_write_that_was_asked_about_before_a_move_does_not_create_the_old_folder(
    project: Path, moved: Path
) -> None:
    async def ask(_request: PermissionRequest) -> PermissionDecision:
        move(project, moved)
        return PermissionDecision("once")

    write = call("write_file", path="a.txt", content="one")
    agent = ReActAgent(ScriptedLLM(write, answer("Done.")), ask=ask)
    await agent.run("Write")
    assert not project.parent.exists()
    assert GONE in results(agent)[0]
