"""Exports have long results in full, and name all that they leave out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from aloop.export.document import make_document, render
from aloop.export.formats import DOCUMENTS, FORMATS, TOOLS
from aloop.export.targets import to_tool
from aloop.importers.run import Scan, Selection
from aloop.importers.storing.store import ImportStore
from aloop.llm.content.parts import MediaFile
from aloop.llm.message_types import LLMMessage, ToolCall
from aloop.memory import MemoryManager, Session, SessionLibrary
from aloop.memory.session_folder.outputs import brief
from tests.memory.test_parts import PIXEL

LONG = "\n".join(f"line {number}" for number in range(9_000))
MIDDLE = "line 4500"
MISSING = "the complete text of results whose file is missing or altered"
PAPER = MediaFile("a.pdf", "application/pdf", b"%PDF-1.4 paper")


def make_session(
    sessions_dir: Path, media: Sequence[MediaFile] = (), *, is_error: bool = False, long: str = LONG
) -> Session:
    """Save a session with a long result, and images in a question and in a result."""

    async def make() -> Session:
        memory = MemoryManager(sessions_dir=sessions_dir)
        parts = tuple([await memory.keep_media(each) for each in media])
        await memory.add_message(LLMMessage("user", "Look", parts=parts))
        calls = (ToolCall("c1", "run_shell", '{"command": "make"}'), ToolCall("c2", "look", "{}"))
        await memory.add_message(LLMMessage("assistant", "Yes.", calls))
        kept = await memory.keep_output("run_shell", long)
        text = brief(long, kept.relative)
        await memory.add_message(LLMMessage("tool", text, tool_call_id="c1", output_file=kept.relative))
        await memory.add_message(LLMMessage("tool", "Seen", tool_call_id="c2", parts=parts, is_error=is_error))
        await memory.add_message(LLMMessage("assistant", "Done."))
        await memory.save_memory()
        return await SessionLibrary(sessions_dir).load(memory.snapshot().id)

    return asyncio.run(make())


def export(session: Session, form: str) -> tuple[str, dict[str, int]]:
    """Return the text of an export and what it leaves out."""
    if form in TOOLS:
        exported = to_tool(session, form, Path("/work/project"))
        return exported.text, dict(exported.left_out)
    document = make_document(session, form)
    return document.text, dict(document.left_out)


def output_of(session: Session) -> Path:
    return session.path.parent / (session.messages[2].output_file or "")


@pytest.mark.parametrize("form", FORMATS)
def test_export_has_the_whole_of_a_long_result(sessions_dir: Path, form: str) -> None:
    session = make_session(sessions_dir)
    text, left_out = export(session, form)
    assert MIDDLE in text
    assert (f"the complete output is in {session.messages[2].output_file} …" in text) == (form == "json")
    assert str(output_of(session)) not in text
    assert not left_out


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("content", [None, "changed", b"\xff"])
def test_export_without_the_file_of_a_long_result_counts_it(
    sessions_dir: Path, form: str, content: str | bytes | None
) -> None:
    session = make_session(sessions_dir)
    path = output_of(session)
    path.unlink()
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    text, left_out = export(session, form)
    assert "line 8999" in text
    assert left_out == ({MISSING: 1} if form != "json" or content is None else {})


@pytest.mark.parametrize("form", FORMATS)
def test_huge_result_stays_shortened_only_for_tools_and_readers(sessions_dir: Path, form: str) -> None:
    text, left_out = export(make_session(sessions_dir, long=f"{LONG}\n" * 6), form)
    is_whole = form in ("json", "openai", "anthropic", "sharegpt")
    assert (MIDDLE in text) == is_whole
    assert left_out == ({} if is_whole else {"the middle of results of more than 400,000 bytes": 1})


@pytest.mark.parametrize("form", [*TOOLS, "openai", "anthropic", "sharegpt"])
@pytest.mark.parametrize("lost", ["", "before the export", "after the export"])
def test_export_of_a_long_result_that_comes_back_has_nothing_new(
    sessions_dir: Path, tmp_path: Path, form: str, lost: str
) -> None:
    session = make_session(sessions_dir, [PIXEL])
    before = session.path.read_bytes()
    if lost == "before the export":
        content = output_of(session).read_bytes()
        output_of(session).unlink()
    exported = to_tool(session, form, Path("/work/project")) if form in TOOLS else None
    path = tmp_path / (exported.path.name if exported else f"{form}.json")
    path.write_text(exported.text if exported else render(session, form), "utf-8")
    if lost == "before the export":
        output_of(session).write_bytes(content)
    elif lost:
        output_of(session).unlink()
    [imported] = Scan(Selection()).read([path])
    assert ImportStore(sessions_dir).put(imported).action == "exported"
    assert session.path.read_bytes() == before


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("md", {"images": 2, "documents": 2}),
        ("html", {"documents": 2}),
        ("json", {}),
        ("openai", {"documents": 2, "images": 1}),
        ("anthropic", {}),
        ("sharegpt", {"images": 2, "documents": 2}),
        ("claude-code", {}),
        ("codex", {"documents": 2}),
        ("opencode", {}),
        ("pi", {"documents": 2}),
    ],
)
def test_images_and_documents_that_become_text_are_counted(
    sessions_dir: Path, form: str, expected: dict[str, int]
) -> None:
    assert export(make_session(sessions_dir, [PIXEL, PAPER]), form)[1] == expected


@pytest.mark.parametrize("form", DOCUMENTS[2:] + TOOLS)
def test_images_whose_file_is_missing_are_counted(sessions_dir: Path, form: str) -> None:
    session = make_session(sessions_dir, [PIXEL])
    (session.path.parent / PIXEL.file).unlink()
    [(what, count)] = export(session, form)[1].items()
    assert what == "images and documents whose file is missing or altered"
    assert count == (1 if form == "json" else 2)


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("openai", {"marks of failed results": 1, "images": 1}),
        ("sharegpt", {"marks of failed results": 1, "images": 2}),
        ("anthropic", {}),
        ("opencode", {"images": 1}),
        ("codex", {"marks of failed results": 1}),
    ],
)
def test_marks_and_images_of_failed_results_that_are_lost_are_counted(
    sessions_dir: Path, form: str, expected: dict[str, int]
) -> None:
    assert export(make_session(sessions_dir, [PIXEL], is_error=True), form)[1] == expected


def test_anthropic_document_has_the_image_of_a_result(sessions_dir: Path) -> None:
    messages = json.loads(render(make_session(sessions_dir, [PIXEL]), "anthropic"))["messages"]
    content = messages[2]["content"][1]["content"]
    assert [block["type"] for block in content] == ["image", "text"]


def test_parts_for_one_provider_are_counted(sessions_dir: Path) -> None:
    session = make_session(sessions_dir)
    blocks = ('{"type": "server_tool_use"}',)
    messages = (*session.messages, LLMMessage("user", "?"), LLMMessage("assistant", "!", blocks=blocks))
    _, left_out = export(replace(session, messages=messages), "openai")
    assert left_out == {"parts for one provider, such as web searches": 1}
