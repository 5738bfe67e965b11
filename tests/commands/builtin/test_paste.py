"""/paste sends the image in the clipboard."""

from __future__ import annotations

from pathlib import Path

import pytest

from aloop.errors import RateLimited
from commands.builtin import paste as paste_module
from commands.dispatch import dispatch
from commands.pages import Question
from tests.agent.scripted import answer
from tests.commands.conftest import Bench, SetUp
from tests.memory.test_parts import PIXEL, png

IMAGES = (PIXEL.data, png() + b"\0")


@pytest.fixture(autouse=True)
def clipboard(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return the file whose contents are in the clipboard."""
    program = tmp_path / "paste-program"
    program.write_text('#!/bin/sh\ncat "$CLIPBOARD_FILE"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("CLIPBOARD_FILE", str(tmp_path / "clipboard"))
    monkeypatch.setattr(paste_module, "_PROGRAMS", [("CLIPBOARD_FILE", ("paste-program",))])
    return tmp_path / "clipboard"


async def test_image_is_sent_with_the_text(bench: SetUp, clipboard: Path) -> None:
    clipboard.write_bytes(PIXEL.data)
    stage = bench(answer("A dot."))
    await dispatch("/paste What is this?", stage.context)
    question = stage.memory.messages[0]
    assert (question.content, [part.file for part in question.parts]) == ("What is this?", [PIXEL.file])
    assert stage.context.pending_output.media == []


async def test_image_waits_for_the_next_message(bench: SetUp, clipboard: Path) -> None:
    clipboard.write_bytes(PIXEL.data)
    stage = bench(answer("A dot."), answer("Still a dot."))
    await dispatch("/paste", stage.context)
    assert str(stage.view.of("info")[-1]).endswith("will be sent with your next message.")
    await dispatch("And this?", stage.context)
    assert [part.file for part in stage.memory.messages[0].parts] == [PIXEL.file]
    await dispatch("/retry", stage.context)
    assert [part.file for part in stage.memory.messages[0].parts] == [PIXEL.file]


@pytest.mark.parametrize(("content", "reason"), [(None, "clipboard contains no image"), (b"text", "is not an image")])
async def test_clipboard_without_an_image_is_an_error(
    bench: SetUp, clipboard: Path, content: bytes | None, reason: str
) -> None:
    if content is not None:
        clipboard.write_bytes(content)
    stage = bench()
    await dispatch("/paste", stage.context)
    assert reason in str(stage.view.of("error")[-1])


async def test_missing_program_is_an_error(bench: SetUp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paste_module, "_PROGRAMS", [])
    monkeypatch.setenv("PATH", "")
    stage = bench()
    await dispatch("/paste", stage.context)
    assert str(stage.view.of("error")[-1]).startswith("Cannot read the clipboard:")


async def test_two_images_are_both_sent_under_different_names(bench: SetUp, clipboard: Path) -> None:
    stage = bench(answer("Two dots."))
    for data in IMAGES:
        clipboard.write_bytes(data)
        await dispatch("/paste", stage.context)
    await dispatch("And these?", stage.context)
    assert [part.name for part in stage.memory.messages[0].parts] == ["clipboard.png", "clipboard-2.png"]


async def test_image_of_an_undone_question_joins_one_that_waits(bench: SetUp, clipboard: Path) -> None:
    stage = bench(answer("A dot."), answer("Two dots."))
    clipboard.write_bytes(IMAGES[0])
    await dispatch("/paste What is this?", stage.context)
    clipboard.write_bytes(IMAGES[1])
    await dispatch("/paste", stage.context)
    await dispatch("/undo", stage.context)
    await dispatch("And these?", stage.context)
    assert len(stage.memory.messages[0].parts) == 2


async def test_images_of_a_failed_retry_do_not_join_the_next_message(bench: SetUp, clipboard: Path) -> None:
    stage = bench(answer("A dot."), [RateLimited("Not now.")], answer("Fine."))
    clipboard.write_bytes(IMAGES[0])
    await dispatch("/paste What is this?", stage.context)
    await dispatch("/retry", stage.context)
    await dispatch("Thanks", stage.context)
    assert [message.parts for message in stage.memory.messages[2:]] == [(), ()]


async def test_image_that_waits_is_kept_by_retry(bench: SetUp, clipboard: Path) -> None:
    stage = bench(answer("Eins."), answer("Uno."))
    await dispatch("one", stage.context)
    clipboard.write_bytes(IMAGES[0])
    await dispatch("/paste", stage.context)
    await dispatch("/retry", stage.context)
    assert not stage.memory.messages[0].parts
    assert len(stage.context.pending_output.media) == 1


async def test_undone_question_is_sent_again_with_its_image(bench: SetUp, clipboard: Path) -> None:
    clipboard.write_bytes(PIXEL.data)
    stage = bench(answer("A dot."), answer("Yes, a dot."))
    await dispatch("/paste What is this?", stage.context)
    outcome = await dispatch("/undo", stage.context)
    assert outcome.prefill == "What is this?"
    await dispatch(f"{outcome.prefill} Really?", stage.context)
    assert [part.file for part in stage.memory.messages[0].parts] == [PIXEL.file]


async def ask_about_both(stage: Bench, clipboard: Path) -> None:
    for number, data in enumerate(IMAGES, 1):
        clipboard.write_bytes(data)
        await dispatch(f"/paste Describe image {number}.", stage.context)


def waiting(stage: Bench) -> list[bytes]:
    return [media.data for media in stage.context.pending_output.media]


async def test_second_undo_takes_the_image_of_its_question_only(bench: SetUp, clipboard: Path) -> None:
    stage = bench(answer("A dot."), answer("A dot."))
    await ask_about_both(stage, clipboard)
    await dispatch("/undo", stage.context)
    assert waiting(stage) == [IMAGES[1]]
    await dispatch("/undo", stage.context)
    assert waiting(stage) == [IMAGES[0]]


async def test_redo_drops_the_returned_image_and_keeps_a_pasted_one(bench: SetUp, clipboard: Path) -> None:
    stage = bench(answer("A dot."))
    clipboard.write_bytes(IMAGES[0])
    await dispatch("/paste What is this?", stage.context)
    await dispatch("/paste", stage.context)
    await dispatch("/undo", stage.context)
    assert waiting(stage) == [IMAGES[0]] * 2
    await dispatch("/redo", stage.context)
    assert waiting(stage) == [IMAGES[0]]


@pytest.mark.parametrize("number", [1, 3])
async def test_rewind_in_a_copy_keeps_the_image_of_the_question(bench: SetUp, clipboard: Path, number: int) -> None:
    stage = bench(answer("A dot."), answer("A dot."))
    await ask_about_both(stage, clipboard)
    stage.view.picks_message = (Question(number, "What is it?"), True)
    outcome = await dispatch("/rewind", stage.context)
    assert outcome.prefill == f"Describe image {(number + 1) // 2}."
    assert waiting(stage) == [IMAGES[number // 2]]
    assert "will be sent" in str(stage.view.of("info")[-1])
