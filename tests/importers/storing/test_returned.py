"""Exports that are imported again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from aloop.errors import SessionBusy
from aloop.export.document import render
from aloop.export.formats import TOOLS
from aloop.export.targets import to_tool
from aloop.importers.run import Scan, Selection
from aloop.importers.storing import store
from aloop.importers.storing.store import ImportStore, Outcome
from aloop.llm.message_types import LLMMessage, ThinkingBlock, ToolCall
from aloop.memory import MemoryManager, Session, SessionLibrary
from tests.importers.reading import write_json
from tests.memory.test_parts import PIXEL

FORMS = (*TOOLS, "openai", "anthropic", "sharegpt")
MORE = (
    LLMMessage("user", "And there?"),
    LLMMessage("assistant", "I look.", (ToolCall("d1", "bash", '{"command": "ls"}'),), model="m"),
    LLMMessage("tool", "\n".join(map(str, range(9_000))), tool_call_id="d1", name="bash"),
    LLMMessage("assistant", "Done there.", model="m"),
)


async def make_session(sessions_dir: Path) -> Session:
    """Save a session with all that an export leaves out or changes."""
    memory = MemoryManager(sessions_dir=sessions_dir)
    await memory.add_message(LLMMessage("user", "Look", parts=(await memory.keep_media(PIXEL),)))
    call = ToolCall("c1", "run_shell", '{"command": "make"}')
    await memory.add_message(LLMMessage("assistant", "I run it.", (call,), thinking=(ThinkingBlock("Hm", "sig"),)))
    kept = await memory.keep_output("run_shell", "a long result")
    result = LLMMessage("tool", "short", tool_call_id="c1", name="run_shell", is_error=True, output_file=kept.relative)
    await memory.add_message(result)
    await memory.add_message(LLMMessage("assistant", "It failed.", model="claude-sonnet-4-5"))
    await memory.add_message(LLMMessage("user", "Never mind", skip=True))
    await memory.add_message(LLMMessage("assistant", "As you like.", skip=True))
    await memory.save_memory()
    return await SessionLibrary(sessions_dir).load(memory.snapshot().id)


def bring_back(session: Session, form: str, sessions_dir: Path, folder: Path, *, dry: bool = False) -> Outcome:
    """Export a session and import the file into ``sessions_dir``."""
    if form in TOOLS:
        exported = to_tool(session, form, Path("/work/project"))
        path, text = folder / exported.path.name, exported.text
    else:
        path, text = folder / f"{form}.json", render(session, form)
    path.write_text(text, "utf-8")
    [imported] = Scan(Selection()).read([path])
    outcome = ImportStore(sessions_dir, dry=dry).put(imported)
    path.unlink()
    return outcome


def continued(session: Session, messages: Sequence[LLMMessage] = MORE) -> Session:
    return replace(session, messages=(*session.messages, *messages))


async def count(sessions_dir: Path) -> int:
    return len(await SessionLibrary(sessions_dir).list_titles())


@pytest.mark.parametrize("form", FORMS)
async def test_export_with_nothing_new_is_skipped(sessions_dir: Path, tmp_path: Path, form: str) -> None:
    session = await make_session(sessions_dir)
    before = session.path.read_bytes()
    outcome = bring_back(session, form, sessions_dir, tmp_path)
    assert (outcome.action, outcome.session_id) == ("exported", session.id)
    shorter = replace(session, messages=session.messages[:3])
    assert bring_back(shorter, form, sessions_dir, tmp_path).action == "exported"
    assert session.path.read_bytes() == before
    assert await count(sessions_dir) == 1


@pytest.mark.parametrize("form", FORMS)
async def test_export_that_was_continued_adds_to_its_session(sessions_dir: Path, tmp_path: Path, form: str) -> None:
    session = await make_session(sessions_dir)
    before = session.path.read_text()
    longer = continued(session)
    assert bring_back(longer, form, sessions_dir, tmp_path, dry=True).action == "updated"
    assert session.path.read_text() == before
    outcome = bring_back(longer, form, sessions_dir, tmp_path)
    assert (outcome.action, outcome.session_id, outcome.added) == ("updated", session.id, 4)
    found = await SessionLibrary(sessions_dir).load(session.id)
    assert found.messages[: len(session.messages)] == session.messages
    note, *added = found.messages[len(session.messages) :]
    assert note.role == "system"
    assert (note.content or "").startswith("The conversation was continued in ")
    assert [each.role for each in added] == [each.role for each in MORE]
    assert [each.content for each in added if each.role != "tool"] == [m.content for m in MORE if m.role != "tool"]
    assert (found.path.parent / (added[2].output_file or "")).read_text() == MORE[2].content
    # Everything but the time at the top stays as it was, byte for byte.
    old = [line for line in before.splitlines() if not line.startswith("updated_at")]
    new = [line for line in found.path.read_text().splitlines() if not line.startswith("updated_at")]
    assert new[: len(old) - 1] == old[:-1]  # without the mark of the end
    assert bring_back(longer, form, sessions_dir, tmp_path).action == "exported"
    again = continued(longer, (LLMMessage("user", "Once again?"), LLMMessage("assistant", "Yes.", model="m")))
    outcome = bring_back(again, form, sessions_dir, tmp_path)
    assert (outcome.action, outcome.added) == ("updated", 2)
    assert await count(sessions_dir) == 1


@pytest.mark.parametrize("form", ["openai", "anthropic"])
async def test_export_is_added_to_its_session_although_another_one_starts_the_same(
    sessions_dir: Path, tmp_path: Path, form: str
) -> None:
    session = await make_session(sessions_dir)
    value = json.loads(render(session, form))
    del value["metadata"]
    (plain,) = Scan(Selection()).read([write_json(tmp_path / "plain.json", value)])
    other = ImportStore(sessions_dir).put(plain)
    assert other.action == "imported"
    outcome = bring_back(continued(session), form, sessions_dir, tmp_path)
    assert (outcome.action, outcome.session_id) == ("updated", session.id)
    assert bring_back(session, form, sessions_dir, tmp_path).session_id == session.id
    assert ImportStore(sessions_dir).put(plain).session_id == other.session_id


@pytest.mark.parametrize("form", FORMS)
async def test_export_continued_on_both_sides_becomes_a_linked_session(
    sessions_dir: Path, tmp_path: Path, form: str
) -> None:
    session = await make_session(sessions_dir)
    memory = await MemoryManager.from_session(session.id, sessions_dir=sessions_dir)
    await memory.add_message(LLMMessage("user", "And here?"))
    await memory.add_message(LLMMessage("assistant", "Done here.", model="m"))
    await memory.save_memory()
    before = session.path.read_bytes()
    assert bring_back(session, form, sessions_dir, tmp_path).action == "exported"
    outcome = bring_back(continued(session), form, sessions_dir, tmp_path)
    assert outcome.action == "imported"
    assert outcome.session_id != session.id
    assert session.path.read_bytes() == before
    found = await SessionLibrary(sessions_dir).load(outcome.session_id)
    assert found.forked_from == session.id
    assert "Done there." in [message.content for message in found.messages]


@pytest.mark.parametrize("form", FORMS)
async def test_export_of_an_edited_session_becomes_a_linked_session(
    sessions_dir: Path, tmp_path: Path, form: str
) -> None:
    session = await make_session(sessions_dir)
    session.path.write_text(session.path.read_text().replace("It failed.", "It did not work."))
    before = session.path.read_bytes()
    outcome = bring_back(session, form, sessions_dir, tmp_path)
    assert (outcome.action, session.path.read_bytes()) == ("imported", before)
    assert (await SessionLibrary(sessions_dir).load(outcome.session_id)).forked_from == session.id


@pytest.mark.parametrize("lock", ["OpenLock", "write_lock"])
async def test_session_in_use_gets_nothing_from_its_continued_export(
    sessions_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lock: str
) -> None:
    def refuse(*_arguments: object, **_options: bool) -> object:
        raise SessionBusy(session.id, "process 1")

    session = await make_session(sessions_dir)
    before = session.path.read_bytes()
    monkeypatch.setattr(store, lock, refuse)
    assert bring_back(continued(session), "codex", sessions_dir, tmp_path) == Outcome("in use", session.id)
    assert session.path.read_bytes() == before


@pytest.mark.parametrize("form", TOOLS)
async def test_export_names_a_folder_that_is_not_utf8_as_its_tool_does(
    sessions_dir: Path, tmp_path: Path, form: str
) -> None:
    exported = to_tool(await make_session(sessions_dir), form, Path(f"{tmp_path}/caf\udce9"))
    path = tmp_path / f"back.{exported.path.suffix}"
    path.write_text(exported.text, encoding="utf-8")
    [imported] = Scan(Selection()).read([path])
    assert imported.cwd == f"{tmp_path}/caf\ufffd"


async def test_export_of_a_session_in_the_trash_is_not_imported(sessions_dir: Path, tmp_path: Path) -> None:
    session = await make_session(sessions_dir)
    await SessionLibrary(sessions_dir).delete(session.id)
    assert bring_back(session, "codex", sessions_dir, tmp_path).action == "in trash"
    assert await count(sessions_dir) == 0


async def test_export_of_a_session_that_is_elsewhere_is_imported(sessions_dir: Path, tmp_path: Path) -> None:
    session = await make_session(tmp_path / "elsewhere")
    outcome = bring_back(session, "codex", sessions_dir, tmp_path)
    assert (outcome.action, outcome.reason) == ("imported", "")
    assert (await SessionLibrary(sessions_dir).load(outcome.session_id)).forked_from is None


async def test_call_that_ran_during_the_import_gets_its_result_later(sessions_dir: Path, tmp_path: Path) -> None:
    session = await make_session(sessions_dir)
    path = tmp_path / "rollout.jsonl"
    lines = to_tool(continued(session, (*MORE[:2], replace(MORE[2], content="listed"))), "codex", tmp_path).text
    *rest, result, _title = lines.splitlines(keepends=True)
    for text, expected in (("".join(rest), "[No result: "), (lines, "listed")):
        assert "listed" in result
        path.write_text(text)
        [imported] = Scan(Selection()).read([path])
        assert ImportStore(sessions_dir).put(imported).session_id == session.id
        last = (await SessionLibrary(sessions_dir).load(session.id)).messages[-1]
        assert (last.content or "").startswith(expected)


@pytest.mark.parametrize("form", ["openai", "sharegpt"])
async def test_export_of_a_session_with_nothing_to_send_is_not_a_new_one(
    form: str, sessions_dir: Path, tmp_path: Path
) -> None:
    memory = MemoryManager(sessions_dir=sessions_dir)
    await memory.add_message(LLMMessage("user", "Never mind", skip=True))
    await memory.add_message(LLMMessage("system", "A note"))
    await memory.save_memory()
    session = await SessionLibrary(sessions_dir).load(memory.snapshot().id)
    assert bring_back(session, form, sessions_dir, tmp_path).action == "exported"
