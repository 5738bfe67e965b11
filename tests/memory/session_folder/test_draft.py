"""Drafts: edits of a session's file in an editor."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from aloop.errors import NewerVersion, SessionFileError, StorageError, UsageError
from aloop.llm.message_types import LLMMessage
from aloop.memory import MemoryManager, SessionLibrary
from tests.memory.faults import FaultyFileSystem
from tests.saved_sessions import FIRST, SECOND, save


class Desk:
    """A session that a shell has open, its file, and the notices to the shell."""

    def __init__(self, sessions_dir: Path) -> None:
        self.path = save(sessions_dir, FIRST)
        self.memory = MemoryManager(sessions_dir=sessions_dir, hold=True)
        self.notices: list[str] = []
        self.memory.on_notice = self.notices.append

    def copies(self, kind: str) -> list[Path]:
        return list(self.path.parent.glob(f"session.{kind}-*.yaml"))

    async def edit(self, old: str, new: str) -> bool:
        """Replace ``old`` by ``new`` in a draft and finish the edit."""
        draft = await self.memory.begin_edit()
        replace(draft.path, old, new)
        return await self.memory.finish_edit(draft)


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.fixture
async def desk(fs: FaultyFileSystem, sessions_dir: Path) -> Desk:
    desk = Desk(sessions_dir)
    await desk.memory.resume(FIRST)
    return desk


@pytest.fixture(autouse=True)
def _leave(desk: Desk) -> Iterator[None]:
    yield
    desk.memory.close()


async def test_draft_is_a_private_copy_with_the_line_of_the_message(desk: Desk) -> None:
    draft = await desk.memory.begin_edit(3)
    lines = draft.path.read_text().splitlines()
    assert lines[draft.line - 1] == "  - role: tool"
    assert draft.path.read_bytes() == desk.path.read_bytes()
    assert draft.path.stat().st_mode & 0o777 == 0o600
    assert (await desk.memory.begin_edit()).line == 1


async def test_finished_edit_replaces_the_file_byte_for_byte(desk: Desk) -> None:
    wanted = desk.path.read_text().replace("      It is\n", "      It was\n")
    assert await desk.edit("      It is\n", "      It was\n")
    assert desk.path.read_text() == wanted
    assert desk.memory.messages[-1].content == "It was\n4.\n"
    assert desk.notices == ["Edited: 1 message changed."]
    assert desk.copies("edited") == []


async def test_changes_made_before_the_edit_are_reported_separately(desk: Desk) -> None:
    replace(desk.path, "What is 2+2?", "What is 2+3?")
    assert await desk.edit("      It is\n", "      It was\n")
    assert desk.notices == ["session.yaml was edited: 1 message changed.", "Edited: 1 message changed."]


async def test_unchanged_draft_changes_nothing(desk: Desk) -> None:
    draft = await desk.memory.begin_edit()
    assert not await desk.memory.finish_edit(draft)
    assert (desk.notices, desk.copies("edited")) == ([], [])


async def test_editor_backups_are_deleted_with_the_draft(desk: Desk) -> None:
    draft = await desk.memory.begin_edit()
    draft.path.with_name(f"{draft.path.name}~").write_text("a backup")
    await desk.memory.finish_edit(draft)
    assert [path.name for path in desk.path.parent.iterdir() if path.name[0] != "."] == ["session.yaml"]


async def test_dropped_draft_stays_if_it_was_edited(desk: Desk) -> None:
    draft = await desk.memory.begin_edit()
    replace(draft.path, "Be brief.", "Be kind.")
    assert await desk.memory.drop_edit(draft)
    replace(draft.path, "Be kind.", "Be brief.")
    assert not await desk.memory.drop_edit(draft)
    assert desk.copies("edited") == []


async def test_file_is_copied_when_an_edit_removes_messages(desk: Desk) -> None:
    draft = await desk.memory.begin_edit()
    draft.path.write_text(draft.path.read_text().partition("  - role: tool\n")[0])
    assert await desk.memory.finish_edit(draft)
    assert len(desk.memory.messages) == 2
    [copy] = desk.copies("before")
    assert "2 messages removed" in desk.notices[0]
    assert copy.name in desk.notices[0]


@pytest.mark.parametrize(
    ("old", "new", "line", "reason"),
    [
        ("role: tool", 'role: "tool', 18, "closing quote missing"),
        ("role: tool", "role: toll", 18, "unknown role"),
        (FIRST, SECOND, 1, "the id must stay"),
    ],
)
async def test_invalid_draft_is_reported_with_its_line_and_both_files_stay(
    desk: Desk, old: str, new: str, line: int, reason: str
) -> None:
    before = desk.path.read_bytes()
    draft = await desk.memory.begin_edit()
    replace(draft.path, old, new)
    with pytest.raises(SessionFileError, match=reason) as refusal:
        await desk.memory.finish_edit(draft)
    assert (refusal.value.path, refusal.value.line >= line) == (draft.path, True)
    assert desk.path.read_bytes() == before
    replace(draft.path, new, old)
    assert not await desk.memory.finish_edit(draft)


async def test_draft_with_a_newer_version_is_an_error(desk: Desk) -> None:
    with pytest.raises(NewerVersion):
        await desk.edit("system_messages:", "version: 2\nsystem_messages:")


async def test_messages_added_during_the_edit_follow_it(desk: Desk, sessions_dir: Path) -> None:
    draft = await desk.memory.begin_edit()
    other = await MemoryManager.from_session(FIRST, sessions_dir=sessions_dir)
    await other.add_message(LLMMessage("user", "And 3+3?"))
    await other.save_memory()
    theirs = desk.path.read_bytes()
    replace(draft.path, "Be brief.", "Be kind.")
    assert await desk.memory.finish_edit(draft)
    assert [message.content for message in desk.memory.system_messages] == ["Be kind."]
    assert desk.memory.messages == other.messages
    assert "The messages added to it (1) follow yours." in desk.notices[0]
    assert desk.notices[1] == "session.yaml was edited: 1 message added (“And 3+3?”)."
    [copy] = desk.copies("before")
    assert copy.read_bytes() == theirs


async def test_file_changed_during_the_edit_is_copied(desk: Desk) -> None:
    draft = await desk.memory.begin_edit()
    replace(desk.path, "      4.\n", "      four.\n")
    theirs = desk.path.read_bytes()
    replace(draft.path, "      4.\n", "      vier.\n")
    assert await desk.memory.finish_edit(draft)
    assert desk.memory.messages[-1].content == "It is\nvier.\n"
    [copy] = desk.copies("before")
    assert copy.read_bytes() == theirs


async def test_change_just_before_the_replacement_is_detected(desk: Desk, fs: FaultyFileSystem) -> None:
    def write_once() -> None:
        del fs.before["fsync"]
        replace(desk.path, "      4.\n", "      four.\n")

    draft = await desk.memory.begin_edit()
    replace(draft.path, "      4.\n", "      vier.\n")
    fs.before["fsync"] = write_once
    assert await desk.memory.finish_edit(draft)
    [copy] = desk.copies("before")
    assert "four" in copy.read_text()
    assert desk.memory.messages[-1].content == "It is\nvier.\n"


async def test_invalid_file_is_opened_at_its_error_and_can_be_repaired(desk: Desk) -> None:
    replace(desk.path, "role: tool\n", "role: toll\n")
    draft = await desk.memory.begin_edit()
    assert draft.path.read_text().splitlines()[draft.line - 1] == "  - role: toll"
    replace(draft.path, "role: toll\n", "role: tool\n")
    assert await desk.memory.finish_edit(draft)
    assert len((await SessionLibrary(desk.memory.sessions_dir).load(FIRST)).messages) == 4


async def test_edit_of_a_missing_message_is_an_error(desk: Desk) -> None:
    with pytest.raises(UsageError, match=r"Message 9 does not exist: this session has 4 messages\."):
        await desk.memory.begin_edit(9)
    assert desk.copies("edited") == []


async def test_edit_of_a_session_without_a_file_is_an_error(sessions_dir: Path) -> None:
    with pytest.raises(UsageError, match="no file yet"):
        await MemoryManager(sessions_dir=sessions_dir).begin_edit()


async def test_both_files_stay_after_a_disk_error(desk: Desk, fs: FaultyFileSystem) -> None:
    before = desk.path.read_bytes()
    draft = await desk.memory.begin_edit()
    replace(draft.path, "Be brief.", "Be kind.")
    fs.fail("replace")
    with pytest.raises(StorageError, match="apply the edited session"):
        await desk.memory.finish_edit(draft)
    fs.heal()
    assert desk.path.read_bytes() == before
    assert await desk.memory.finish_edit(draft)


async def test_leftover_draft_is_reported_when_the_session_is_opened(desk: Desk) -> None:
    draft = await desk.memory.begin_edit()
    replace(draft.path, "      4.\n", "      vier.\n")
    desk.memory.close()  # as after a kill: the draft stays
    [warning] = (await desk.memory.resume(FIRST)).warnings
    assert warning == (f"An edit was not applied. Rename it to session.yaml to apply it, or delete it: {draft.path}")
    assert "vier" not in (desk.memory.messages[-1].content or "")
    draft.path.rename(desk.path)
    async with desk.memory.turn() as turn:
        await turn.add(LLMMessage("user", "And now?"))
    assert desk.memory.messages[3].content == "It is\nvier.\n"
    assert desk.notices == ["session.yaml was edited: 1 message changed."]
    desk.memory.close()
    assert (await desk.memory.resume(FIRST)).warnings == ()


async def test_leftover_draft_older_than_the_session_is_reported_as_outdated(desk: Desk) -> None:
    draft = await desk.memory.begin_edit()
    replace(draft.path, "      4.\n", "      vier.\n")
    desk.memory.close()
    await desk.memory.resume(FIRST)
    async with desk.memory.turn() as turn:
        await turn.add(LLMMessage("user", "And now?"))
    later = draft.path.stat().st_mtime + 1
    os.utime(desk.path, (later, later))  # whatever the resolution of the file system's clock
    desk.memory.close()
    [warning] = (await desk.memory.resume(FIRST)).warnings
    assert warning == (
        "An edit was not applied, and session.yaml has changed since. "
        f"Copy what you need from it, then delete it: {draft.path}"
    )


async def test_draft_is_not_reported_without_holding_the_session(desk: Desk) -> None:
    await desk.memory.begin_edit()
    script = MemoryManager(sessions_dir=desk.memory.sessions_dir)
    assert (await script.resume(FIRST)).warnings == ()


async def test_leftover_draft_is_found_by_check(desk: Desk) -> None:
    draft = await desk.memory.begin_edit()
    found = await SessionLibrary(desk.memory.sessions_dir).check()
    assert "unfinished edit" in next(finding.message for finding in found if finding.path == draft.path)
