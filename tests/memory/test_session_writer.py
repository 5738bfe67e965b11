"""SessionWriter keeps the changes that others make to the file of an open session."""

from __future__ import annotations

import errno
import os
import re
import shutil
from pathlib import Path

import pytest

from aloop.config.user_folders import state_dir
from aloop.errors import NewerVersion, Problem, SessionBusy, SessionFileError, StorageError
from aloop.formatting import display_path
from aloop.llm.message_types import LLMMessage
from aloop.memory import MemoryManager, SessionLibrary
from aloop.memory.codec.emitter import emit_messages
from aloop.memory.codec.serialization import load_session
from aloop.memory.disk.filesystem import SYSTEM
from aloop.memory.disk.locks import OPEN_LOCK
from aloop.memory.session_folder import session_file
from aloop.memory.sessions_dir.registry import Registry
from tests.memory.conversations import file_of, stored, take_turn
from tests.memory.faults import FaultyFileSystem


@pytest.fixture
def notices() -> list[str]:
    """The notices for the user."""
    return []


@pytest.fixture
async def memory(sessions_dir: Path, notices: list[str]) -> MemoryManager:
    """The manager of a shell, with one saved turn."""
    manager = MemoryManager(sessions_dir=sessions_dir, hold=True)
    manager.on_notice = notices.append
    await take_turn(manager, "Hello", "Hi")
    return manager


def contents(memory: MemoryManager) -> list[str | None]:
    return [message.content for message in memory.messages]


async def stored_contents(memory: MemoryManager) -> list[str | None]:
    return [message.content for message in await stored(memory)]


def edit(path: Path, old: str, new: str) -> None:
    """Edit like vim: write a new file and rename it."""
    other = path.with_name("4913")
    other.write_text(path.read_text().replace(old, new))
    other.replace(path)


async def test_edit_between_turns_is_reloaded_and_reported(memory: MemoryManager, notices: list[str]) -> None:
    edit(file_of(memory), '"Hello"', '"Hello there"')
    await take_turn(memory, "And?", "So.")
    assert notices == ["session.yaml was edited: 1 message changed."]
    assert contents(memory) == ["Hello there", "Hi", "And?", "So."]
    assert await stored_contents(memory) == contents(memory)


async def test_edit_during_a_turn_is_merged(memory: MemoryManager, notices: list[str]) -> None:
    path = file_of(memory)
    await take_turn(memory, "And?", "So.", between=lambda: edit(path, '"Hi"', '"Hi!"  # better'))
    assert await stored_contents(memory) == ["Hello", "Hi!", "And?", "So."]
    assert "# better" in path.read_text()
    assert notices == ["session.yaml was edited: 1 message changed."]


async def test_edit_in_place_is_merged(memory: MemoryManager) -> None:
    path = file_of(memory)
    text = path.read_text().replace('"Hi"', '"Hi!"')
    await take_turn(memory, "And?", "So.", between=lambda: path.write_text(text))
    assert await stored_contents(memory) == ["Hello", "Hi!", "And?", "So."]


async def test_removed_messages_are_kept_in_a_copy(memory: MemoryManager, notices: list[str]) -> None:
    path = file_of(memory)
    path.write_text(re.sub(r'  - role: assistant\n    content: "Hi"\n    at: .*\n', "", path.read_text()))
    await take_turn(memory, "And?", "So.")
    assert await stored_contents(memory) == ["Hello", "And?", "So."]
    (copy,) = path.parent.glob("session.before-*.yaml")
    assert '"Hi"' in copy.read_text()
    assert notices == [f"session.yaml was edited: 1 message removed. The previous version is kept as {copy.name}."]


async def test_touched_file_is_not_reported(memory: MemoryManager, notices: list[str]) -> None:
    file_of(memory).touch()
    await take_turn(memory, "And?", "So.")
    assert notices == []


async def test_broken_file_is_kept_and_turns_go_to_a_recovery_file(memory: MemoryManager, notices: list[str]) -> None:
    path = file_of(memory)
    edit(path, "messages:", "messages: [")
    broken = path.read_text()
    await take_turn(memory, "One?", "One.")
    await take_turn(memory, "Two?", "Two.")
    assert path.read_text() == broken
    (recovered,) = path.parent.glob("session.recovered-*.yaml")
    assert '"Two."' in recovered.read_text()
    assert memory.recovered_path == recovered
    assert all(f"{path}:7:18: " in line for line in notices)
    assert "Fix that line" in notices[0]


async def test_error_for_a_broken_file_names_the_recovery_file(memory: MemoryManager, sessions_dir: Path) -> None:
    path = file_of(memory)
    edit(path, "messages:", "messages: [")
    await take_turn(memory, "One?", "One.")
    (recovered,) = path.parent.glob("session.recovered-*.yaml")
    memory.close()
    pattern = f"session.yaml:7:18: .*; later turns are beside it, in {recovered.name}$"
    with pytest.raises(SessionFileError, match=pattern):
        await SessionLibrary(sessions_dir).load(memory.session_id)
    with pytest.raises(SessionFileError, match=pattern):
        await MemoryManager(sessions_dir=sessions_dir).resume(memory.session_id)


async def test_recovered_path_is_none_if_the_file_lacks_the_last_message(memory: MemoryManager) -> None:
    edit(file_of(memory), "messages:", "messages: [")
    await take_turn(memory, "One?", "One.")
    await memory.add_message(LLMMessage("user", "Two?"))
    assert memory.recovered_path is None


async def test_turns_are_saved_normally_after_the_file_is_repaired(memory: MemoryManager, notices: list[str]) -> None:
    path = file_of(memory)
    edit(path, "messages:", "messages: [")
    await take_turn(memory, "One?", "One.")
    edit(path, "messages: [", "messages:")
    await take_turn(memory, "Two?", "Two.")
    assert await stored_contents(memory) == ["Hello", "Hi", "One?", "One.", "Two?", "Two."]
    assert list(path.parent.glob("session.recovered-*.yaml")) == []
    assert "is readable again" in notices[-1]


async def test_resume_warns_of_a_recovery_file(
    memory: MemoryManager,
) -> None:
    path = file_of(memory)
    edit(path, "messages:", "messages: [")
    await take_turn(memory, "One?", "One.")
    memory.close()
    edit(path, "messages: [", "messages:")
    (recovered,) = path.parent.glob("session.recovered-*.yaml")
    script = MemoryManager(sessions_dir=memory.sessions_dir)
    assert (await script.resume(memory.session_id)).warnings == (), "another shell may be at it"
    [warning] = (await memory.resume(memory.session_id)).warnings
    assert f"are not in session.yaml, but in {recovered}. " in warning
    path.write_bytes(recovered.read_bytes())
    assert (await memory.resume(memory.session_id)).warnings == (), "the file has all turns"


async def test_turns_that_the_user_copied_from_the_recovery_file_are_not_repeated(
    memory: MemoryManager, notices: list[str]
) -> None:
    path = file_of(memory)
    edit(path, "messages:", "messages: [")
    await take_turn(memory, "One?", "One.")
    await take_turn(memory, "Two?", "Two.")
    (recovered,) = path.parent.glob("session.recovered-*.yaml")
    recovered.rename(path)
    await take_turn(memory, "Three?", "Three.")
    assert await stored_contents(memory) == ["Hello", "Hi", "One?", "One.", "Two?", "Two.", "Three?", "Three."]
    assert "is readable again." in notices[-1]


async def test_copied_part_of_the_recovery_file_is_completed(memory: MemoryManager) -> None:
    path = file_of(memory)
    whole = path.read_bytes()
    edit(path, "messages:", "messages: [")
    await take_turn(memory, "One?", "One.")
    await take_turn(memory, "Two?", "Two.")
    recovered = load_session(memory.recovered_path.read_bytes(), path) if memory.recovered_path else None
    assert recovered
    path.write_bytes(whole.replace(b"...\n", emit_messages(recovered.messages[2:4], 2).encode() + b"...\n"))
    await take_turn(memory, "Three?", "Three.")
    assert await stored_contents(memory) == ["Hello", "Hi", "One?", "One.", "Two?", "Two.", "Three?", "Three."]


async def test_edited_recovery_file_is_kept(memory: MemoryManager, notices: list[str]) -> None:
    path = file_of(memory)
    edit(path, "messages:", "messages: [")
    await take_turn(memory, "One?", "One.")
    (recovered,) = path.parent.glob("session.recovered-*.yaml")
    recovered.write_text(recovered.read_text() + "# mine\n")
    edit(path, "messages: [", "messages:")
    await take_turn(memory, "Two?", "Two.")
    assert recovered.exists()
    assert "was edited, so it was not removed" in notices[-1]


async def test_edit_of_the_replaced_file_is_merged(memory: MemoryManager) -> None:
    path = file_of(memory)
    with path.open("r+") as editor:
        text = editor.read()
        await take_turn(memory, "One?", "One.")
        editor.seek(0)
        editor.write(text.replace('"Hello"', '"HELLO"'))
        editor.flush()
        await take_turn(memory, "Two?", "Two.")
    assert await stored_contents(memory) == ["HELLO", "Hi", "One?", "One.", "Two?", "Two."]
    memory.close()


async def test_removed_file_is_written_again_and_reported(memory: MemoryManager, notices: list[str]) -> None:
    file_of(memory).unlink()
    await take_turn(memory, "And?", "So.")
    assert await stored_contents(memory) == ["Hello", "Hi", "And?", "So."]
    assert "had been removed; the session was written again" in notices[0]


async def test_removed_folder_is_created_again(memory: MemoryManager) -> None:
    shutil.rmtree(memory.sessions_dir)
    await take_turn(memory, "And?", "So.")
    assert await stored_contents(memory) == ["Hello", "Hi", "And?", "So."]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    project = tmp_path / "project"
    project.mkdir()
    return project


@pytest.fixture
def in_project(project: Path, notices: list[str]) -> MemoryManager:
    manager = MemoryManager(sessions_dir=project / ".aloop" / "sessions")
    manager.on_notice = notices.append
    return manager


def require_kept_elsewhere(manager: MemoryManager, project: Path, notices: list[str]) -> None:
    assert not project.exists()
    assert notices == [
        f"{display_path(project)} was removed, so the session is now saved in {display_path(manager.sessions_dir)}."
    ]
    assert manager.sessions_dir.is_relative_to(state_dir())
    assert manager.sessions_dir in Registry.of_user().folders()
    assert file_of(manager).parent.parent == manager.sessions_dir


async def test_session_of_a_project_removed_before_the_first_turn_is_kept_elsewhere(
    in_project: MemoryManager, project: Path, notices: list[str]
) -> None:
    project.rmdir()
    await take_turn(in_project, "Hello", "Hi")
    require_kept_elsewhere(in_project, project, notices)


@pytest.mark.parametrize("has_output", [False, True])
async def test_session_of_a_project_removed_in_mid_turn_is_kept_elsewhere(
    in_project: MemoryManager, project: Path, notices: list[str], has_output: bool
) -> None:
    await take_turn(in_project, "Hello", "Hi")
    async with in_project.turn() as turn:
        await turn.add(LLMMessage("user", "And?"))
        shutil.rmtree(project)
        if has_output:
            await in_project.keep_output("read_file", "text")
        await turn.add(LLMMessage("assistant", "So."))
    assert await stored_contents(in_project) == ["Hello", "Hi", "And?", "So."]
    require_kept_elsewhere(in_project, project, notices)
    await take_turn(in_project, "More?", "No.")
    assert await stored_contents(in_project) == ["Hello", "Hi", "And?", "So.", "More?", "No."]
    assert len(notices) == 1


async def test_undo_after_the_project_was_removed_is_made_in_the_kept_session(
    in_project: MemoryManager, project: Path, notices: list[str]
) -> None:
    await take_turn(in_project, "Hello", "Hi")
    await take_turn(in_project, "And?", "So.")
    shutil.rmtree(project)
    await in_project.undo()
    assert await stored_contents(in_project) == ["Hello", "Hi"]
    require_kept_elsewhere(in_project, project, notices)
    await in_project.redo()
    assert await stored_contents(in_project) == ["Hello", "Hi", "And?", "So."]


def require_moved(manager: MemoryManager, project: Path, moved: Path, notices: list[str]) -> None:
    assert not project.exists()
    where = f"{display_path(project)} was moved to {display_path(moved)}, and the session is saved there."
    assert notices == [where]
    assert manager.sessions_dir == moved / ".aloop" / "sessions"
    assert file_of(manager).parent.parent == manager.sessions_dir
    assert not (state_dir() / "aloop" / "removed-projects").exists()
    assert not [path for path in file_of(manager).parent.iterdir() if "journal" in path.name]


@pytest.fixture
def moved(tmp_path: Path) -> Path:
    return tmp_path / "moved"


@pytest.fixture
def held_in_project(project: Path, notices: list[str], monkeypatch: pytest.MonkeyPatch) -> MemoryManager:
    """The manager of a shell that runs in a folder of the project."""
    (project / "src").mkdir()
    monkeypatch.chdir(project / "src")
    manager = MemoryManager(sessions_dir=project / ".aloop" / "sessions", hold=True)
    manager.on_notice = notices.append
    return manager


async def test_session_of_a_project_moved_between_turns_moves_with_it(
    held_in_project: MemoryManager, project: Path, moved: Path, notices: list[str]
) -> None:
    await take_turn(held_in_project, "Hello", "Hi")
    project.rename(moved)
    await take_turn(held_in_project, "And?", "So.")
    await take_turn(held_in_project, "More?", "No.")
    require_moved(held_in_project, project, moved, notices)
    assert await stored_contents(held_in_project) == ["Hello", "Hi", "And?", "So.", "More?", "No."]
    await held_in_project.undo()
    assert await stored_contents(held_in_project) == ["Hello", "Hi", "And?", "So."]
    lock = SYSTEM.open_lock(file_of(held_in_project).with_name(OPEN_LOCK))
    assert not SYSTEM.try_lock(lock)
    held_in_project.close()
    assert SYSTEM.try_lock(lock)
    os.close(lock)


async def test_session_of_a_project_moved_before_the_first_turn_moves_with_it(
    held_in_project: MemoryManager, project: Path, moved: Path, notices: list[str]
) -> None:
    project.rename(moved)
    await take_turn(held_in_project, "Hello", "Hi")
    require_moved(held_in_project, project, moved, notices)
    assert await stored_contents(held_in_project) == ["Hello", "Hi"]


@pytest.mark.parametrize("is_replaced", [False, True])
async def test_session_of_a_project_moved_in_mid_turn_moves_with_it(
    held_in_project: MemoryManager, project: Path, moved: Path, notices: list[str], is_replaced: bool
) -> None:
    await take_turn(held_in_project, "Hello", "Hi")
    async with held_in_project.turn() as turn:
        await turn.add(LLMMessage("user", "And?"))
        project.rename(moved)
        if is_replaced:
            project.mkdir()
        await turn.add(LLMMessage("assistant", "So."))
    if is_replaced:
        project.rmdir()  # nothing was written to it
    require_moved(held_in_project, project, moved, notices)
    assert await stored_contents(held_in_project) == ["Hello", "Hi", "And?", "So."]


async def test_edit_of_a_session_after_its_project_was_moved_is_kept(
    held_in_project: MemoryManager, project: Path, moved: Path, notices: list[str]
) -> None:
    await take_turn(held_in_project, "Hello", "Hi")
    path = moved / file_of(held_in_project).relative_to(project)
    project.rename(moved)
    edit(path, '"Hello"', '"Hello there"')
    await take_turn(held_in_project, "And?", "So.")
    assert await stored_contents(held_in_project) == ["Hello there", "Hi", "And?", "So."]
    assert any("1 message changed" in notice for notice in notices)


async def test_stored_session_is_opened_after_the_project_was_moved(
    held_in_project: MemoryManager, project: Path, moved: Path, notices: list[str]
) -> None:
    await take_turn(held_in_project, "Hello", "Hi")
    first = held_in_project.session_id
    held_in_project.start_new()
    project.rename(moved)
    assert len((await held_in_project.resume(first)).messages) == 2
    require_moved(held_in_project, project, moved, notices)


async def test_project_moved_to_the_trash_counts_as_removed(
    held_in_project: MemoryManager, project: Path, tmp_path: Path, notices: list[str]
) -> None:
    await take_turn(held_in_project, "Hello", "Hi")
    trash = tmp_path / ".Trash-1000" / "files"
    trash.mkdir(parents=True)
    project.rename(trash / "project")
    await take_turn(held_in_project, "And?", "So.")
    require_kept_elsewhere(held_in_project, project, notices)
    assert await stored_contents(held_in_project) == ["Hello", "Hi", "And?", "So."]


async def test_resume_reports_a_newer_copy_of_a_removed_project(
    in_project: MemoryManager, project: Path, moved: Path, notices: list[str]
) -> None:
    await take_turn(in_project, "Hello", "Hi")
    project.rename(moved)  # this process runs elsewhere, and cannot know the new path
    await take_turn(in_project, "And?", "So.")
    require_kept_elsewhere(in_project, project, notices)
    kept, old = in_project.sessions_dir, MemoryManager(sessions_dir=moved / ".aloop" / "sessions")
    opened = await old.resume(in_project.session_id)
    assert len(opened.messages) == 2
    command = f"aloop --resume {in_project.session_id[:8]} --sessions-dir {kept}"
    where = f"A newer copy of this session is in {display_path(kept)}."
    assert opened.warnings == (f"{where} To open it, run `{command}`.",)
    assert not (await MemoryManager(sessions_dir=kept).resume(in_project.session_id)).warnings
    await take_turn(old, "Later?", "Yes.")
    assert not (await MemoryManager(sessions_dir=old.sessions_dir).resume(in_project.session_id)).warnings


async def test_removed_project_is_created_again_without_a_folder_of_the_user(
    in_project: MemoryManager, project: Path, notices: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/dev/null")
    project.rmdir()
    await take_turn(in_project, "Hello", "Hi")
    assert notices[0] == f"{display_path(project)} was removed, and aloop created it again for the session."
    assert await stored_contents(in_project) == ["Hello", "Hi"]


async def test_new_folder_removed_by_other_processes_is_created_again(
    sessions_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_folder, sweeps = SYSTEM.mkdir, iter(range(9))

    def make_and_lose(path: Path) -> None:
        make_folder(path)
        if path.parent == sessions_dir and next(sweeps, None) is not None:
            path.rmdir()

    monkeypatch.setattr(SYSTEM, "mkdir", make_and_lose)
    manager = MemoryManager(sessions_dir=sessions_dir)
    await take_turn(manager, "Hello", "Hi")
    assert await stored_contents(manager) == ["Hello", "Hi"]


async def test_failed_first_turn_leaves_no_folder(sessions_dir: Path) -> None:
    memory = MemoryManager(sessions_dir=sessions_dir, hold=True)
    with pytest.raises(ValueError, match="no answer"):
        await take_turn(memory, "Hello", "Hi", between=no_answer)
    assert [path for path in sessions_dir.iterdir() if path.is_dir()] == []
    await take_turn(memory, "Hello", "Hi")
    assert await stored_contents(memory) == ["Hello", "Hi"]


async def test_turn_that_could_not_be_saved_is_saved_with_the_next(
    memory: MemoryManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(SYSTEM, "replace", fail_replace)
        with pytest.raises(StorageError, match="the disk is full"):
            await take_turn(memory, "One?", "One.")
    journals = list(file_of(memory).parent.glob(".journal-*"))
    assert len(journals) == 1
    await take_turn(memory, "Two?", "Two.")
    assert await stored_contents(memory) == ["Hello", "Hi", "One?", "One.", "Two?", "Two."]
    assert list(file_of(memory).parent.glob(".journal-*")) == []


def no_answer() -> None:
    raise ValueError("no answer")


def fail_replace(source: Path, target: Path) -> None:
    raise OSError(28, "No space left on device")


async def test_turn_continues_without_a_journal_and_reports_it(
    memory: MemoryManager, notices: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(SYSTEM, "create", fail_create)
        turn = memory.turn()
        await turn.__aenter__()
        await turn.add(LLMMessage("user", "One?"))
    await turn.add(LLMMessage("assistant", "One."))
    await turn.__aexit__(None, None, None)
    assert await stored_contents(memory) == ["Hello", "Hi", "One?", "One."]
    assert len(notices) == 1
    assert "the turn is lost" in notices[0]


def fail_create(path: Path) -> int:
    raise OSError(28, "No space left on device")


async def test_two_writers_lose_no_turn(sessions_dir: Path) -> None:
    one = MemoryManager(sessions_dir=sessions_dir)
    await take_turn(one, "Hello", "Hi")
    two = await MemoryManager.from_session(one.session_id, sessions_dir=sessions_dir)
    for number in range(5):
        await take_turn(one, f"one {number}", "yes")
        await take_turn(two, f"two {number}", "yes")
    asked = {text for text in await stored_contents(one) if text not in {"yes", "Hi"}}
    assert asked == {"Hello", *(f"{who} {number}" for who in ("one", "two") for number in range(5))}


async def test_script_adds_to_a_session_that_a_shell_has_open(memory: MemoryManager) -> None:
    library = await MemoryManager.from_session(memory.session_id, sessions_dir=memory.sessions_dir)
    await take_turn(library, "From a script", "Done.")
    await take_turn(memory, "And?", "So.")
    assert await stored_contents(memory) == ["Hello", "Hi", "From a script", "Done.", "And?", "So."]


async def test_resume_of_a_session_open_in_another_shell_is_rejected(
    memory: MemoryManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = MemoryManager(sessions_dir=memory.sessions_dir, hold=True)
    await take_turn(other, "Elsewhere", "Yes")
    monkeypatch.setattr("aloop.memory.disk.locks.OpenLock._held", {})
    before = other.session_id
    with pytest.raises(SessionBusy, match="is open in another aloop"):
        await other.resume(memory.session_id)
    assert other.session_id == before
    assert contents(other) == ["Elsewhere", "Yes"]


def names_beside(path: Path) -> list[str]:
    """Return the visible names in a session's folder."""
    return sorted(name.name for name in path.parent.iterdir() if not name.name.startswith("."))


async def test_turn_of_a_newer_session_is_refused_before_the_question(memory: MemoryManager) -> None:
    path = file_of(memory)
    edit(path, "id: ", "version: 2\nid: ")
    before = path.read_bytes()
    with pytest.raises(NewerVersion, match=r"session\.yaml:2:10: written by a later version of aloop"):
        await take_turn(memory, "One?", "One.")
    memory.close()
    assert contents(memory) == ["Hello", "Hi"]
    assert path.read_bytes() == before
    assert names_beside(path) == ["session.yaml"]
    assert await MemoryManager(sessions_dir=memory.sessions_dir).library.recover() == []


async def test_newer_session_is_not_renamed(memory: MemoryManager) -> None:
    path = file_of(memory)
    edit(path, "id: ", "version: 2\nid: ")
    with pytest.raises(NewerVersion):
        await memory.rename("Other")
    assert names_beside(path) == ["session.yaml"]


async def test_newer_session_is_not_writable(memory: MemoryManager) -> None:
    await memory.require_writable()
    edit(file_of(memory), "id: ", "version: 2\nid: ")
    with pytest.raises(NewerVersion):
        await memory.require_writable()


async def test_turn_is_saved_beside_a_session_that_became_newer_during_the_turn(
    memory: MemoryManager, notices: list[str]
) -> None:
    path = file_of(memory)
    await take_turn(memory, "One?", "One.", between=lambda: edit(path, "id: ", "version: 2\nid: "))
    (beside,) = path.parent.glob("session.recovered-*.yaml")
    saved = session_file.SessionFile.read(SYSTEM, beside).session
    assert [message.content for message in saved.messages] == ["Hello", "Hi", "One?", "One."]
    assert f"{path}:2:10: written by a later version" in notices[-1]
    assert notices[-1].endswith(f"this turn was saved beside it in {beside.name}.")
    assert memory.recovered_path == beside


async def test_turn_is_saved_beside_a_layout_that_cannot_be_extended(
    memory: MemoryManager, notices: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = file_of(memory)
    edit(path, "title:", "# mine\ntitle:")
    before = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(session_file, "find_insertion_points", lambda parsed: None)
        patch.setattr(session_file, "canonical_insertion_points", lambda data: None)
        await take_turn(memory, "One?", "One.")
        await take_turn(memory, "Two?", "Two.")
    assert path.read_bytes() == before
    (beside,) = path.parent.glob("session.recovered-*.yaml")
    saved = session_file.SessionFile.read(SYSTEM, beside).session
    assert [message.content for message in saved.messages[2:]] == ["One?", "One.", "Two?", "Two."]
    assert "saved beside it" in notices[-1]


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS])
async def test_turn_of_a_session_without_write_permission_is_refused_before_the_question(
    memory: MemoryManager, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fail(path: Path) -> int:
        raise OSError(number, "refused", str(path))

    path = file_of(memory)
    with monkeypatch.context() as patch:
        patch.setattr(SYSTEM, "create", fail)
        with pytest.raises(StorageError, match=f"Could not continue the session in {path.parent}: "):
            await take_turn(memory, "One?", "One.")
    assert contents(memory) == ["Hello", "Hi"]
    await take_turn(memory, "Two?", "Two.")
    assert await stored_contents(memory) == ["Hello", "Hi", "Two?", "Two."]


async def test_fork_of_a_newer_session_can_be_continued(memory: MemoryManager, notices: list[str]) -> None:
    path = file_of(memory)
    edit(path, "id: ", "version: 2\nid: ")
    before = path.read_bytes()
    await memory.fork(session_id=memory.session_id)
    await take_turn(memory, "One?", "One.")
    await take_turn(memory, "Two?", "Two.")
    assert await stored_contents(memory) == ["Hello", "Hi", "One?", "One.", "Two?", "Two."]
    assert names_beside(file_of(memory)) == ["session.yaml"]
    assert path.read_bytes() == before
    assert notices == []


async def test_undo_is_made_once_if_the_folder_disappears_during_it(
    fs: FaultyFileSystem, memory: MemoryManager, sessions_dir: Path
) -> None:
    await take_turn(memory, "And?", "So.")
    for call in ("sync_folder", "set_modified"):  # after the replacement, and before it
        count = 0

        def vanish(call: str = call) -> None:
            nonlocal count
            count += 1
            if count == (2 if call == "sync_folder" else 1):  # the first sync is of the undone turn
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))

        fs.before[call] = vanish
        await memory.undo()
        fs.before.clear()
        assert await stored_contents(memory) == ["Hello", "Hi"] == contents(memory)
        await memory.redo()
        assert await stored_contents(memory) == ["Hello", "Hi", "And?", "So."] == contents(memory)


async def test_folder_that_was_away_for_a_while_is_used_again(
    fs: FaultyFileSystem, memory: MemoryManager, sessions_dir: Path
) -> None:
    """After a failure of a network disk, the session is not in two folders."""
    folder = file_of(memory).parent
    with pytest.raises(StorageError, match="No such file"):
        await take_turn(
            memory, "Lost?", "No.", between=lambda: fs.fail("lstat", "mkdir", "create", number=errno.ENOENT)
        )
    fs.heal()
    await take_turn(memory, "And?", "So.")
    assert file_of(memory).parent == folder
    assert [path.name for path in sessions_dir.iterdir() if path.is_dir()] == [folder.name]
    assert await stored_contents(memory) == ["Hello", "Hi", "Lost?", "No.", "And?", "So."]


async def test_session_that_git_removed_is_written_with_the_files_beside_it(
    memory: MemoryManager, sessions_dir: Path
) -> None:
    """A checkout of a branch without sessions leaves only the lock files."""
    beside = [sessions_dir / ".gitignore", sessions_dir / ".session.schema.json"]
    for path in (*beside, file_of(memory)):
        path.unlink()
    await take_turn(memory, "And?", "So.")
    assert [path.exists() for path in beside] == [True, True]
    assert await stored_contents(memory) == ["Hello", "Hi", "And?", "So."]


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("folder", r"there is a folder where the file \.lock should be\. Move it elsewhere\."),
        ("link", r"the file \.lock is a link, and links are not followed\."),
    ],
)
async def test_object_in_place_of_the_lock_is_named_and_loses_no_turn(
    memory: MemoryManager, tmp_path: Path, kind: str, reason: str
) -> None:
    lock, target = file_of(memory).with_name(".lock"), tmp_path / "target"
    target.write_text("mine")
    lock.unlink()
    lock.mkdir() if kind == "folder" else lock.symlink_to(target)
    with pytest.raises(StorageError, match=reason):
        await take_turn(memory, "And?", "So.")
    lock.rmdir() if kind == "folder" else lock.unlink()
    await memory.save_memory()
    assert await stored_contents(memory) == ["Hello", "Hi", "And?", "So."]
    assert target.read_text() == "mine"


async def test_broken_file_is_a_problem_named_below_the_home_folder(
    memory: MemoryManager, notices: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = file_of(memory)
    monkeypatch.setenv("HOME", str(memory.sessions_dir.parent))
    path.write_text(path.read_text().replace("messages:", "messages: ["))
    await take_turn(memory, "And?", "So.")
    before, saved = notices
    shown = display_path(path)
    assert shown.startswith("~")
    assert before.startswith(f"{shown}:")
    assert saved.startswith(f"{shown}:")
    assert all(isinstance(notice, Problem) for notice in notices)


async def test_only_messages_that_were_removed_elsewhere_are_a_problem(
    memory: MemoryManager, notices: list[str]
) -> None:
    draft = await memory.begin_edit()
    edit(draft.path, '"Hello"', '"Hello there"')
    assert await memory.finish_edit(draft)
    edit(file_of(memory), '"Hello there"', '"Good morning"')
    await memory.rename("A greeting")
    assert [isinstance(notice, Problem) for notice in notices] == [False, False]
    other = await MemoryManager.from_session(memory.session_id, sessions_dir=memory.sessions_dir)
    await other.undo()
    await memory.rename("Greetings")
    assert notices[-1].startswith("session.yaml was edited: 2 messages removed.")
    assert isinstance(notices[-1], Problem)
