"""Sessions of Codex."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from tests.importers.reading import AT, outline, read_one, write_lines
from tests.memory.test_parts import PIXEL

FORM = "codex"


def line(kind: str, **payload: Any) -> dict[str, Any]:
    return {"timestamp": AT, "type": kind, "payload": payload}


def item(kind: str, **payload: Any) -> dict[str, Any]:
    return line("response_item", type=kind, **payload)


def event(kind: str, **payload: Any) -> dict[str, Any]:
    return line("event_msg", type=kind, **payload)


def words(role: str, text: str) -> dict[str, Any]:
    kind = "output_text" if role == "assistant" else "input_text"
    return item("message", role=role, content=[{"type": kind, "text": text}])


META = line("session_meta", id="0199-a", cwd="/work/project", cli_version="0.40.0", instructions="Be careful.")


def test_items_up_to_the_next_result_are_one_answer(tmp_path: Path) -> None:
    tokens = {"input_tokens": 100, "cached_input_tokens": 60, "output_tokens": 9}
    wrapped = json.dumps({"output": "boom\n", "metadata": {"exit_code": 2}})
    path = write_lines(
        tmp_path / "rollout.jsonl",
        META,
        line("turn_context", model="gpt-x"),
        words("user", "<environment_context>linux</environment_context>"),
        words("user", "List the files"),
        event("user_message", message="List the files"),
        event("agent_reasoning", text="Looking"),
        item("reasoning", summary=[{"type": "summary_text", "text": "Looking"}], encrypted_content="gAAA"),
        words("assistant", "I look."),
        item("function_call", name="shell", arguments='{"command": ["ls"]}', call_id="call_1"),
        event("token_count", info={"last_token_usage": tokens}),
        item("function_call_output", call_id="call_1", output=wrapped),
        words("assistant", "It failed."),
    )
    imported = read_one(path, FORM)
    assert outline(imported) == [
        ("system", "Be careful."),
        ("user", "<environment_context>linux</environment_context>"),
        ("user", "List the files"),
        ("assistant", "I look.", "shell"),
        ("tool", "boom\n"),
        ("assistant", "It failed."),
    ]
    system, injected, typed, answer, result, _last = imported.messages
    assert (system.skip, injected.skip, typed.skip) == (True, True, False)
    assert (answer.thinking[0].thinking, answer.thinking[0].signature) == ("Looking", "")
    assert answer.extra["foreign"]["encrypted_content"] == ["gAAA"]
    assert answer.usage is not None
    assert (answer.usage.input_tokens, answer.usage.cache_read_tokens) == (40, 60)
    assert (answer.model, result.is_error, result.name) == ("gpt-x", True, "shell")


def test_free_text_call_newer_exit_code_and_abort(tmp_path: Path) -> None:
    output = "Wall time: 0.1 seconds\nProcess exited with code 1\nOutput:\nno such file\n"
    path = write_lines(
        tmp_path / "rollout.jsonl",
        META,
        words("user", "Patch it"),
        item("custom_tool_call", name="apply_patch", input="*** Begin Patch", call_id="c1"),
        item("custom_tool_call_output", call_id="c1", output=output),
        words("assistant", "Trying"),
        event("turn_aborted", reason="interrupted"),
    )
    _system, _question, call, result, last = read_one(path, FORM).messages
    assert json.loads(call.tool_calls[0].arguments) == {"input": "*** Begin Patch"}
    assert result.is_error
    assert "no such file" in (result.content or "")
    assert last.interrupted


def test_typed_message_with_an_image_is_not_taken_for_inserted_text(tmp_path: Path) -> None:
    def message(*parts: str) -> list[dict[str, str]]:
        return [{"type": "input_text", "text": part} for part in parts]

    image = {"type": "input_image", "image_url": f"data:image/png;base64,{base64.b64encode(PIXEL.data).decode()}"}
    tag, end = message('<image name=[Image #1] path="/tmp/dot.png">', "</image>")
    kinds = {"content_item_kinds": ["user.text"]}
    typed = {"type": "UserMessage", "content": [{"type": "local_image"}, {"type": "text", "text": "What is it?"}]}
    path = write_lines(
        tmp_path / "rollout.jsonl",
        META,
        item("message", role="user", content=message("# AGENTS.md instructions", "<environment_context>")),
        item("message", role="user", content=[tag, image, end, *message("What is it?")]),
        event("item_completed", item=typed),
        words("assistant", "A dot."),
        item("message", role="user", content=[image, *message("And ", "here?")]),
        event("user_message", message="And here?"),
        item("message", role="user", content=message("Pasted"), internal_chat_message_metadata_passthrough=kinds),
    )
    _system, inserted, first, _answer, second, marked = read_one(path, FORM).messages
    assert [each.skip for each in (inserted, first, second, marked)] == [True, False, False, False]
    assert [len(each.parts) for each in (first, second)] == [1, 1]


def test_rolled_back_turns_are_skipped_and_a_compaction_is_a_summary(tmp_path: Path) -> None:
    path = write_lines(
        tmp_path / "rollout.jsonl",
        META,
        words("user", "One"),
        words("assistant", "First"),
        words("user", "Two"),
        words("assistant", "Second"),
        event("thread_rolled_back", num_turns=1),
        line("compacted", message="So far: one."),
        words("user", "Three"),
    )
    found = [(message.content, message.skip, message.summary) for message in read_one(path, FORM).messages[1:]]
    assert found == [
        ("One", False, False),
        ("First", False, False),
        ("Two", True, False),
        ("Second", True, False),
        ("So far: one.", False, True),
        ("Three", False, False),
    ]


def test_fork_keeps_its_own_id_and_a_sub_agent_names_its_parent(tmp_path: Path) -> None:
    source = {"subagent": {"thread_spawn": {"parent_thread_id": "0199-p"}}}
    path = write_lines(
        tmp_path / "rollout.jsonl",
        line("session_meta", id="0199-b", cwd="/w", source=source),
        META,
        words("user", "Search"),
    )
    imported = read_one(path, FORM)
    assert (imported.foreign_id, imported.kind, imported.parent) == ("0199-b", "subagent", "0199-p")


def test_title_is_the_last_one_in_the_index_of_all_sessions(tmp_path: Path) -> None:
    named = event("thread_name_updated", thread_name="Named in its file")
    path = write_lines(tmp_path / "sessions/2026/01/22/rollout.jsonl", META, words("user", "List"), named)
    assert read_one(path, FORM).title == "Named in its file"
    index = tmp_path / "session_index.jsonl"
    names = [("0199-a", "First"), ("0199-a", "Last"), ("0199-b", "Other")]
    write_lines(index, *({"id": number, "thread_name": name} for number, name in names))
    with index.open("a") as stream:
        stream.write('{"id": "0199-a", "thread_na')
    assert read_one(path, FORM).title == "Last"
    # A link could lead to any file.
    index.rename(tmp_path.parent / "outside.jsonl")
    index.symlink_to(tmp_path.parent / "outside.jsonl")
    assert read_one(path, FORM).title == "Named in its file"
