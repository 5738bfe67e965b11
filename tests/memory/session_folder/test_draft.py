"""A session in an editor: a copy is edited, checked, and takes the file's place."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from aloop.errors import NewerVersion, SessionFileError, StorageError, UsageError
from aloop.llm.message_types import LLMMessage
from aloop.memory import MemoryManager, SessionLibrary
from tests.memory.faults import FaultyPort
from tests.saved_sessions import FIRST, SECOND, save


class Desk:
    """A session that a shell has open, its file, and what the shell was told."""

    def __init__(self, sessions_dir: Path) -> None:
        self.path = save(sessions_dir, FIRST)
        self.memory = MemoryManager(sessions_dir=sessions_dir, hold=True)
        self.told: list[str] = []
        self.memory.on_notice = self.told.append

    def copies(self, kind: str) -> list[Path]:
        return list(self.path.parent.glob(f"session.{kind}-*.yaml"))

    async def edit(self, old: str, new: str) -> bool:
        """Replace ``old`` by ``new`` in the editor and leave it."""
        draft = await self.memory.begin_edit()
        replace(draft.path, old, new)
        return await self.memory.finish_edit(draft)


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.fixture
async def desk(fs: FaultyPort, sessions_dir: Path) -> Desk:
    desk = Desk(sessions_dir)
    await desk.memory.resume(FIRST)
    return desk


@pytest.fixture(autouse=True)
def _leave(desk: Desk) -> Iterator[None]:
    yield
    desk.memory.close()


async def test_the_copy_is_private_and_begins_at_the_message(desk: Desk) -> None:
    draft = await desk.memory.begin_edit(3)
    lines = draft.path.read_text().splitlines()
    assert lines[draft.line - 1] == "  - role: tool"
    assert draft.path.read_bytes() == desk.path.read_bytes()
    assert draft.path.stat().st_mode & 0o777 == 0o600
    assert (await desk.memory.begin_edit()).line == 1


async def test_what_was_edited_is_the_session_byte_for_byte(desk: Desk) -> None:
    wanted = desk.path.read_text().replace("      It is\n", "      It was\n")
    assert await desk.edit("      It is\n", "      It was\n")
    assert desk.path.read_text() == wanted
    assert desk.memory.messages[-1].content == "It was\n4.\n"
    assert desk.told == ["Edited: 1 message changed."]
    assert desk.copies("edited") == []


async def test_what_others_changed_before_is_told_as_theirs_and_once(desk: Desk) -> None:
    replace(desk.path, "What is 2+2?", "What is 2+3?")
    assert await desk.edit("      It is\n", "      It was\n")
    assert desk.told == ["session.yaml changed on disk: 1 edited; reloaded.", "Edited: 1 message changed."]


async def test_what_was_left_as_it_is_changes_nothing(desk: Desk) -> None:
    draft = await desk.memory.begin_edit()
    assert not await desk.memory.finish_edit(draft)
    assert (desk.told, desk.copies("edited")) == ([], [])


async def test_what_an_editor_leaves_beside_the_copy_goes_with_it(desk: Desk) -> None:
    draft = await desk.memory.begin_edit()
    draft.path.with_name(f"{draft.path.name}~").write_text("a backup")
    await desk.memory.finish_edit(draft)
    assert [path.name for path in desk.path.parent.iterdir() if path.name[0] != "."] == ["session.yaml"]


async def test_a_copy_that_is_given_up_stays_when_something_was_written_into_it(desk: Desk) -> None:
    draft = await desk.memory.begin_edit()
    replace(draft.path, "Be brief.", "Be kind.")
    assert await desk.memory.drop_edit(draft)
    replace(draft.path, "Be kind.", "Be brief.")
    assert not await desk.memory.drop_edit(draft)
    assert desk.copies("edited") == []


async def test_a_message_that_was_removed_stays_in_a_copy_of_the_file(desk: Desk) -> None:
    draft = await desk.memory.begin_edit()
    draft.path.write_text(draft.path.read_text().partition("  - role: tool\n")[0])
    assert await desk.memory.finish_edit(draft)
    assert len(desk.memory.messages) == 2
    [copy] = desk.copies("before")
    assert "2 messages removed" in desk.told[0]
    assert copy.name in desk.told[0]


@pytest.mark.parametrize(
    ("old", "new", "line", "reason"),
    [
        ("role: tool", 'role: "tool', 18, "expected key"),
        ("role: tool", "role: toll", 18, "unknown role"),
        (FIRST, SECOND, 1, "the id must stay"),
    ],
)
async def test_what_is_not_valid_is_told_with_its_place_and_the_good_version_stays(
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


async def test_a_version_of_the_future_is_refused(desk: Desk) -> None:
    with pytest.raises(NewerVersion):
        await desk.edit("system_messages:", "version: 2\nsystem_messages:")


async def test_what_others_added_meanwhile_follows_and_their_version_is_kept(desk: Desk, sessions_dir: Path) -> None:
    draft = await desk.memory.begin_edit()
    other = await MemoryManager.from_session(FIRST, sessions_dir=sessions_dir)
    await other.add_message(LLMMessage("user", "And 3+3?"))
    await other.save_memory()
    theirs = desk.path.read_bytes()
    replace(draft.path, "Be brief.", "Be kind.")
    assert await desk.memory.finish_edit(draft)
    assert [message.content for message in desk.memory.system_messages] == ["Be kind."]
    assert desk.memory.messages == other.messages
    assert "What was added to it (1) follows yours." in desk.told[0]
    assert desk.told[1] == "session.yaml changed on disk: 1 added; reloaded."
    [copy] = desk.copies("before")
    assert copy.read_bytes() == theirs


async def test_what_others_changed_otherwise_is_kept_in_a_copy(desk: Desk) -> None:
    draft = await desk.memory.begin_edit()
    replace(desk.path, "      4.\n", "      four.\n")
    theirs = desk.path.read_bytes()
    replace(draft.path, "      4.\n", "      vier.\n")
    assert await desk.memory.finish_edit(draft)
    assert desk.memory.messages[-1].content == "It is\nvier.\n"
    [copy] = desk.copies("before")
    assert copy.read_bytes() == theirs


async def test_a_write_at_the_last_moment_is_seen(desk: Desk, fs: FaultyPort) -> None:
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


async def test_a_broken_file_is_opened_where_it_is_broken_and_mended(desk: Desk) -> None:
    replace(desk.path, "role: tool\n", "role: toll\n")
    draft = await desk.memory.begin_edit()
    assert draft.path.read_text().splitlines()[draft.line - 1] == "  - role: toll"
    replace(draft.path, "role: toll\n", "role: tool\n")
    assert await desk.memory.finish_edit(draft)
    assert len((await SessionLibrary(desk.memory.sessions_dir).load(FIRST)).messages) == 4


async def test_a_message_that_is_not_there_can_not_be_edited(desk: Desk) -> None:
    with pytest.raises(UsageError, match="There is no message 9: this session has 4"):
        await desk.memory.begin_edit(9)
    assert desk.copies("edited") == []


async def test_a_session_without_a_file_can_not_be_edited(sessions_dir: Path) -> None:
    with pytest.raises(UsageError, match="no file yet"):
        await MemoryManager(sessions_dir=sessions_dir).begin_edit()


async def test_when_the_disk_says_no_both_files_stay(desk: Desk, fs: FaultyPort) -> None:
    before = desk.path.read_bytes()
    draft = await desk.memory.begin_edit()
    replace(draft.path, "Be brief.", "Be kind.")
    fs.fail("replace")
    with pytest.raises(StorageError, match="apply the edited session"):
        await desk.memory.finish_edit(draft)
    fs.heal()
    assert desk.path.read_bytes() == before
    assert await desk.memory.finish_edit(draft)


async def test_an_edit_that_was_never_taken_over_is_told_when_the_session_is_opened_again(desk: Desk) -> None:
    draft = await desk.memory.begin_edit()
    replace(draft.path, "      4.\n", "      vier.\n")
    desk.memory.close()  # as when the process was killed: the copy stays
    [told] = (await desk.memory.resume(FIRST)).warnings
    assert told == (
        f"An edit was not taken over. Rename it to session.yaml to take it over, or delete it: {draft.path}"
    )
    assert "vier" not in (desk.memory.messages[-1].content or "")
    draft.path.rename(desk.path)
    async with desk.memory.turn() as turn:
        await turn.add(LLMMessage("user", "And now?"))
    assert desk.memory.messages[3].content == "It is\nvier.\n"
    assert desk.told == ["session.yaml changed on disk: 1 edited; reloaded."]
    desk.memory.close()
    assert (await desk.memory.resume(FIRST)).warnings == ()


async def test_an_edit_older_than_the_session_is_not_to_take_its_place(desk: Desk) -> None:
    draft = await desk.memory.begin_edit()
    replace(draft.path, "      4.\n", "      vier.\n")
    desk.memory.close()
    await desk.memory.resume(FIRST)
    async with desk.memory.turn() as turn:
        await turn.add(LLMMessage("user", "And now?"))
    later = draft.path.stat().st_mtime + 1
    os.utime(desk.path, (later, later))  # whatever the clock of the file system
    desk.memory.close()
    [told] = (await desk.memory.resume(FIRST)).warnings
    assert told == (
        "An edit was not taken over, and session.yaml has changed since. "
        f"Take what you need of it, then delete it: {draft.path}"
    )


async def test_an_edit_that_another_shell_may_be_at_is_not_told(desk: Desk) -> None:
    await desk.memory.begin_edit()
    script = MemoryManager(sessions_dir=desk.memory.sessions_dir)
    assert (await script.resume(FIRST)).warnings == ()


async def test_an_edit_that_was_never_taken_over_is_found_by_a_check(desk: Desk) -> None:
    draft = await desk.memory.begin_edit()
    found = await SessionLibrary(desk.memory.sessions_dir).check()
    assert "was not taken over" in next(finding.message for finding in found if finding.path == draft.path)
