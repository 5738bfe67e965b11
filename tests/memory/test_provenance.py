"""When, who and what it cost: kept by every path of a session, and never sent."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest

from aloop.export.json import to_json
from aloop.llm.anthropic.wire import bind_thinking, to_request
from aloop.llm.content.provenance import FileChange, Permission
from aloop.llm.json_values import JsonObject
from aloop.llm.message_types import LLMMessage, ThinkingBlock
from aloop.memory import MemoryManager, SessionLibrary
from aloop.memory.codec.emitter import emit_messages
from aloop.memory.codec.serialization import dump_session, load_messages, load_session
from tests.memory.conversations import file_of, say, stored, take_turn
from tests.memory.examples import ID, NOON, NOWHERE, answer, call, result, session, user

RESULT = replace(
    result("4"),
    at=NOON,
    duration_ms=1_234,
    permission=Permission("once", "user"),
    files=(FileChange("a b.py", "sha256:0123456789abcdef", "sha256:1123456789abcdef"), FileChange("new.py", after="x")),
)
TALK = (
    replace(user("Go"), at=NOON),
    replace(answer(None, call()), at=NOON, cost=Decimal("0.0123")),
    RESULT,
    replace(answer("Done."), at=NOON),
)
NONSENSE = """\
  - role: user
    content: "Hello"
    at: yesterday
    cost: much
    duration_ms: -1
    permission: [once]
    files:
      - path: "a"
        mode: 644
"""


def test_keys_are_written_after_those_of_the_specification() -> None:
    assert emit_messages([RESULT], 2) == (
        '  - role: tool\n    content: "4"\n    tool_call_id: call_1\n    name: calculator\n'
        '    at: "2025-01-31T12:00:00.000+00:00"\n    duration_ms: 1234\n    permission: {answer: once, by: user}\n'
        '    files:\n      - path: "a b.py"\n        before: sha256:0123456789abcdef\n'
        '        after: sha256:1123456789abcdef\n      - path: "new.py"\n        after: x\n'
    )


def test_values_that_cannot_be_read_stay_unknown_keys() -> None:
    (message,) = load_messages(NONSENSE, NOWHERE)
    assert (message.at, message.cost, message.duration_ms, message.permission, message.files) == (None,) * 4 + ((),)
    assert message.extra == {
        "at": "yesterday",
        "cost": "much",
        "duration_ms": -1,
        "permission": ["once"],
        "files": [{"path": "a", "mode": 644}],
    }
    assert load_session(dump_session(session(message)), NOWHERE).messages == (message,)


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ("at: 2025-01-31T12:00:00Z", "at", NOON),
        ('at: "2025-01-31T12:00"', "at", datetime(2025, 1, 31, 12).astimezone()),
        ("at: null", "at", None),
        ("cost: 1e-05", "cost", Decimal("0.00001")),
        ('cost: "0.50"', "cost", Decimal("0.5")),
        ("files: []", "files", ()),
        ("permission: {answer: no}", "permission", Permission("no")),
        ("permission: {answer: once, by: null}", "permission", Permission("once")),
    ],
)
def test_values_written_by_hand_are_read(line: str, field: str, value: object) -> None:
    (message,) = load_messages(f"  - role: tool\n    content: x\n    {line}\n", NOWHERE)
    assert getattr(message, field) == value
    assert not message.extra


def test_extra_cannot_hold_a_value_that_is_a_field() -> None:
    with pytest.raises(ValueError, match="'at'"):
        LLMMessage("user", "Hi", extra=JsonObject({"at": "2025-01-31T12:00:00Z"}))
    with pytest.raises(ValueError, match="'at'"):
        LLMMessage("user", "Hi", at=NOON, extra=JsonObject({"at": "yesterday"}))


def test_values_that_no_file_can_hold_are_left_out() -> None:
    odd = LLMMessage("tool", "", at=datetime(9999, 12, 31, tzinfo=UTC), cost=Decimal("-1"), duration_ms=10**20)
    assert odd == LLMMessage("tool", "")
    zone = timezone(timedelta(hours=5, minutes=30, seconds=7))
    message = replace(user("x"), at=NOON.astimezone(zone) + timedelta(microseconds=1))
    assert load_session(dump_session(session(message)), NOWHERE).messages == (message,)


async def test_every_path_keeps_them(sessions_dir: Path) -> None:
    memory = MemoryManager(sessions_dir=sessions_dir)
    await say(memory, *TALK)
    await memory.edit(lambda now: [replace(now[0], content="Start"), *now[1:]])
    talk = (replace(TALK[0], content="Start"), *TALK[1:])
    await memory.undo()
    await memory.redo()
    assert await stored(memory) == memory.messages == talk
    await memory.fork()
    memory.set_system_message("Another, so that the text cannot be taken over.")
    await memory.save_memory()
    assert await stored(memory) == talk
    exported = file_of(memory).with_name("exported.yaml")
    assert load_session(to_json(memory.snapshot()).text.encode(), exported).messages == talk


async def test_save_leaves_nonsense_as_it_is(sessions_dir: Path) -> None:
    folder = sessions_dir / "2025-01-31_a1b2c3d4"
    folder.mkdir(parents=True)
    (folder / "session.yaml").write_text(f"id: {ID}\nmessages:\n{NONSENSE}")
    memory = await MemoryManager.from_session(ID, sessions_dir=sessions_dir)
    await take_turn(memory, "And?", "So.")
    assert NONSENSE in file_of(memory).read_text()
    assert all(message.at for message in (await SessionLibrary(sessions_dir).load(ID)).messages[1:])


def test_none_of_them_is_sent() -> None:
    bare = [replace(each, at=None, cost=None, duration_ms=None, permission=None, files=()) for each in TALK]
    requests = [to_request(messages, ()) for messages in (TALK, bare)]
    assert (requests[0].system, requests[0].turns) == (requests[1].system, requests[1].turns)
    asked = replace(answer("So."), thinking=(ThinkingBlock("Hm.", "sig"),))
    assert bind_thinking(asked, requests[0]) == bind_thinking(asked, requests[1])
