"""PermissionGate: what is granted, for how long, and the error for a refusal."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from aloop.errors import ToolError
from aloop.llm.content.provenance import Permission
from aloop.llm.message_types import LLMMessage
from aloop.memory import MemoryManager
from aloop.permissions import Kind, PermissionDecision, PermissionRequest
from aloop.tools.approval import PermissionGate, Refused

WRITE = PermissionRequest(("write",), "write_file notes.txt", "+hello", "diff")
SHELL = PermissionRequest(("shell",), "run_shell", "make")
UNSANDBOXED = PermissionRequest(("shell", "outside"), "run_shell", "make", is_unsandboxed=True)
FAR = PermissionRequest(("write", "outside"), "write_file /etc/hosts", "+x", "diff")


class User:
    """Gives scripted answers and records the requests."""

    def __init__(self, *decisions: PermissionDecision) -> None:
        self._decisions = list(decisions)
        self.asked: list[PermissionRequest] = []

    async def __call__(self, request: PermissionRequest) -> PermissionDecision:
        self.asked.append(request)
        await asyncio.sleep(0)
        return self._decisions.pop(0)


ONCE, SESSION = PermissionDecision("once"), PermissionDecision("session")


async def test_permission_once_is_asked_again() -> None:
    user = User(ONCE, ONCE)
    gate = PermissionGate(ask=user)
    await gate.require(WRITE)
    await gate.require(WRITE)
    assert user.asked == [WRITE, WRITE]


async def test_permission_for_the_session_covers_only_its_kind() -> None:
    user = User(SESSION, ONCE)
    gate = PermissionGate(ask=user)
    await gate.require(WRITE)
    await gate.require(WRITE)
    await gate.require(SHELL)
    assert user.asked == [WRITE, SHELL]


async def test_request_of_two_kinds_is_asked_until_both_are_granted() -> None:
    user = User(SESSION, SESSION)
    gate = PermissionGate(ask=user)
    await gate.require(WRITE)
    await gate.require(FAR)
    await gate.require(FAR)
    assert user.asked == [WRITE, FAR]


async def test_grants_are_forgotten_in_another_session() -> None:
    user = User(SESSION, ONCE)
    gate = PermissionGate(ask=user)
    gate.enter("one")
    await gate.require(WRITE)
    gate.enter("one")
    await gate.require(WRITE)
    gate.enter("two")
    await gate.require(WRITE)
    assert len(user.asked) == 2


async def test_grants_are_forgotten_when_the_same_session_is_resumed(tmp_path: Path) -> None:
    user = User(SESSION, SESSION, ONCE)
    gate = PermissionGate(ask=user)
    memory = MemoryManager(sessions_dir=tmp_path)
    await memory.add_message(LLMMessage("user", "hello"))
    await memory.save_memory()
    first = memory.session_id
    for _ in range(2):
        gate.enter(memory.visit)
        await gate.require(WRITE)
    memory.start_new()
    await memory.resume(first)
    gate.enter(memory.visit)
    await gate.require(WRITE)
    await memory.resume(first)
    gate.enter(memory.visit)
    await gate.require(WRITE)
    assert len(user.asked) == 3


async def test_refusal_reaches_the_model_with_its_reason() -> None:
    with pytest.raises(ToolError, match="The user denied this call: use the other file"):
        await PermissionGate(ask=User(PermissionDecision("no", " use the other file\n"))).require(WRITE)
    with pytest.raises(ToolError) as denied:
        await PermissionGate(ask=User(PermissionDecision("no"))).require(WRITE)
    assert denied.value.fact == "The user denied this call."
    assert denied.value.advice.startswith("Nothing was done.")


async def test_request_without_a_user_is_refused_with_the_option_to_allow_it() -> None:
    with pytest.raises(ToolError, match=r"--allow write,outside would allow write_file /etc/hosts"):
        await PermissionGate().require(FAR)
    with pytest.raises(ToolError, match="--allow write,outside would"):
        await PermissionGate(["write"]).require(FAR)


async def test_allowed_kinds_are_never_asked() -> None:
    user = User()
    gate = PermissionGate(["write", "outside"], user)
    gate.enter("another")
    await gate.require(FAR)
    assert user.asked == []


async def test_parallel_requests_wait_and_share_a_grant() -> None:
    user = User(SESSION)
    gate = PermissionGate(ask=user)
    await asyncio.gather(gate.require(WRITE), gate.require(WRITE))
    assert user.asked == [WRITE]


async def test_cancelled_request_does_not_block_the_next() -> None:
    asking = asyncio.Event()

    async def never(_request: PermissionRequest) -> PermissionDecision:
        asking.set()
        await asyncio.Event().wait()
        raise AssertionError("the event is never set")

    gate = PermissionGate(ask=never)
    task = asyncio.ensure_future(gate.require(WRITE))
    await asking.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    gate.ask = User(ONCE)
    await gate.require(WRITE)


async def test_decision_is_returned_to_be_stored() -> None:
    gate = PermissionGate(allowed=["shell"], ask=User(ONCE, SESSION, PermissionDecision("no", " Not now. ")))
    assert await gate.require(SHELL) == Permission("allowed", "rule", "--allow shell")
    assert await gate.require(WRITE) == Permission("once", "user")
    assert await gate.require(WRITE) == Permission("session", "user")
    assert await gate.require(WRITE) == Permission("session", "user", "write in this session")
    with pytest.raises(Refused) as refused:
        await gate.require(FAR)
    assert refused.value.permission == Permission("refused", "user", "Not now.")
    with pytest.raises(Refused) as refused:
        await PermissionGate().require(SHELL)
    assert refused.value.permission == Permission("refused", "rule", "no one can be asked in this run")


async def test_command_outside_the_sandbox_is_asked_about_in_spite_of_grants() -> None:
    user = User(SESSION, SESSION, ONCE, ONCE)
    gate = PermissionGate(ask=user)
    for request in (SHELL, FAR, UNSANDBOXED, UNSANDBOXED, SHELL):
        await gate.require(request)
    assert user.asked == [SHELL, FAR, UNSANDBOXED, UNSANDBOXED]


@pytest.mark.parametrize("allowed", [(), ("shell",), ("outside",)])
async def test_command_outside_the_sandbox_needs_both_kinds_of_the_option(allowed: tuple[Kind, ...]) -> None:
    with pytest.raises(ToolError, match="; --allow shell,outside would allow run_shell"):
        await PermissionGate(allowed).require(UNSANDBOXED)
    decision = await PermissionGate(["shell", "outside"]).require(UNSANDBOXED)
    assert decision == Permission("allowed", "rule", "--allow shell,outside")


async def test_refusal_also_names_the_kinds_that_are_allowed_already() -> None:
    with pytest.raises(ToolError, match="; --allow write,shell would allow write_file"):
        await PermissionGate(["shell"]).require(WRITE)
