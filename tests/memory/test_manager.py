"""MemoryManager: the conversation, and the sessions that there are."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from aloop.errors import AmbiguousPrefix, InvalidPrefix, SessionFileError, SessionNotFound
from aloop.llm.message_types import LLMMessage, Usage
from aloop.llm.offline import OfflineLLM
from aloop.memory import MemoryManager
from aloop.memory.codec.serialization import dump_session
from aloop.memory.context import UNANSWERED
from tests.memory.conversations import file_of, say, stored
from tests.memory.examples import ID, SPEC_SAMPLE, answer, call, result, session, user

UNKNOWN = "ffffffff-5678-40ab-8def-1234567890ab"


def test_an_id_is_there_from_the_start_and_nothing_else(sessions_dir: Path) -> None:
    manager = MemoryManager(sessions_dir=sessions_dir)
    assert str(uuid.UUID(manager.session_id)) == manager.session_id
    assert MemoryManager(sessions_dir=sessions_dir).session_id != manager.session_id
    assert (manager.path, manager.title, manager.messages, manager.message_count) == (None, "", (), 0)
    assert (manager.llm, manager.get_context_for_llm(), manager.get_repairs()) == (None, [], ())
    assert manager.sessions_dir == sessions_dir
    assert not sessions_dir.exists()


def test_the_sessions_folder_is_absolute() -> None:
    assert MemoryManager(sessions_dir="mine").sessions_dir == Path.cwd() / "mine"
    assert MemoryManager().sessions_dir == Path.cwd() / ".aloop" / "sessions"


async def test_messages_are_kept_in_memory_until_they_are_saved(sessions_dir: Path) -> None:
    manager = MemoryManager(sessions_dir=sessions_dir)
    await manager.add_message(user("Hi"))
    assert manager.messages == (user("Hi"),)
    assert manager.title == "Hi"
    assert not sessions_dir.exists()


async def test_a_system_message_stands_apart_and_goes_first(sessions_dir: Path) -> None:
    manager = MemoryManager(sessions_dir=sessions_dir)
    await say(manager, user("Hi"), LLMMessage("system", "Be kind."))
    assert manager.system_messages == (LLMMessage("system", "Be kind."),)
    assert manager.message_count == 1
    assert manager.get_context_for_llm() == [LLMMessage("system", "Be kind."), user("Hi")]
    manager.set_system_message("Be brave.")
    await manager.save_memory()
    again = await MemoryManager.from_session(manager.session_id, sessions_dir=sessions_dir)
    assert again.system_messages == (LLMMessage("system", "Be brave."),)
    assert again.messages == (user("Hi"),)


async def test_a_save_reports_where_it_went(manager: MemoryManager, sessions_dir: Path) -> None:
    report = await manager.save_memory()
    assert report.path == manager.path == sessions_dir / file_of(manager).parent.name / "session.yaml"
    assert (report.beside, report.notice) == (False, None)
    assert report.path.parent.name.endswith(f"_{manager.session_id[:8]}")


async def test_the_model_is_written_into_the_header(sessions_dir: Path) -> None:
    llm = OfflineLLM()
    manager = MemoryManager(llm, sessions_dir=sessions_dir)
    assert manager.llm is llm
    await say(manager, user("Hi"))
    assert (await MemoryManager.load_session(manager.session_id, sessions_dir=sessions_dir)).model == llm.model


async def test_a_session_goes_on_where_it_ended(manager: MemoryManager, sessions_dir: Path) -> None:
    again = await MemoryManager.from_session(manager.session_id[:8].upper(), sessions_dir=sessions_dir)
    assert (again.session_id, again.messages, again.path) == (manager.session_id, manager.messages, manager.path)
    await say(again, user("More"))
    assert await stored(again) == (user("Hi"), answer("Hello"), user("More"))


async def test_what_was_never_of_aloop_goes_on_as_well(sessions_dir: Path) -> None:
    folder = sessions_dir / "from a friend"
    folder.mkdir(parents=True)
    (folder / "session.yaml").write_bytes(SPEC_SAMPLE)
    manager = await MemoryManager.from_session("a1b2", sessions_dir=sessions_dir)
    await say(manager, user("More"))
    saved = (folder / "session.yaml").read_bytes()
    head, tail = SPEC_SAMPLE.split(b'"2025-01-31T15:45:00"')
    assert saved.startswith(head)
    assert saved.endswith(tail + b'  - role: user\n    content: "More"\n')


async def test_resuming_swaps_in_place_after_everything_was_read(manager: MemoryManager, sessions_dir: Path) -> None:
    other = MemoryManager(sessions_dir=sessions_dir)
    await say(other, user("Other"))
    loaded = await manager.resume(other.session_id)
    assert (loaded.id, manager.session_id, manager.messages) == (other.session_id, other.session_id, (user("Other"),))


async def test_resuming_what_can_not_be_read_changes_nothing(manager: MemoryManager, sessions_dir: Path) -> None:
    broken = sessions_dir / "2025-01-31_0badcafe"
    broken.mkdir()
    (broken / "session.yaml").write_text("id: [")
    before = manager.session_id, manager.messages, manager.path
    for prefix, error in ((UNKNOWN, SessionNotFound), ("0badcafe", SessionFileError), ("", InvalidPrefix)):
        with pytest.raises(error):
            await manager.resume(prefix)
    assert (manager.session_id, manager.messages, manager.path) == before
    await say(manager, user("More"))
    assert len(await stored(manager)) == 3


async def test_a_new_session_leaves_the_old_one_as_it_was(manager: MemoryManager) -> None:
    old, data = file_of(manager), file_of(manager).read_bytes()
    first = manager.session_id
    manager.start_new()
    assert manager.session_id != first
    assert (manager.messages, manager.path, manager.title) == ((), None, "")
    await say(manager, user("New"))
    assert old.read_bytes() == data
    assert file_of(manager) != old


async def test_sessions_are_listed_found_counted_and_deleted(manager: MemoryManager, sessions_dir: Path) -> None:
    manager.start_new()
    await say(manager, user("2+2?"), answer(None, call()), result("4"), LLMMessage("assistant", "4", usage=Usage(3, 4)))
    listed = await MemoryManager.list_sessions(sessions_dir=sessions_dir)
    assert [summary.title for summary in listed] == ["2+2?", "Hi"]
    assert listed[0].message_count == 4
    assert len(await MemoryManager.list_sessions(limit=1, sessions_dir=sessions_dir)) == 1
    assert await MemoryManager.find_latest_session(sessions_dir=sessions_dir) == manager.session_id
    assert (
        await MemoryManager.find_session_by_prefix(manager.session_id[:13], sessions_dir=sessions_dir)
        == manager.session_id
    )
    stats = await MemoryManager.session_stats(manager.session_id, sessions_dir=sessions_dir)
    assert stats.messages_by_role == {"user": 1, "assistant": 2, "tool": 1}
    assert stats.tool_calls == {"calculator": 1}
    assert (stats.usage, stats.message_count, stats.path) == (Usage(3, 4), 4, manager.path)
    assert stats.size == file_of(manager).stat().st_size
    assert manager.stats().messages_by_role == stats.messages_by_role
    gone = await MemoryManager.delete_session(manager.session_id, sessions_dir=sessions_dir)
    assert (gone / "session.yaml").exists()
    assert len(await MemoryManager.list_sessions(None, sessions_dir=sessions_dir)) == 1


async def test_there_may_be_no_sessions_at_all(sessions_dir: Path) -> None:
    assert await MemoryManager.list_sessions(sessions_dir=sessions_dir) == []
    assert await MemoryManager.find_latest_session(sessions_dir=sessions_dir) is None
    assert await MemoryManager.find_session_by_prefix("a1b2", sessions_dir=sessions_dir) is None
    with pytest.raises(SessionNotFound):
        await MemoryManager.load_session("a1b2", sessions_dir=sessions_dir)
    assert not sessions_dir.exists()


async def test_a_prefix_of_several_names_them_and_an_empty_one_is_refused(sessions_dir: Path) -> None:
    for number in (1, 2):
        folder = sessions_dir / f"2025-01-31_{number}"
        folder.mkdir(parents=True)
        (folder / "session.yaml").write_bytes(dump_session(session(identity=f"{ID[:-1]}{number}")))
    with pytest.raises(AmbiguousPrefix) as caught:
        await MemoryManager.find_session_by_prefix("a1b2", sessions_dir=sessions_dir)
    assert caught.value.candidates == (f"{ID[:-1]}1", f"{ID[:-1]}2")
    for prefix in ("", " ", "..", "*"):
        with pytest.raises(InvalidPrefix):
            await MemoryManager.find_session_by_prefix(prefix, sessions_dir=sessions_dir)


async def test_the_environment_says_where_sessions_are(
    manager: MemoryManager, sessions_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALOOP_SESSIONS_DIR", str(sessions_dir))
    assert await MemoryManager.find_latest_session() == manager.session_id


async def test_a_history_that_is_no_transcript_is_mended_in_what_is_sent_alone(sessions_dir: Path) -> None:
    manager = MemoryManager(sessions_dir=sessions_dir)
    await say(manager, user("Go"), answer(None, call()), user("Well?"))
    assert [message.content for message in manager.get_context_for_llm()] == ["Go", None, UNANSWERED, "Well?"]
    assert len(manager.get_repairs()) == 1
    assert await stored(manager) == manager.messages == (user("Go"), answer(None, call()), user("Well?"))


async def test_what_a_turn_adds_is_the_conversations(manager: MemoryManager) -> None:
    async with manager.turn() as turn:
        await turn.add(user("2+2?"))
        assert manager.messages[-1] == user("2+2?")
        await turn.add(answer("4"))
    assert turn.kept
    assert turn.report is not None
    assert turn.report.path == manager.path
    assert await stored(manager) == manager.messages
    assert manager.message_count == 4
