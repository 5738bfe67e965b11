"""/note, /tag, /pin and /unpin."""

from __future__ import annotations

from pathlib import Path

import pytest

from aloop.export.document import render
from aloop.memory import SessionLibrary
from commands.dispatch import dispatch
from tests.commands.conftest import Bench, SetUp
from tests.saved_sessions import FIRST, save


@pytest.fixture
async def stage(bench: SetUp, sessions_dir: Path) -> Bench:
    """Return a bench with a session of four messages."""
    save(sessions_dir, FIRST)
    stage = bench()
    await dispatch(f"/resume {FIRST}", stage.context)
    return stage


def text_of(stage: Bench) -> str:
    """Return the file without the time of its last save."""
    assert stage.memory.path
    return "".join(line for line in stage.memory.path.read_text().splitlines(True) if "updated_at" not in line)


def said(stage: Bench) -> str:
    return str(stage.view.of("info")[-1])


async def test_note_adds_one_key_and_its_removal_restores_the_file(stage: Bench) -> None:
    await dispatch("/skip 4", stage.context)  # a change of messages also writes the model
    before = text_of(stage)
    await dispatch("/note 4 check: this", stage.context)
    assert said(stage) == "Message 4 has a note."
    assert [line for line in text_of(stage).splitlines() if line not in before.splitlines()] == [
        '    note: "check: this"'
    ]
    await dispatch("/note 4", stage.context)
    assert said(stage) == "Note of message 4: check: this"
    await dispatch("/note 4 -", stage.context)
    assert text_of(stage) == before


async def test_tags_of_the_session_are_in_the_header(stage: Bench) -> None:
    before = text_of(stage)
    await dispatch("/tag #work, parser", stage.context)
    assert said(stage) == "This session has the tags #work #parser."
    await dispatch("/tag -work", stage.context)
    assert said(stage) == "This session has the tag #parser."
    assert (await stage.memory.library.load(FIRST)).extra["tags"] == ["parser"]
    await dispatch("/tag -parser", stage.context)
    assert said(stage) == "This session has no tags."
    assert text_of(stage) == before


async def test_tags_before_the_first_turn_are_saved_with_it(bench: SetUp) -> None:
    stage = bench()
    await dispatch("/tag work", stage.context)
    await stage.memory.save_memory()
    assert (await stage.memory.library.load(stage.memory.session_id)).extra["tags"] == ["work"]


async def test_pin_and_tags_of_a_message_are_listed(stage: Bench) -> None:
    await dispatch("/tag 1 bug", stage.context)
    await dispatch("/pin 1", stage.context)
    await dispatch("/note", stage.context)
    assert said(stage) == "1  pinned #bug  (user: What is 2+2?)"
    await dispatch("/unpin 1", stage.context)
    await dispatch("/tag 1 -bug", stage.context)
    await dispatch("/note", stage.context)
    assert said(stage).startswith("This session has no notes, tags or pins.")


@pytest.mark.parametrize("typed", ["/note 9 x", "/note x y", "/tag 9 bug", "/tag 1 [x]", "/pin x", "/pin 9"])
async def test_wrong_argument_changes_nothing(stage: Bench, typed: str) -> None:
    before = text_of(stage)
    await dispatch(typed, stage.context)
    assert stage.view.of("error")
    assert text_of(stage) == before


async def test_annotations_are_found_by_search_and_shown_in_exports(stage: Bench) -> None:
    await dispatch("/note 4 look *here*", stage.context)
    await dispatch("/tag 4 odd", stage.context)
    library = SessionLibrary(stage.memory.sessions_dir)
    assert [hit.message async for hit in library.search("look")] == [4]
    session = await library.load(FIRST)
    assert "## Assistant (\\#odd)" in render(session, "md")
    assert "**Note:** look \\*here\\*" in render(session, "md")
    assert "<aside>look *here*</aside>" in render(session, "html")
    assert '"note": "look *here*"' in render(session, "json")


async def test_session_can_be_pinned(stage: Bench) -> None:
    await dispatch("/pin", stage.context)
    assert said(stage) == "This session is pinned."
    assert (await stage.memory.library.load(stage.memory.session_id)).extra["pinned"] is True
    await dispatch("/note", stage.context)
    assert said(stage) == "This session: pinned"
    assert len([session async for _, session in stage.memory.library.list_annotated("")]) == 1
    await dispatch("/unpin", stage.context)
    assert "pinned" not in (await stage.memory.library.load(stage.memory.session_id)).extra
