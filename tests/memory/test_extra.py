"""Unknown keys are kept by every path of a session."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from aloop.export.json import to_json
from aloop.llm.json_values import JsonObject
from aloop.llm.message_types import LLMMessage
from aloop.memory import MemoryManager, SessionLibrary
from aloop.memory.codec.emitter import emit_messages
from aloop.memory.codec.serialization import dump_session, load_session
from aloop.memory.session import Session
from tests.memory.conversations import file_of, say, stored, take_turn
from tests.memory.examples import ID, NOWHERE, RICH, UNKNOWN, session, user

HEADER = JsonObject({"tags": ["work", "yes"], "pinned": True, "project": {"name": "x", "budget": 1.5}})
TEXT = """\
# mine
id: a1b2c3d4-5678-40ab-8def-1234567890ab
created_at: "2025-01-31T14:30:00"
project: {name: x, budget: 1.50}   # a comment
messages:
  - role: user
    content: "Hello"
    mood: good  # very
    due: 2025-02-01
  - role: assistant
    content: "Hi"
    usage: {input_tokens: 3, output_tokens: 4, service_tier: standard}
  - {role: user, content: "In braces", mood: bad}
  - role: assistant
    content: "Bye"
"""


async def written(sessions_dir: Path, text: str = TEXT) -> MemoryManager:
    folder = sessions_dir / "2025-01-31_a1b2c3d4"
    folder.mkdir(parents=True)
    (folder / "session.yaml").write_text(text)
    return await MemoryManager.from_session(ID, sessions_dir=sessions_dir)


async def reread(memory: MemoryManager) -> Session:
    return await SessionLibrary(memory.sessions_dir).load(memory.session_id)


def text_of(memory: MemoryManager) -> str:
    return file_of(memory).read_text()


async def test_records_show_unknown_keys(sessions_dir: Path) -> None:
    memory = await written(sessions_dir)
    assert memory.snapshot().extra == {"project": {"name": "x", "budget": 1.5}}
    first, answer, *_ = memory.messages
    assert first.extra == {"mood": "good", "due": "2025-02-01"}
    assert answer.extra == {"usage": {"service_tier": "standard"}}


async def test_save_leaves_unknown_keys_as_they_are(sessions_dir: Path) -> None:
    memory = await written(sessions_dir)
    await take_turn(memory, "And?", "So.")
    assert TEXT.partition("messages:")[2] in text_of(memory)
    assert "project: {name: x, budget: 1.50}   # a comment\n" in text_of(memory)


async def test_changed_unknown_key_changes_its_own_line_only(sessions_dir: Path) -> None:
    memory = await written(sessions_dir)

    def change(messages: tuple[LLMMessage, ...]) -> list[LLMMessage]:
        first, *others = messages
        return [replace(first, extra=first.extra.with_values(mood="better", tags=["a"], due=None)), *others]

    await memory.edit(change)
    assert '    mood: "better"\n    tags:\n      - "a"\n  - role: assistant\n' in text_of(memory)
    assert (await reread(memory)).messages == memory.messages
    assert memory.messages[0].extra == {"mood": "better", "tags": ["a"]}


async def test_unknown_key_of_a_message_in_braces_can_be_changed(sessions_dir: Path) -> None:
    memory = await written(sessions_dir)
    await memory.edit(lambda now: [*now[:2], replace(now[2], extra=JsonObject({"mood": "fine"}), skip=True), now[3]])
    assert (await stored(memory))[2].extra == {"mood": "fine"}
    assert (await stored(memory))[2].skip


async def test_first_key_of_a_message_can_be_changed_and_removed(sessions_dir: Path) -> None:
    memory = await written(sessions_dir, TEXT.replace("  - role: user\n", "  - first: 1\n    role: user\n", 1))
    for extra in (JsonObject({"first": ["x", "y"]}), JsonObject({"first": None})):
        await memory.edit(lambda now, extra=extra: [replace(now[0], extra=extra), *now[1:]])  # type: ignore[misc]  # mypy does not infer lambdas with defaults
        assert (await stored(memory))[0].extra == extra


async def test_edited_message_keeps_its_unknown_keys(sessions_dir: Path) -> None:
    memory = await written(sessions_dir)
    await memory.edit(lambda now: [replace(now[0], content="Hello again"), *now[1:]])
    assert (await stored(memory))[0].extra == {"mood": "good", "due": "2025-02-01"}
    assert "    mood: good\n    due: 2025-02-01\n" in text_of(memory)


async def test_undone_turn_comes_back_with_its_unknown_keys(sessions_dir: Path) -> None:
    memory = await written(sessions_dir)
    before = memory.messages
    await memory.undo()
    assert "base" not in memory.snapshot().extra
    await memory.redo()
    assert await stored(memory) == memory.messages == before


async def test_fork_keeps_the_unknown_keys(sessions_dir: Path) -> None:
    memory = await written(sessions_dir)
    before = memory.messages
    await memory.fork(ID)
    memory.set_system_message("Another, so that the text cannot be taken over.")
    await memory.save_memory()
    forked = await reread(memory)
    assert forked.messages == before
    assert forked.extra == {"project": {"name": "x", "budget": 1.5}}
    assert "budget: 1.50\n" in text_of(memory)


async def test_unknown_keys_survive_a_crash(sessions_dir: Path) -> None:
    memory = await written(sessions_dir)
    turn = memory.turn()
    await turn.__aenter__()
    noted = LLMMessage("user", "And?", extra=UNKNOWN)
    await turn.add(noted)
    memory.close()
    file_of(memory).unlink()
    assert len(await SessionLibrary(sessions_dir).recover()) == 1
    recovered = await reread(memory)
    assert recovered.extra == {"project": {"name": "x", "budget": 1.5}}
    assert recovered.messages == (replace(noted, interrupted=True, at=recovered.messages[0].at),)


async def test_unknown_keys_survive_an_unreadable_file(sessions_dir: Path) -> None:
    memory = await written(sessions_dir)
    text, path = text_of(memory), file_of(memory)
    path.write_text(text + "  broken: [\n")
    await take_turn(memory, "And?", "So.")
    recovered = load_session(memory.path.read_bytes(), NOWHERE) if memory.path else None
    assert recovered
    assert recovered.extra == {"project": {"name": "x", "budget": 1.5}}
    assert recovered.messages[0].extra == {"mood": "good", "due": "2025-02-01"}
    path.write_text(text)
    await memory.save_memory()
    assert (await stored(memory))[-1].content == "So."
    assert text_of(memory).startswith(text.partition("created_at")[0])


async def test_unknown_key_added_during_a_turn_is_merged(sessions_dir: Path) -> None:
    memory = await written(sessions_dir)

    def annotate() -> None:
        file_of(memory).write_text(text_of(memory).replace('"Bye"\n', '"Bye"\n    note: nice\n'))

    await take_turn(memory, "And?", "So.", annotate)
    assert [message.extra.get("note") for message in await stored(memory)] == [None, None, None, "nice", None, None]


async def test_new_session_is_written_with_unknown_keys(sessions_dir: Path) -> None:
    memory = MemoryManager(sessions_dir=sessions_dir)
    await say(memory, *RICH)
    assert await stored(memory) == RICH


def test_header_round_trips_and_is_exported() -> None:
    meant = replace(session(user("Hi"), *RICH[-1:]), title="Hi", extra=HEADER)
    for data in (dump_session(meant), to_json(meant).text.encode()):
        loaded = load_session(data, NOWHERE)
        assert loaded.extra == HEADER
        assert loaded.messages[-1].extra.as_dict() == UNKNOWN.as_dict()


def test_json_export_has_unknown_keys_of_all_records() -> None:
    exported = json.loads(to_json(session(*RICH)).text)["messages"]
    answer = exported[1]
    assert exported[-1]["tags"] == ["a", "b c", "é", "yes"]
    assert answer["usage"]["server_tool_use"] == {"web_search_requests": 1}
    assert answer["thinking"][0]["mood"] == "calm"
    assert answer["tool_calls"][0]["function"]["strict"] is True
    assert (answer["tool_calls"][0]["type"], answer["tool_calls"][0]["index"]) == ("custom", 0)


def test_other_yaml_readers_see_the_same_values() -> None:
    written = yaml.safe_load(emit_messages([LLMMessage("user", "Hi", extra=UNKNOWN)], 0))[0]
    assert {key: written[key] for key in UNKNOWN} == UNKNOWN.as_dict()


@pytest.mark.parametrize("key", ["role", "content", "usage"])
def test_known_key_in_extra_is_rejected(key: str) -> None:
    with pytest.raises(ValueError, match=f"extra cannot contain the key '{key}'"):
        LLMMessage("user", "Hi", extra=JsonObject({key: "x"}))
