"""Imported conversations as sessions: only once, and never over the user's work."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import errno
import json
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aloop.errors import SessionBusy, StorageError
from aloop.export.json import to_json
from aloop.importers.draft import Builder
from aloop.importers.imported import Imported
from aloop.importers.run import Scan, Selection
from aloop.importers.storing import sizes, store
from aloop.importers.storing.compare import _MARKS
from aloop.importers.storing.store import ImportStore, Outcome
from aloop.importers.transcript import session_id_of
from aloop.llm.json_values import JsonObject
from aloop.llm.message_types import LLMMessage, ThinkingBlock, ToolCall
from aloop.memory import MemoryManager, Session, SessionLibrary
from aloop.memory.codec.serialization import dump_session
from aloop.memory.disk import locks
from aloop.memory.disk.locks import OpenLock, write_lock
from tests.memory.test_parts import PIXEL

START = datetime(2026, 1, 22, 17, 51, tzinfo=UTC)


_ROLES = ("user", "assistant") * 9
_INJECTED = JsonObject({"foreign": {"injected": True}})


def talk(turns: int, result: str = "seen", **values: str) -> Imported:
    """Return a conversation of ``turns`` questions, each with a call and an answer."""
    builder = Builder("codex", "0199-a")
    for turn in range(turns):
        at = START + timedelta(minutes=turn)
        builder.user(f"Question {turn}", at)
        call = builder.answer(at, model="gpt-x")
        call.add_call(f"c{turn}", "look", '{"a":1}')
        call.foreign["encrypted_content"] = ["gAAA"]
        builder.result(f"c{turn}", result, at)
        builder.answer(at + timedelta(seconds=1), model="gpt-x").add_text(f"Answer {turn}")
    imported = builder.build()
    for key, value in values.items():
        setattr(imported, key, value)
    return imported


def test_attempt_to_find_a_mark_ends_at_the_next_bracket() -> None:
    # Otherwise, each of many open brackets would be followed to the end of the text.
    assert _MARKS.sub("", f"{'[image: files/' * 2}0123456789abcdef.png, image/png, 1 bytes]") == "[image: files/"


def zipped(path: Path, message: LLMMessage) -> Path:
    """Return an archive with a session of aloop that has one message."""
    messages = (LLMMessage("user", "Hi"), message)
    session = Session("11111111-2222-4333-8444-555555555555", START, START, (), messages, Path("session.yaml"))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("2026/session.yaml", dump_session(session))
    return path


def test_session_of_aloop_in_an_archive_is_read(tmp_path: Path) -> None:
    scan = Scan(Selection())
    [imported] = scan.read([zipped(tmp_path / "a.zip", LLMMessage("assistant", "Hello"))])
    assert imported.session
    assert [message.content for message in imported.messages] == ["Hi", "Hello"]
    assert not scan.is_partial


def test_session_whose_files_are_in_an_archive_is_left_for_an_import_of_the_folder(tmp_path: Path) -> None:
    result = LLMMessage("tool", "…", tool_call_id="c1", name="look", output_file="outputs/0001-look.txt")
    scan = Scan(Selection())
    assert list(scan.read([zipped(tmp_path / "a.zip", result)])) == []
    assert scan.problems == {
        "session.yaml has images or long results in other files of a.zip: unpack it, and import the folder": 1
    }
    assert not scan.empty


def test_session_that_another_import_has_just_written_is_not_written_again(sessions_dir: Path) -> None:
    first, second = ImportStore(sessions_dir), ImportStore(sessions_dir)
    assert [first.put(talk(1)).action, second.put(talk(1)).action] == ["imported", "unchanged"]
    assert len(list(sessions_dir.glob("*/"))) == 1


def test_messages_that_another_import_lacks_are_added_to_its_session(sessions_dir: Path) -> None:
    first, second = ImportStore(sessions_dir), ImportStore(sessions_dir)
    first.put(talk(1))
    assert (second.put(talk(2)).action, second.put(talk(2)).action) == ("updated", "unchanged")


def test_folder_that_two_imports_use_gets_one_session(sessions_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = ImportStore(sessions_dir), ImportStore(sessions_dir)
    make_folder = second.backend.make_folder

    def make_folder_slowly(session: Session) -> Path:
        folder = make_folder(session)
        assert first.put(talk(1)).action == "imported"
        return folder

    monkeypatch.setattr(second.backend, "make_folder", make_folder_slowly)
    assert second.put(talk(1)).action == "unchanged"
    assert len(list(sessions_dir.glob("*/session.yaml"))) == 1


def test_folder_that_another_import_writes_for_long_is_left_to_it(
    sessions_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ImportStore(sessions_dir)
    make_folder = store.backend.make_folder
    monkeypatch.setattr(locks, "PATIENCE", 0.0)
    with contextlib.ExitStack() as other:

        def make_folder_and_wait(session: Session) -> Path:
            folder = make_folder(session)
            other.enter_context(write_lock(store.backend.fs, folder, session.id))
            return folder

        monkeypatch.setattr(store.backend, "make_folder", make_folder_and_wait)
        with pytest.raises(SessionBusy):
            store.put(talk(1))
        (folder,) = sessions_dir.glob("2*")
        assert [path.name for path in folder.iterdir()] == [".lock"]


def test_shortened_result_of_a_session_of_aloop_keeps_its_output(sessions_dir: Path, tmp_path: Path) -> None:
    there = ImportStore(tmp_path / "there")
    there.put(talk(1, result="line\n" * 20_000))
    (before,) = (tmp_path / "there").glob("*/session.yaml")
    (imported,) = Scan(Selection()).read([before])
    assert ImportStore(sessions_dir).put(imported).action == "imported"
    (after,) = sessions_dir.glob("*/session.yaml")
    assert after.read_bytes() == before.read_bytes()
    assert [path.read_bytes() for path in after.parent.glob("outputs/*")] == [b"line\n" * 20_000]


def test_import_that_fails_leaves_no_folder(sessions_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ImportStore(sessions_dir)
    monkeypatch.setattr(store.backend, "create", raise_full)
    with pytest.raises(StorageError):
        store.put(talk(1, result="x" * 40_000))
    assert not [path for path in sessions_dir.iterdir() if path.is_dir()]
    monkeypatch.undo()
    assert store.put(talk(1)).action == "imported"


def test_import_that_fails_keeps_what_was_in_the_folder(sessions_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ImportStore(sessions_dir).put(talk(1))
    (stored,) = sessions_dir.glob("*/session.yaml")
    stored.unlink()
    journal = stored.with_name("session.journal")
    journal.write_text("a turn")
    store = ImportStore(sessions_dir)
    monkeypatch.setattr(store.backend, "create", raise_full)
    with pytest.raises(StorageError):
        store.put(talk(1))
    assert journal.read_text() == "a turn"


def test_copy_that_is_left_alone_has_the_reason_for_it(sessions_dir: Path) -> None:
    ImportStore(sessions_dir).put(talk(2))
    rewound = talk(3)
    rewound.messages = (replace(rewound.messages[0], content="Another question"), *rewound.messages[1:])
    outcome = ImportStore(sessions_dir).put(rewound)
    assert (outcome.action, outcome.reason) == ("continued", "its messages here and there differ")
    asyncio.run(_continue(sessions_dir, outcome.session_id))
    outcome = ImportStore(sessions_dir).put(talk(3))
    assert (outcome.action, outcome.reason) == ("continued", "you changed or continued it in aloop")


async def test_reason_for_a_copy_that_was_just_continued_is_that_it_was(sessions_dir: Path) -> None:
    session_id = ImportStore(sessions_dir).put(talk(2)).session_id
    memory = MemoryManager(sessions_dir=sessions_dir)
    await memory.resume(session_id)
    await memory.add_message(LLMMessage("user", "More", at=datetime.now(UTC)))
    await asyncio.to_thread(_wait_until_after, datetime.now(UTC))
    await memory.save_memory()
    assert ImportStore(sessions_dir).put(talk(3)).reason == "you changed or continued it in aloop"


def _wait_until_after(moment: datetime) -> None:
    """Let two milliseconds pass, in which sessions record their times."""
    while datetime.now(UTC) < moment + timedelta(milliseconds=2):
        pass


def test_copy_of_which_the_original_has_nothing_new_is_unchanged(sessions_dir: Path) -> None:
    session_id = ImportStore(sessions_dir).put(talk(2)).session_id
    asyncio.run(_continue(sessions_dir, session_id))
    for turns in (1, 2):
        assert ImportStore(sessions_dir).put(talk(turns)).action == "unchanged"


def raise_full(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def load(folder: Path, session_id: str) -> Session:
    return asyncio.run(SessionLibrary(folder).load(session_id))


def test_import_keeps_times_models_and_what_has_no_place(sessions_dir: Path) -> None:
    outcome = ImportStore(sessions_dir).put(replace(talk(1, cwd="/work", title="A  talk"), path=Path("talk.jsonl")))
    assert (outcome.action, outcome.added) == ("imported", 4)
    session = load(sessions_dir, outcome.session_id)
    assert session.title == "A talk"
    assert (session.created_at, session.updated_at) == (START, START + timedelta(seconds=1))
    origin, question, call, result, answer = session.messages
    assert origin.role == "system"
    assert "imported from Codex" in (origin.content or "")
    assert "/work" in (origin.content or "")
    assert question.at == START
    assert call.extra["foreign"] == {"encrypted_content": ["gAAA"]}
    assert (result.name, answer.model) == ("look", "gpt-x")
    assert session.extra["imported"]["id"] == "0199-a"
    assert session.extra["imported"]["path"] == str(Path("talk.jsonl").absolute())
    assert session.system_messages == ()


@pytest.mark.parametrize("form", ["yaml", "json"])
async def test_own_session_stays_as_it_is_with_its_files(sessions_dir: Path, tmp_path: Path, form: str) -> None:
    memory = MemoryManager(sessions_dir=tmp_path / "elsewhere")
    await memory.add_message(LLMMessage("user", "Look", parts=(await memory.keep_media(PIXEL),)))
    call = ToolCall("c1", "run_shell", '{"command": "make"}')
    await memory.add_message(LLMMessage("assistant", "", (call,), thinking=(ThinkingBlock("Hm", "sig"),)))
    kept = await memory.keep_output("run_shell", "a long result")
    result = LLMMessage("tool", "short", tool_call_id="c1", name="run_shell", is_error=True, output_file=kept.relative)
    await memory.add_message(replace(result, skip=True, extra=JsonObject({"note": "later", "mine": 1})))
    await memory.save_memory()
    session = await SessionLibrary(tmp_path / "elsewhere").load(memory.snapshot().id)
    path = session.path
    if form == "json":
        path = session.path.parent / "talk.json"
        path.write_text(to_json(session).text)
    store = ImportStore(sessions_dir)
    [imported] = Scan(Selection()).read([path])
    assert store.put(imported).action == "imported"
    found = await SessionLibrary(sessions_dir).load(session.id)
    assert replace(found, path=session.path) == session
    assert (found.path.parent / PIXEL.file).read_bytes() == PIXEL.data
    assert (found.path.parent / kept.relative).read_text() == "a long result"
    assert ImportStore(sessions_dir).put(imported).action == "unchanged"


async def test_own_session_that_was_edited_at_its_end_is_unchanged_and_still_grows(
    sessions_dir: Path, tmp_path: Path
) -> None:
    memory = MemoryManager(sessions_dir=tmp_path / "elsewhere")
    await memory.add_message(replace(LLMMessage("user", "One"), at=START))
    await memory.add_message(replace(LLMMessage("assistant", "First."), at=START))
    await memory.save_memory()  # much later than the last message, as after /skip or /rename
    for expected in ("imported", "unchanged"):
        [imported] = Scan(Selection()).read([memory.snapshot().path])
        assert ImportStore(sessions_dir).put(imported).action == expected
    await memory.add_message(LLMMessage("user", "Two"))
    await memory.save_memory()
    [imported] = Scan(Selection()).read([memory.snapshot().path])
    assert ImportStore(sessions_dir).put(imported).action == "updated"


@pytest.mark.parametrize("form", ["yaml", "json"])
@pytest.mark.parametrize("change", ["skip", "continue"])
async def test_own_session_that_has_grown_and_was_changed_here_becomes_a_linked_session(
    sessions_dir: Path, tmp_path: Path, form: str, change: str
) -> None:
    memory = MemoryManager(sessions_dir=tmp_path / "elsewhere")

    async def grow(*texts: str) -> Outcome:
        for text in texts:
            await memory.add_message(LLMMessage("user", text))
        await memory.save_memory()
        path = memory.snapshot().path
        if form == "json":
            path = tmp_path / "exported.json"
            path.write_text(to_json(memory.snapshot()).text)
        [imported] = Scan(Selection()).read([path])
        return ImportStore(sessions_dir).put(imported)

    async def texts_of(session_id: str) -> list[str | None]:
        return [each.content for each in (await SessionLibrary(sessions_dir).load(session_id)).messages]

    first = await grow("One")
    if change == "skip":
        own = (await SessionLibrary(sessions_dir).load(first.session_id)).path
        own.write_text(own.read_text().replace('content: "One"', 'content: "One"\n    skip: true'))
    else:
        await _continue(sessions_dir, first.session_id)
    assert (await grow()).action == "unchanged"
    here = await texts_of(first.session_id)
    beside = await grow("Two")
    assert beside.action == "imported"
    assert f"from those of {first.session_id[:8]}, which stays as it is" in beside.reason
    assert (await SessionLibrary(sessions_dir).load(beside.session_id)).forked_from == first.session_id
    again = await grow("Three")
    assert (again.action, again.session_id) == ("updated", beside.session_id)
    assert (await grow()).action == "unchanged"
    assert await texts_of(first.session_id) == here
    assert await texts_of(beside.session_id) == ["One", "Two", "Three"]
    await SessionLibrary(sessions_dir).delete(beside.session_id)
    assert (await grow()).action == "in trash"


async def test_link_in_place_of_an_output_is_not_followed_by_an_import(sessions_dir: Path, tmp_path: Path) -> None:
    memory = MemoryManager(sessions_dir=tmp_path / "elsewhere")
    await memory.add_message(LLMMessage("user", "Look"))
    kept = await memory.keep_output("run_shell", "a long result")
    await memory.add_message(LLMMessage("tool", "short", tool_call_id="c1", output_file=kept.relative))
    await memory.save_memory()
    (tmp_path / "secret").write_text("secret")
    kept.path.unlink()
    kept.path.symlink_to(tmp_path / "secret")
    [imported] = Scan(Selection()).read([memory.snapshot().path])
    outcome = ImportStore(sessions_dir).put(imported)
    assert outcome.action == "imported"
    copied = (await SessionLibrary(sessions_dir).load(outcome.session_id)).path.parent / kept.relative
    assert not copied.exists()


async def test_own_session_gets_what_the_original_has_gained(sessions_dir: Path, tmp_path: Path) -> None:
    memory = MemoryManager(sessions_dir=tmp_path / "elsewhere")
    for text in ("One", "Two"):
        await memory.add_message(LLMMessage("user", text))
        await memory.add_message(LLMMessage("assistant", f"{text}."))
        await memory.save_memory()
        [imported] = Scan(Selection()).read([memory.snapshot().path])
        outcome = ImportStore(sessions_dir).put(imported)
    assert (outcome.action, outcome.added) == ("updated", 2)
    assert (await SessionLibrary(sessions_dir).load(outcome.session_id)).messages == memory.snapshot().messages


def test_only_a_claude_model_is_the_model_of_the_session(sessions_dir: Path) -> None:
    other = load(sessions_dir, ImportStore(sessions_dir).put(talk(1)).session_id)
    assert other.model is None
    assert (other.messages[2].model, other.extra["imported"]["model"]) == ("gpt-x", "gpt-x")
    claude = talk(1, foreign_id="0199-b", model="claude-sonnet-4-5")
    assert load(sessions_dir, ImportStore(sessions_dir).put(claude).session_id).model == "claude-sonnet-4-5"


def test_second_import_changes_nothing_and_a_longer_one_appends(sessions_dir: Path) -> None:
    session_id = ImportStore(sessions_dir).put(talk(1)).session_id
    path = load(sessions_dir, session_id).path
    before = path.read_bytes()
    assert ImportStore(sessions_dir).put(talk(1)).action == "unchanged"
    assert path.read_bytes() == before
    path.write_bytes(before.replace(b"messages:\n  -", b"# My note.\nmessages:\n  -"))
    outcome = ImportStore(sessions_dir).put(talk(3))
    assert (outcome.action, outcome.added) == ("updated", 8)
    session = load(sessions_dir, session_id)
    assert [each.content for each in session.messages if each.role == "user"] == [f"Question {n}" for n in range(3)]
    assert b"# My note." in path.read_bytes()
    assert session.updated_at == START + timedelta(minutes=2, seconds=1)
    assert ImportStore(sessions_dir).put(talk(3)).action == "unchanged"


def test_session_that_changes_while_it_is_imported_stays_as_it_is(
    sessions_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported = ImportStore(sessions_dir).put(talk(1))
    path = load(sessions_dir, imported.session_id).path

    def hold(*arguments: object, **options: bool) -> OpenLock:
        path.write_text(path.read_text().replace("Question 0", "Question one"))
        return OpenLock(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "OpenLock", hold)
    assert ImportStore(sessions_dir).put(talk(2)).action == "in use"
    [_, question, *_] = load(sessions_dir, imported.session_id).messages
    assert question.content == "Question one"


def test_conversation_that_could_not_be_opened_as_a_session_is_not_written(
    sessions_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALOOP_MAX_SESSION_MB", "1")
    large = talk(1)
    large.messages = (*large.messages, LLMMessage("user", "x" * 1_100_000))
    written: list[str] = []
    for dry in (True, False):
        outcome = ImportStore(sessions_dir, dry=dry, on_write=lambda _id, note: written.append(note)).put(large)
        assert outcome == Outcome(
            "too large",
            session_id_of("codex", "0199-a"),
            reason="the session would be 2 MB, more than the limit of 1 MB; set ALOOP_MAX_SESSION_MB=2 to import it",
        )
    assert not written
    assert not sessions_dir.exists()
    monkeypatch.setenv("ALOOP_MAX_SESSION_MB", "2")
    outcome = ImportStore(sessions_dir).put(large)
    assert outcome.action == "imported"
    assert len(load(sessions_dir, outcome.session_id).messages) == 6


def test_update_after_which_a_session_could_not_be_opened_leaves_it_as_it_is(
    sessions_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = load(sessions_dir, ImportStore(sessions_dir).put(talk(1)).session_id).path
    before = path.read_bytes()
    monkeypatch.setenv("ALOOP_MAX_SESSION_MB", "1")
    large = talk(1)
    large.messages = (*large.messages, LLMMessage("user", "x" * 1_100_000))
    for dry in (True, False):
        assert ImportStore(sessions_dir, dry=dry).put(large).action == "too large"
    assert path.read_bytes() == before
    long = LLMMessage("tool", "long\n" * 300_000, tool_call_id="c9")  # is stored in outputs/
    call = LLMMessage("assistant", None, (ToolCall("c9", "look"),))
    large.messages = (*talk(1).messages, LLMMessage("user", "And?"), call, long)
    assert ImportStore(sessions_dir).put(large).action == "updated"


def test_size_of_a_new_session_is_known_to_a_few_bytes(
    sessions_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = load(sessions_dir, ImportStore(sessions_dir).put(talk(9)).session_id).path
    size = path.stat().st_size
    for limit, action in ((size - 1, "too large"), (size + 12, "imported")):
        monkeypatch.setattr(sizes, "max_session_size", lambda limit=limit: limit)
        assert ImportStore(tmp_path / "other").put(talk(9)).action == action


def test_session_of_a_newer_version_is_reported_and_not_updated(sessions_dir: Path) -> None:
    path = load(sessions_dir, ImportStore(sessions_dir).put(talk(1)).session_id).path
    path.write_text(path.read_text().replace("created_at:", "version: 99\ncreated_at:", 1))
    before = path.read_bytes()
    for dry in (True, False):
        outcome = ImportStore(sessions_dir, dry=dry).put(talk(2))
        assert outcome.action == "unreadable"
        assert "written by a later version of aloop" in outcome.reason
    assert path.read_bytes() == before
    assert ImportStore(sessions_dir).put(talk(1)).action == "unchanged"


async def _continue(folder: Path, session_id: str) -> None:
    memory = await MemoryManager.from_session(session_id, sessions_dir=folder)
    await memory.add_message(LLMMessage("user", "And here?"))
    await memory.save_memory()


async def _undo(folder: Path, session_id: str) -> None:
    memory = await MemoryManager.from_session(session_id, sessions_dir=folder)
    await memory.undo()


def test_continued_edited_and_undone_copies_are_left_alone(sessions_dir: Path) -> None:
    session_id = ImportStore(sessions_dir).put(talk(2)).session_id
    path = load(sessions_dir, session_id).path
    original = path.read_bytes()
    for change in (_continue, _undo):
        asyncio.run(change(sessions_dir, session_id))
        changed = path.read_bytes()
        assert ImportStore(sessions_dir).put(talk(3)).action == "continued"
        assert path.read_bytes() == changed
        path.write_bytes(original)
    path.write_bytes(original.replace(b"Answer 0", b"Answer 0, but better"))
    assert ImportStore(sessions_dir).put(talk(3)).action == "continued"


def _turn(calls: str, results: str, answer: str = "") -> Imported:
    """Return a turn with an answer of ``calls``, and their ``results`` in this order."""
    builder = Builder("claude-code", "0199-b")
    builder.user("Question", START)
    draft = builder.answer(START + timedelta(seconds=1), model="claude-x")
    draft.add_thinking("Hm.")
    for call in calls:
        draft.add_text("I look." if call == calls[0] else "")
        draft.add_call(call, "look", "{}")
    for call in results:
        builder.result(call, f"Result {call}", START + timedelta(seconds=2))
    if answer:
        builder.answer(START + timedelta(seconds=3)).add_text(answer)
    return builder.build()


@pytest.mark.parametrize("early", [("", ""), ("a", ""), ("ab", ""), ("abc", ""), ("abc", "c"), ("abc", "ca")])
def test_import_during_an_answer_with_parallel_calls_gets_the_rest_later(
    sessions_dir: Path, early: tuple[str, str]
) -> None:
    session_id = ImportStore(sessions_dir).put(_turn(*early)).session_id
    whole = _turn("abc", "cab", "Done.")
    assert ImportStore(sessions_dir, dry=True).put(whole).action == "updated"
    assert ImportStore(sessions_dir).put(whole).action == "updated"
    messages = load(sessions_dir, session_id).messages
    assert [call.id for call in messages[2].tool_calls] == ["a", "b", "c"]
    assert {message.tool_call_id: message.content for message in messages[3:6]} == {
        call: f"Result {call}" for call in "abc"
    }
    assert [message.content for message in messages[6:]] == ["Done."]
    assert not any(message.skip for message in messages)
    assert ImportStore(sessions_dir).put(whole).action == "unchanged"
    assert len(list(sessions_dir.glob("*/session.yaml"))) == 1


def test_answer_that_has_grown_keeps_the_note_of_the_user(sessions_dir: Path) -> None:
    session_id = ImportStore(sessions_dir).put(_turn("a", "")).session_id
    path = load(sessions_dir, session_id).path
    original = path.read_bytes()
    noted = original.replace(b"  - role: assistant\n", b'  - role: assistant\n    note: "Look here"\n')
    assert noted != original
    path.write_bytes(noted)
    assert ImportStore(sessions_dir).put(_turn("abc", "cab", "Done.")).action == "updated"
    message = load(sessions_dir, session_id).messages[2]
    assert (message.extra["note"], len(message.tool_calls)) == ("Look here", 3)


def test_answer_that_was_changed_here_or_is_another_one_is_not_replaced(sessions_dir: Path) -> None:
    session_id = ImportStore(sessions_dir).put(_turn("a", "")).session_id
    path = load(sessions_dir, session_id).path
    original = path.read_bytes()
    changed = original.replace(b"I look.", b"I")
    assert changed != original
    path.write_bytes(changed)
    assert ImportStore(sessions_dir).put(_turn("abc", "cab", "Done.")).action == "continued"
    assert path.read_bytes() == changed
    path.write_bytes(original)
    other = _turn("abc", "cab", "Done.")
    other.messages = [
        replace(message, at=START + timedelta(seconds=5)) if message.tool_calls else message
        for message in other.messages
    ]
    assert ImportStore(sessions_dir).put(other).action == "continued"
    assert path.read_bytes() == original


def test_question_that_had_no_answer_yet_is_sent_when_it_has_one(sessions_dir: Path) -> None:
    def imported(answer: str) -> Imported:
        builder = Builder("claude-code", "0199-c")
        builder.user("Hello", START)
        builder.answer(START).add_text("Hi.")
        builder.user("<command-name>/init</command-name>", START, skip=not answer)
        if answer:
            builder.answer(START).add_text(answer)
        return builder.build()

    session_id = ImportStore(sessions_dir).put(imported("")).session_id
    assert load(sessions_dir, session_id).messages[-1].skip
    assert ImportStore(sessions_dir).put(imported("Done.")).action == "updated"
    assert not any(message.skip for message in load(sessions_dir, session_id).messages)
    assert ImportStore(sessions_dir).put(imported("Done.")).action == "unchanged"


def test_session_in_the_trash_is_not_imported_again(sessions_dir: Path) -> None:
    session_id = ImportStore(sessions_dir).put(talk(1)).session_id
    asyncio.run(SessionLibrary(sessions_dir).delete(session_id))
    assert ImportStore(sessions_dir).put(talk(1)).action == "in trash"
    assert not list(sessions_dir.glob("2*"))


def test_long_result_is_stored_beside_the_session_and_recognized_again(sessions_dir: Path) -> None:
    whole = "\n".join(f"line {number}" for number in range(9_000))
    session_id = ImportStore(sessions_dir).put(talk(1, whole)).session_id
    session = load(sessions_dir, session_id)
    result = session.messages[3]
    assert len((result.content or "").encode()) < 35_000
    assert (session.path.parent / (result.output_file or "")).read_text() == whole
    assert ImportStore(sessions_dir).put(talk(1, whole)).action == "unchanged"


def test_image_is_a_file_beside_the_session(sessions_dir: Path) -> None:
    builder = Builder("pi", "s1")
    builder.user(builder.image("image/png", "iVBORw=="), START)
    session_id = ImportStore(sessions_dir).put(builder.build()).session_id
    folder = load(sessions_dir, session_id).path.parent
    [image] = (folder / "files").iterdir()
    assert image.suffix == ".png"
    assert image.stat().st_mode & 0o077 == 0


def test_image_becomes_a_part_and_an_earlier_import_is_the_same_session(sessions_dir: Path) -> None:
    def photo() -> Builder:
        builder = Builder("pi", "s1")
        mark = builder.image("image/png", base64.b64encode(PIXEL.data).decode())
        builder.user(f"Look\n\n{mark}\n\nat this [image: files/0123456789abcdef.png, image/png, 1 bytes]", START)
        return builder

    fresh = photo().build()
    (question,) = fresh.messages
    assert [(part.kind, part.file) for part in question.parts] == [("image", PIXEL.file)]
    assert (question.content or "").startswith("Look\nat this [image: files/0123")
    old = replace(fresh, messages=(replace(question, content=photo().drafts[0].content, parts=()),))
    assert ImportStore(sessions_dir).put(old).action == "imported"
    assert ImportStore(sessions_dir).put(fresh).action == "unchanged"


def test_dry_run_writes_nothing(sessions_dir: Path) -> None:
    outcome = ImportStore(sessions_dir, dry=True).put(talk(1))
    assert (outcome.action, outcome.session_id) == ("imported", session_id_of("codex", "0199-a"))
    assert not sessions_dir.exists()


def test_dry_run_counts_a_conversation_that_is_in_several_files_once(sessions_dir: Path) -> None:
    files = [talk(1), talk(1), talk(2), talk(1), talk(2)]
    dry = ImportStore(sessions_dir, dry=True)
    planned = [dry.put(each) for each in files]
    assert [outcome.action for outcome in planned] == ["imported", "unchanged", "updated", "unchanged", "unchanged"]
    real = ImportStore(sessions_dir)
    assert [real.put(each) for each in files] == planned


def test_dry_run_counts_an_export_of_a_session_that_it_would_import_as_one(sessions_dir: Path) -> None:
    original = talk(1)
    source = session_id_of(original.tool, original.foreign_id)
    export = replace(original, foreign_id="0199-b", exported_from=source)
    planned, real = (ImportStore(sessions_dir, dry=dry) for dry in (True, False))
    for imports in (planned, real):
        assert [imports.put(each).action for each in (original, export)] == ["imported", "exported"]


def chats(path: Path, *answers: Sequence[str]) -> list[Imported]:
    """Return conversations that all start with the same question and have no IDs."""
    talks = [zip(_ROLES, ("Hi", *said), strict=False) for said in answers]
    path.write_text(json.dumps([{"messages": [{"role": by, "content": text} for by, text in talk]} for talk in talks]))
    return list(Scan(Selection()).read([path]))


@pytest.mark.parametrize("dry", [True, False])
def test_conversations_without_ids_that_start_the_same_are_different_sessions(
    sessions_dir: Path, tmp_path: Path, *, dry: bool
) -> None:
    said = (["Hello.", "One"], ["Hello.", "Two", "2"], ["Hello.", "Two", "3"], ["Hello.", "One"])
    imports = ImportStore(sessions_dir, dry=dry)
    first = [imports.put(each) for each in chats(tmp_path / "c.json", *said)]
    assert [outcome.action for outcome in first] == ["imported", "imported", "imported", "unchanged"]
    assert len({outcome.session_id for outcome in first}) == 3
    if not dry:
        longer = [[*each, "more"] for each in said[:3]]
        again = [ImportStore(sessions_dir).put(each) for each in chats(tmp_path / "c.json", *longer)]
        assert [(outcome.action, outcome.session_id) for outcome in again] == [
            ("updated", outcome.session_id) for outcome in first[:3]
        ]


async def test_conversation_that_starts_like_one_in_the_trash_is_imported(sessions_dir: Path, tmp_path: Path) -> None:
    [first] = (ImportStore(sessions_dir).put(each) for each in chats(tmp_path / "c.json", ["Hello.", "One"]))
    await SessionLibrary(sessions_dir).delete(first.session_id)
    both = chats(tmp_path / "c.json", ["Hello.", "One"], ["Hello.", "Two"])
    for expected in (["in trash", "imported"], ["in trash", "unchanged"]):
        assert [ImportStore(sessions_dir).put(each).action for each in both] == expected
        both = chats(tmp_path / "c.json", ["Hello.", "One"], ["Hello.", "Two"])


async def test_conversations_that_start_like_one_that_was_continued_here_are_imported(
    sessions_dir: Path, tmp_path: Path
) -> None:
    first, second = (
        ImportStore(sessions_dir).put(each) for each in chats(tmp_path / "c.json", ["Hello.", "One"], ["Hello.", "Two"])
    )
    memory = MemoryManager(sessions_dir=sessions_dir)
    await memory.resume(first.session_id)
    await memory.add_message(LLMMessage("user", "Here", at=datetime.now(UTC)))
    await memory.save_memory()
    three = chats(tmp_path / "c.json", ["Hello.", "One", "There"], ["Hello.", "Two", "There"], ["Hello.", "Three"])
    again = [ImportStore(sessions_dir).put(each) for each in three]
    assert [outcome.action for outcome in again] == ["continued", "updated", "imported"]
    assert [outcome.session_id for outcome in again[:2]] == [first.session_id, second.session_id]


def test_conversation_that_starts_like_one_that_was_changed_here_is_left_alone(
    sessions_dir: Path, tmp_path: Path
) -> None:
    [first] = (ImportStore(sessions_dir).put(each) for each in chats(tmp_path / "c.json", ["Hello.", "One"]))
    path = load(sessions_dir, first.session_id).path
    path.write_text(path.read_text().replace('"One"', '"One, changed"'))
    [again] = (ImportStore(sessions_dir).put(each) for each in chats(tmp_path / "c.json", ["Hello.", "One"]))
    assert (again.action, again.reason) == ("continued", "you changed or continued it in aloop")


async def test_conversation_without_id_is_found_again_after_another_one_that_starts_the_same_is_purged(
    sessions_dir: Path, tmp_path: Path
) -> None:
    first, second = (
        ImportStore(sessions_dir).put(each) for each in chats(tmp_path / "c.json", ["Hello.", "One"], ["Hello.", "Two"])
    )
    library = SessionLibrary(sessions_dir)
    await library.delete(first.session_id)
    for more in (["More"], ["More", "Even more"]):
        [again] = (ImportStore(sessions_dir).put(each) for each in chats(tmp_path / "c.json", ["Hello.", "Two", *more]))
        assert (again.action, again.session_id) == ("updated", second.session_id)
        await library.purge(await library.list_trash())


@pytest.mark.parametrize("dry", [True, False])
def test_conversations_without_ids_may_have_times(sessions_dir: Path, tmp_path: Path, *, dry: bool) -> None:
    path = tmp_path / "c.jsonl"
    for count, action in ((3, "imported"), (4, "imported" if dry else "updated")):
        talks = [[*zip(_ROLES, ("Hi", "Hello.", end, "more"), strict=False)][:count] for end in "abc"]
        records = (
            [{"role": by, "content": text, "timestamp": 1.7e9 + at} for at, (by, text) in enumerate(talk)]
            for talk in talks
        )
        path.write_text("".join(json.dumps({"messages": record}) + "\n" for record in records))
        imports = ImportStore(sessions_dir, dry=dry)
        assert [imports.put(each).action for each in Scan(Selection()).read([path])] == [action] * 3


@pytest.mark.parametrize("seconds", [0.4, 90])
def test_session_that_ended_after_its_last_message_is_updated(sessions_dir: Path, seconds: float) -> None:
    for turns in (1, 2):
        imported = talk(turns)
        if turns == 1:
            imported.updated_at = START + timedelta(seconds=1 + seconds)
        outcome = ImportStore(sessions_dir).put(imported)
    assert outcome.action == "updated"


def test_session_whose_messages_have_no_times_is_updated(sessions_dir: Path) -> None:
    for turns in (1, 2):
        imported = talk(turns)
        imported.messages = tuple(replace(message, at=None) for message in imported.messages)
        imported.created_at, imported.updated_at = START, START + timedelta(hours=turns)
        outcome = ImportStore(sessions_dir).put(imported)
    assert outcome.action == "updated"


async def test_session_that_was_only_renamed_is_updated(sessions_dir: Path) -> None:
    session_id = ImportStore(sessions_dir).put(talk(1)).session_id
    memory = MemoryManager(sessions_dir=sessions_dir)
    await memory.resume(session_id)
    await memory.rename("Mine")
    await memory.save_memory()
    memory.close()
    assert ImportStore(sessions_dir).put(talk(2)).action == "updated"
    assert (await SessionLibrary(sessions_dir).load(session_id)).title == "Mine"
    assert ImportStore(sessions_dir).put(talk(3)).action == "updated"


def test_branch_is_linked_to_its_session(sessions_dir: Path) -> None:
    branch = talk(1, kind="branch", branch="u2", parent="0199-a")
    store = ImportStore(sessions_dir)
    main, other = store.put(talk(1)), store.put(branch)
    assert main.session_id != other.session_id
    assert load(sessions_dir, other.session_id).forked_from == main.session_id


def test_hostile_texts_are_stored_and_read_back(sessions_dir: Path) -> None:
    builder = Builder("codex", "../../x")
    words = "a\x00b\x1b[31m\ud83d\ude00 \ud800 \u202e\r\n...\n---\n\t- role: user\n"
    builder.user(words, START, foreign={"deep": [[[[[[[[[[[[[[[[[["x"]]]]]]]]]]]]]]]]]], "nan": float("nan")})
    builder.answer(START).add_call("c", "x" * 300, "not json {")
    session_id = ImportStore(sessions_dir).put(builder.build()).session_id
    _, question, call, result = load(sessions_dir, session_id).messages
    assert (result.tool_call_id, result.is_error) == (call.tool_calls[0].id, True)
    assert "\x1b[31m\U0001f600" in (question.content or "")
    assert call.tool_calls[0].arguments == "not json {"
    assert ImportStore(sessions_dir).put(builder.build()).action == "unchanged"


def test_messages_about_the_context_that_an_earlier_version_did_not_read_are_left_out(sessions_dir: Path) -> None:
    notes = (LLMMessage("user", "A note", skip=True), LLMMessage("user", "A file", extra=_INJECTED))
    aborted = LLMMessage("assistant", "", skip=True)
    old = talk(2)
    old.messages = (aborted, *old.messages)
    ImportStore(sessions_dir).put(old)
    imported = talk(3)
    first, *rest = imported.messages
    imported.messages = (replace(aborted, content="Aborted"), first, *notes, *rest, notes[0])
    outcome = ImportStore(sessions_dir).put(imported)
    assert (outcome.action, outcome.added) == ("updated", 5)
    session = load(sessions_dir, outcome.session_id)
    assert [message.content for message in session.messages[1:]] == [
        "",
        *(message.content for message in talk(3).messages),
        "A note",
    ]
    assert ImportStore(sessions_dir).put(imported).action == "unchanged"
