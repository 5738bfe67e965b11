"""Consent: what is granted, for how long, and what the model is told when it is not."""

from __future__ import annotations

import asyncio

import pytest

from aloop.errors import ToolError
from aloop.permissions import PermissionDecision, PermissionRequest
from aloop.tools.approval import PermissionGate

WRITE = PermissionRequest(("write",), "write_file notes.txt", "+hello", "diff")
SHELL = PermissionRequest(("shell",), "run_shell", "make")
FAR = PermissionRequest(("write", "outside"), "write_file /etc/hosts", "+x", "diff")


class Person:
    """Gives the answers that a test has written down, and keeps the questions."""

    def __init__(self, *decisions: PermissionDecision) -> None:
        self._decisions = list(decisions)
        self.asked: list[PermissionRequest] = []

    async def __call__(self, request: PermissionRequest) -> PermissionDecision:
        self.asked.append(request)
        await asyncio.sleep(0)
        return self._decisions.pop(0)


ONCE, SESSION = PermissionDecision("once"), PermissionDecision("session")


async def test_a_yes_once_is_asked_again_the_next_time() -> None:
    person = Person(ONCE, ONCE)
    approval = PermissionGate(ask=person)
    await approval.require(WRITE)
    await approval.require(WRITE)
    assert person.asked == [WRITE, WRITE]


async def test_a_yes_for_the_session_is_for_its_kind_alone() -> None:
    person = Person(SESSION, ONCE)
    approval = PermissionGate(ask=person)
    await approval.require(WRITE)
    await approval.require(WRITE)
    await approval.require(SHELL)
    assert person.asked == [WRITE, SHELL]


async def test_what_takes_two_kinds_is_asked_until_both_are_granted() -> None:
    person = Person(SESSION, SESSION)
    approval = PermissionGate(ask=person)
    await approval.require(WRITE)
    await approval.require(FAR)
    await approval.require(FAR)
    assert person.asked == [WRITE, FAR]


async def test_another_session_begins_with_nothing_granted() -> None:
    person = Person(SESSION, ONCE)
    approval = PermissionGate(ask=person)
    approval.enter("one")
    await approval.require(WRITE)
    approval.enter("one")
    await approval.require(WRITE)
    approval.enter("two")
    await approval.require(WRITE)
    assert len(person.asked) == 2


async def test_a_no_reaches_the_model_with_its_reason() -> None:
    with pytest.raises(ToolError, match="The person said no: use the other file"):
        await PermissionGate(ask=Person(PermissionDecision("no", " use the other file\n"))).require(WRITE)
    with pytest.raises(ToolError, match="without a reason"):
        await PermissionGate(ask=Person(PermissionDecision("no"))).require(WRITE)


async def test_where_nobody_can_be_asked_it_is_refused_with_the_way_to_allow_it() -> None:
    with pytest.raises(ToolError, match=r"Refused: write_file /etc/hosts.*--allow write,outside"):
        await PermissionGate().require(FAR)
    with pytest.raises(ToolError, match="--allow outside would"):
        await PermissionGate(["write"]).require(FAR)


async def test_what_the_caller_has_allowed_is_never_asked() -> None:
    person = Person()
    approval = PermissionGate(["write", "outside"], person)
    approval.enter("another")
    await approval.require(FAR)
    assert person.asked == []


async def test_of_two_questions_at_once_the_second_waits_and_may_be_answered_by_the_first() -> None:
    person = Person(SESSION)
    approval = PermissionGate(ask=person)
    await asyncio.gather(approval.require(WRITE), approval.require(WRITE))
    assert person.asked == [WRITE]


async def test_a_question_that_is_given_up_leaves_the_next_one_free() -> None:
    asking = asyncio.Event()

    async def never(_request: PermissionRequest) -> PermissionDecision:
        asking.set()
        await asyncio.Event().wait()
        raise AssertionError("nobody sets that event")

    approval = PermissionGate(ask=never)
    task = asyncio.ensure_future(approval.require(WRITE))
    await asking.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    approval.ask = Person(ONCE)
    await approval.require(WRITE)
