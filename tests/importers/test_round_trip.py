"""Exports that are imported again keep every message, call and result."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aloop.export.document import render
from aloop.export.formats import TOOLS
from aloop.export.targets import to_tool
from aloop.importers.imported import Imported
from aloop.importers.run import Scan, Selection
from aloop.importers.storing.store import ImportStore
from aloop.llm.content.parts import MediaFile
from aloop.llm.json_values import JsonObject
from aloop.llm.message_types import LLMMessage, ToolCall, Usage
from aloop.memory import MemoryManager, SessionLibrary
from aloop.memory.session import Session
from tests.memory.test_parts import PIXEL
from tests.properties import scaled

PAPER = MediaFile("paper.pdf", "application/pdf", b"%PDF-1.4 not really")
START = datetime(2026, 1, 22, 17, 51, tzinfo=UTC)
# The marks of programs in their own texts would be taken for what they are.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="<[#\x00"), min_size=1, max_size=60).filter(
    lambda text: text.strip() == text
)
ARGUMENTS = st.dictionaries(
    st.text("abc_", min_size=1, max_size=5), st.one_of(TEXT, st.integers(), st.booleans()), max_size=3
)


@st.composite
def talks(draw: st.DrawFn) -> tuple[LLMMessage, ...]:
    """Return the messages of a conversation with parallel calls and failures."""
    messages: list[LLMMessage] = []
    number = 0
    for _ in range(draw(st.integers(1, 4))):
        messages.append(LLMMessage("user", draw(TEXT)))
        for _ in range(draw(st.integers(0, 2))):
            calls = []
            for _ in range(draw(st.integers(1, 3))):
                number += 1
                calls.append(
                    ToolCall(f"call_{number}", draw(st.sampled_from(("look", "run"))), json.dumps(draw(ARGUMENTS)))
                )
            text = draw(st.one_of(st.none(), TEXT))
            messages.append(LLMMessage("assistant", text, tuple(calls), model="m", usage=Usage(3, 4, 5, 6)))
            for call in draw(st.permutations(calls)):
                failed = draw(st.booleans())
                result = LLMMessage("tool", draw(TEXT), tool_call_id=call.id, name=call.name, is_error=failed)
                messages.append(result)
        messages.append(LLMMessage("assistant", draw(TEXT), model="m"))
    return tuple(messages)


def essence(messages: Sequence[LLMMessage], *, ids: bool = True, errors: bool = True) -> list[Any]:
    """Return what a round trip has to keep; results of one answer may change places."""
    found: list[Any] = []
    names: dict[str | None, Any] = {}
    for message in messages:
        calls = [(call.id if ids else "", call.name, json.loads(call.arguments)) for call in message.tool_calls]
        names |= {call.id: (number, call.name) for number, call in enumerate(message.tool_calls)}
        call_id = message.tool_call_id if ids else names.get(message.tool_call_id)
        found.append((message.role, message.content or "", calls, call_id, message.is_error and errors))
    return found


def session_of(messages: tuple[LLMMessage, ...]) -> Session:
    return Session(
        "a1b2c3d4-5678-40ab-8def-1234567890ab", START, START, (), messages, Path(), title="A talk", model="m"
    )


def back(text: str, name: str) -> Imported:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_text(text, "utf-8")
        [imported] = Scan(Selection(branches=True)).read([path])
    return imported


def sorted_results(found: list[Any]) -> list[Any]:
    """Return the entries with the results of each answer in the order of their IDs."""
    ordered: list[Any] = []
    group: list[Any] = []
    for entry in [*found, None]:
        if entry is not None and entry[0] == "tool":
            group.append(entry)
            continue
        ordered += sorted(group, key=str)
        group = []
        ordered += [entry] if entry is not None else []
    return ordered


@pytest.mark.parametrize("form", [*TOOLS, "openai", "anthropic"])
@given(messages=talks())
@settings(max_examples=scaled(25))
def test_messages_calls_and_results_survive(form: str, messages: tuple[LLMMessage, ...]) -> None:
    session = session_of(messages)
    if form in TOOLS:
        exported = to_tool(session, form, Path("/work/project"))
        imported = back(exported.text, exported.path.name)
        assert imported.cwd == "/work/project"
    else:
        imported = back(render(session, form), "talk.json")
    errors = form not in ("codex", "openai")  # formats without a mark for a failure
    before, after = essence(messages, errors=errors), essence(imported.messages, errors=errors)
    if form == "opencode":
        # There a result is part of its call.
        before, after = sorted_results(before), sorted_results(after)
    assert after == before


@given(messages=talks())
@settings(max_examples=scaled(25))
def test_sharegpt_keeps_all_but_ids_and_failures(messages: tuple[LLMMessage, ...]) -> None:
    ordered = []
    for message in messages:
        if message.role == "tool":
            continue
        results = {each.tool_call_id: each for each in messages if each.role == "tool"}
        ordered += [message, *(results[call.id] for call in message.tool_calls)]
    imported = back(render(session_of(tuple(ordered)), "sharegpt"), "talk.json")
    kept = essence(tuple(ordered), ids=False, errors=False)
    assert essence(imported.messages, ids=False, errors=False) == kept


def test_sharegpt_pairs_results_that_came_in_another_order() -> None:
    calls = (ToolCall("c1", "look", "{}"), ToolCall("c2", "run", "{}"))
    messages = (
        LLMMessage("user", "Both"),
        LLMMessage("assistant", "Yes.", calls),
        LLMMessage("tool", "second", tool_call_id="c2", name="run"),
        LLMMessage("tool", "first", tool_call_id="c1", name="look"),
    )
    imported = back(render(session_of(messages), "sharegpt"), "talk.json")
    assert [(message.name, message.content) for message in imported.messages[2:]] == [
        ("look", "first"),
        ("run", "second"),
    ]


@pytest.mark.parametrize("tool", TOOLS)
def test_answers_one_after_another_stay_two(tool: str) -> None:
    call = ToolCall("c1", "look", "{}")
    messages = (
        LLMMessage("user", "Go"),
        LLMMessage("assistant", "First.", usage=Usage(7, 2)),
        LLMMessage("assistant", "Second."),
        LLMMessage("assistant", None, (call,)),
        LLMMessage("tool", "seen", tool_call_id="c1", name="look"),
    )
    exported = to_tool(session_of(messages), tool, Path("/work/project"))
    imported = back(exported.text, exported.path.name)
    assert essence(imported.messages) == essence(messages)
    usage = imported.messages[1].usage
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens) == (7, 2)


@pytest.mark.parametrize("tool", TOOLS)
def test_summary_at_the_start_is_a_message_of_the_user(tool: str) -> None:
    messages = (LLMMessage("user", "So far.", summary=True), LLMMessage("user", "Two"), LLMMessage("assistant", "Yes."))
    exported = to_tool(session_of(messages), tool, Path("/work/project"))
    kept = [message for message in back(exported.text, exported.path.name).messages if not message.skip]
    assert [(message.role, message.content, message.summary) for message in kept] == [
        ("user", "So far.", True),
        ("user", "Two", False),
        ("assistant", "Yes.", False),
    ]


@pytest.mark.parametrize("tool", TOOLS)
def test_summary_replaces_the_messages_before_it(tool: str) -> None:
    messages = (
        LLMMessage("user", "One"),
        LLMMessage("assistant", "First."),
        LLMMessage("user", "So far: one.", summary=True),
        LLMMessage("user", "Two"),
        LLMMessage("assistant", "Second."),
    )
    exported = to_tool(session_of(messages), tool, Path("/work/project"))
    imported = back(exported.text, exported.path.name)
    contents = [(message.content, message.summary) for message in imported.messages if not message.skip]
    assert [content for content, is_summary in contents if is_summary] == ["So far: one."]
    start = next(index for index, (_, is_summary) in enumerate(contents) if is_summary)
    assert [content for content, _ in contents[start + 1 :]] == ["Two", "Second."]
    assert [content for content, _ in contents[:start]] == ["One", "First."]


@pytest.mark.parametrize("tool", TOOLS)
def test_call_without_a_result_gets_one_and_skipped_messages_are_counted(tool: str) -> None:
    messages = (
        LLMMessage("user", "Secret", skip=True),
        LLMMessage("user", "Look"),
        LLMMessage("assistant", None, (ToolCall("c1", "look", "{}"),)),
    )
    exported = to_tool(session_of(messages), tool, Path("/work/project"))
    assert exported.left_out == {"skipped messages": 1}
    assert "Secret" not in exported.text
    imported = back(exported.text, exported.path.name)
    assert [message.role for message in imported.messages] == ["user", "assistant", "tool"]


@pytest.mark.parametrize("tool", TOOLS)
def test_names_of_calls_have_only_characters_that_apis_accept(tool: str) -> None:
    messages = (
        LLMMessage("user", "Look"),
        LLMMessage("assistant", None, (ToolCall("c.1", "mcp.look at", "{}"),)),
        LLMMessage("tool", "seen", tool_call_id="c.1", name="mcp.look at"),
    )
    exported = to_tool(session_of(messages), tool, Path("/work/project"))
    _question, answer, result = back(exported.text, exported.path.name).messages
    assert (answer.tool_calls[0].id, answer.tool_calls[0].name) == ("c_1", "mcp_look_at")
    assert (result.tool_call_id, result.name) == ("c_1", "mcp_look_at")


@pytest.mark.parametrize("tool", TOOLS)
def test_blank_texts_that_apis_refuse_are_left_out_or_filled(tool: str) -> None:
    calls = (ToolCall("c1", "look", "{}"), ToolCall("c2", "look", "{}"))
    messages = (
        LLMMessage("user", "Look"),
        LLMMessage("assistant", " \n", calls),
        LLMMessage("tool", " ", tool_call_id="c1", name="look", is_error=True),
        LLMMessage("tool", "", tool_call_id="c2", name="look"),
    )
    exported = to_tool(session_of(messages), tool, Path("/work/project"))
    _question, answer, failed, empty = back(exported.text, exported.path.name).messages
    assert not answer.content
    assert (failed.content, empty.content) == ("The tool failed and gave no reason.", "")


def test_export_with_a_number_that_a_program_rounded_is_not_changed(sessions_dir: Path, tmp_path: Path) -> None:
    call = ToolCall("c1", "count", '{"to": [12345678901234567890123, -9007199254740993], "from": 1.0}')
    messages = (
        LLMMessage("user", "Count"),
        LLMMessage("assistant", None, (call,)),
        LLMMessage("tool", "done", tool_call_id="c1", name="count"),
    )
    session = session_of(messages)
    store = ImportStore(sessions_dir)
    store.backend.create(session)
    exported = to_tool(session, "pi", Path("/work/project"))
    path = tmp_path / exported.path.name
    text = exported.text.replace(
        "12345678901234567890123,-9007199254740993", "1.2345678901234568e+22,-9007199254740992"
    )
    assert text != exported.text
    path.write_text(text.replace('"from":1.0', '"from":1'), "utf-8")
    [imported] = Scan(Selection()).read([path])
    assert ImportStore(sessions_dir).put(imported).action == "exported"


async def talk_with_images(sessions_dir: Path) -> Session:
    """Save a session with images, a document, and an image whose file is gone."""
    memory = MemoryManager(sessions_dir=sessions_dir)
    image, document = await memory.keep_media(PIXEL), await memory.keep_media(PAPER)
    gone = replace(image, file="files/0123456789abcdef.png")
    question = LLMMessage(
        "user", "Before\nafter", parts=(replace(image, after_chars=7), replace(document, after_chars=12))
    )
    result = LLMMessage("tool", "It:", parts=(replace(image, after_chars=3),), tool_call_id="c1", name="look")
    for message in (
        question,
        LLMMessage("assistant", None, (ToolCall("c1", "look", "{}"),)),
        result,
        LLMMessage("assistant", "Seen."),
        LLMMessage("user", "And this?", parts=(gone,)),
    ):
        await memory.add_message(message)
    await memory.save_memory()
    return await SessionLibrary(sessions_dir).load(memory.snapshot().id)


@pytest.mark.parametrize("tool", TOOLS)
async def test_images_of_questions_and_results_survive(sessions_dir: Path, tool: str) -> None:
    exported = to_tool(await talk_with_images(sessions_dir), tool, Path("/work/project"))
    imported = back(exported.text, exported.path.name)
    question, _call, result, _answer, last = imported.messages
    has_documents = tool in ("claude-code", "opencode")
    assert [part.file for part in question.parts] == [PIXEL.file, *[PAPER.file] * has_documents]
    assert ("[document: paper.pdf" in (question.content or "")) is not has_documents
    place = question.parts[0].after_chars
    before, after = (question.content or "")[:place], (question.content or "")[place:]
    assert (before.split()[0], after.split()[0]) == ("Before", "after")
    assert [part.file for part in result.parts] == [PIXEL.file]
    assert imported.files[PIXEL.file] == PIXEL.data
    assert "[image: dot.png, files/0123456789abcdef.png" in (last.content or "")


@pytest.mark.parametrize("tool", TOOLS)
async def test_question_with_an_image_without_name_is_the_same_afterwards(sessions_dir: Path, tool: str) -> None:
    memory = MemoryManager(sessions_dir=sessions_dir)
    image = replace(await memory.keep_media(PIXEL), name="", after_chars=4)
    await memory.add_message(LLMMessage("user", "Look", parts=(image,)))
    await memory.add_message(LLMMessage("assistant", "Seen."))
    await memory.save_memory()
    exported = to_tool(await SessionLibrary(sessions_dir).load(memory.snapshot().id), tool, Path("/work/project"))
    question = back(exported.text, exported.path.name).messages[0]
    assert ((question.content or "").strip(), question.parts[0].file) == ("Look", PIXEL.file)


@pytest.mark.parametrize("tool", TOOLS)
async def test_export_in_which_images_were_words_is_an_export_of_the_session(sessions_dir: Path, tool: str) -> None:
    session = await talk_with_images(sessions_dir)
    exported = to_tool(replace(session, path=sessions_dir / "elsewhere/session.yaml"), tool, Path("/work/project"))
    imported = back(exported.text, exported.path.name)
    assert not imported.files
    assert ImportStore(sessions_dir).put(imported).action == "exported"


@pytest.mark.parametrize("tool", TOOLS)
def test_each_export_has_new_ids(tool: str) -> None:
    session = session_of((LLMMessage("user", "Hi"),))
    first, second = (to_tool(session, tool, Path("/work/project")) for _ in range(2))
    assert first.path != second.path
    assert first.text != second.text


def test_command_of_claude_code_is_still_sent_with_its_prompt_after_an_export() -> None:
    inserted = JsonObject({"foreign": {"injected": True}})
    messages = (
        LLMMessage("user", "<command-message>init</command-message>\n<command-name>/init</command-name>"),
        LLMMessage("user", "Analyze this codebase.", extra=inserted),
        LLMMessage("assistant", "Done.", model="m"),
    )
    exported = to_tool(session_of(messages), "claude-code", Path("/work"))
    again = back(exported.text, exported.path.name)
    assert [(each.content, each.skip, each.extra) for each in again.messages] == [
        (each.content, False, each.extra) for each in messages
    ]
    # Earlier versions exported the prompt as one that was typed.
    earlier = back(exported.text.replace(',"isMeta":true', ""), exported.path.name)
    assert [each.skip for each in earlier.messages] == [False, False, False]
