"""Sessions of the other coding agents: one made file for each."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from aloop.importers.places import kimi_slug
from aloop.importers.run import Scan, Selection, find_files
from aloop.importers.values import moment
from tests.importers.reading import AT, outline, read_all, read_one, write_json, write_lines

PIXEL = base64.b64encode(b"\x89PNG pixel").decode()


def test_pi_tree_has_the_path_to_its_last_entry_and_a_branch(tmp_path: Path) -> None:
    def entry(own: str, parent: str | None, role: str, content: object, **values: Any) -> dict[str, Any]:
        message = {"role": role, "content": content, **values}
        return {"type": "message", "id": own, "parentId": parent, "timestamp": AT, "message": message}

    call = {"type": "toolCall", "id": "c1", "name": "bash", "arguments": {"command": "ls"}}
    path = write_lines(
        tmp_path / "s.jsonl",
        {"type": "session", "version": 3, "id": "s1", "timestamp": AT, "cwd": "/work"},
        entry("1", None, "user", [{"type": "text", "text": "List"}]),
        entry("2", "1", "assistant", [{"type": "text", "text": "Old"}], stopReason="aborted"),
        entry("3", "1", "assistant", [call], usage={"input": 2, "output": 3}, model="m", provider="openai"),
        entry("4", "3", "toolResult", [{"type": "text", "text": "a b"}], toolCallId="c1", toolName="bash"),
    )
    main, branch = read_all(path, "pi")
    assert outline(main) == [("user", "List"), ("assistant", "", "bash"), ("tool", "a b")]
    assert branch.messages[-1].interrupted
    assert branch.parent == "s1"


def test_error_in_place_of_an_answer_is_kept_and_not_sent(tmp_path: Path) -> None:
    answer = {"role": "assistant", "content": [], "stopReason": "error", "errorMessage": "400 bad thing"}
    of_pi = write_lines(
        tmp_path / "s.jsonl",
        {"type": "session", "id": "s1", "timestamp": AT, "cwd": "/work"},
        {"type": "message", "timestamp": AT, "message": {"role": "user", "content": "One"}},
        {"type": "message", "timestamp": AT, "message": answer},
    )
    error = {"name": "APIError", "data": {"message": "400 bad thing"}}
    question: dict[str, Any] = {"info": {"id": "msg_1", "role": "user"}, "parts": [{"type": "text", "text": "One"}]}
    messages = [question, {"info": {"id": "msg_2", "role": "assistant", "error": error}, "parts": []}]
    of_opencode = write_json(tmp_path / "export.json", {"info": {"id": "ses_1"}, "messages": messages})
    for path, form in ((of_pi, "pi"), (of_opencode, "opencode")):
        found = [(message.content, message.skip) for message in read_one(path, form).messages]
        assert found == [("One", False), ("400 bad thing", True)]


def test_pi_compaction_is_before_the_messages_that_it_keeps(tmp_path: Path) -> None:
    def user(words: str) -> dict[str, Any]:
        return {"type": "message", "timestamp": AT, "message": {"role": "user", "content": words}}

    path = write_lines(
        tmp_path / "s.jsonl",
        {"type": "session", "id": "s1", "timestamp": AT, "cwd": "/work"},
        user("One"),
        user("Two"),
        {"type": "compaction", "timestamp": AT, "summary": "So far.", "firstKeptEntryIndex": 2},
        user("Three"),
    )
    imported = read_one(path, "pi")
    assert [message.content for message in imported.messages] == ["One", "So far.", "Two", "Three"]


def test_opencode_export_pairs_tools_and_skips_inserted_text(tmp_path: Path) -> None:
    state = {"status": "completed", "input": {"command": "ls"}, "output": "a b", "time": {"end": 1795905879910}}
    tokens = {"input": 5, "output": 2, "cache": {"read": 3, "write": 1}}
    path = write_json(
        tmp_path / "export.json",
        {
            "info": {"id": "ses_1", "title": "List", "directory": "/work", "revert": {"messageID": "msg_3"}},
            "messages": [
                {
                    "info": {"id": "msg_1", "role": "user", "time": {"created": 1795905872189}},
                    "parts": [
                        {"type": "text", "text": "List"},
                        {"type": "text", "text": "<reminder>", "synthetic": True},
                        {
                            "type": "file",
                            "filename": "p.png",
                            "mime": "image/png",
                            "url": f"data:image/png;base64,{PIXEL}",
                        },
                    ],
                },
                {
                    "info": {"id": "msg_2", "role": "assistant", "modelID": "m", "tokens": tokens},
                    "parts": [
                        {"type": "reasoning", "text": "Hm."},
                        {"type": "tool", "callID": "c1", "tool": "bash", "state": state},
                        {"type": "tool", "callID": "c2", "tool": "bash", "state": {"status": "running"}},
                    ],
                },
                {"info": {"id": "msg_3", "role": "user"}, "parts": [{"type": "text", "text": "Gone"}]},
            ],
        },
    )
    imported = read_one(path, "opencode")
    reminder, question, answer, result, gone = imported.messages
    assert (reminder.skip, gone.skip) == (True, True)
    assert (question.content or "").startswith("List")
    assert [call.id for call in answer.tool_calls] == ["c1", "c2"]
    assert answer.thinking[0].thinking == "Hm."
    assert (result.content, result.tool_call_id) == ("a b", "c1")
    assert list(imported.files.values()) == [b"\x89PNG pixel"]


def test_opencode_file_that_the_user_named_is_sent_with_its_content(tmp_path: Path) -> None:
    def inserted(words: str) -> dict[str, Any]:
        return {"type": "text", "text": words, "synthetic": True}

    file = {"type": "file", "mime": "text/plain", "filename": "a.txt", "url": "file:///work/a.txt"}
    parts = [inserted("Called the Read tool"), inserted("<content>"), file, inserted("Called the doctor")]
    question = {"info": {"id": "msg_1", "role": "user"}, "parts": [*parts, {"type": "text", "text": "Read @a.txt"}]}
    path = write_json(tmp_path / "export.json", {"info": {"id": "ses_1"}, "messages": [question]})
    found = read_one(path, "opencode").messages
    assert [(message.content, message.skip) for message in found] == [
        ("Called the Read tool", False),
        ("<content>", False),
        ("Called the doctor", True),
        ("[file: a.txt]\n\nRead @a.txt", False),
    ]
    assert [message.extra.get("foreign") for message in found] == [{"injected": True}] * 2 + [None] * 2


def test_gemini_lines_replace_rewind_and_tell_results_once(tmp_path: Path) -> None:
    response = {"functionResponse": {"id": "c1", "name": "shell", "response": {"output": "a b"}}}
    call = {"id": "c1", "name": "shell", "args": {"command": "ls"}, "status": "success", "result": [response]}
    answer = {"id": "2", "timestamp": AT, "type": "gemini", "content": "I look.", "model": "g"}
    path = write_lines(
        tmp_path / "session.jsonl",
        {"sessionId": "s1", "projectHash": "h", "startTime": AT},
        {"$set": {"messages": [{"id": "0", "type": "user", "content": [{"text": "<session_context>"}]}]}},
        {"id": "1", "timestamp": AT, "type": "user", "content": [{"text": "List"}]},
        answer,
        {**answer, "toolCalls": [call], "tokens": {"input": 40, "cached": 7, "output": 8, "thoughts": 2}},
        {"id": "3", "type": "user", "content": [response]},
        {"id": "4", "type": "user", "content": "Wrong"},
        {"$rewindTo": "4"},
        {"id": "5", "type": "gemini", "content": "Done."},
    )
    imported = read_one(path, "gemini-cli")
    assert outline(imported) == [
        ("user", "<session_context>"),
        ("user", "List"),
        ("assistant", "I look.", "shell"),
        ("tool", "a b"),
        ("assistant", "Done."),
    ]
    usage = imported.messages[2].usage
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens, usage.cache_read_tokens) == (33, 10, 7)


def test_gemini_checkpoint_pairs_calls_without_ids_by_name(tmp_path: Path) -> None:
    calls: list[dict[str, Any]] = [{"functionCall": {"name": name, "args": {}}} for name in ("a", "b")]
    results = [{"functionResponse": {"name": name, "response": {"output": name}}} for name in ("b", "a")]
    path = write_json(
        tmp_path / "checkpoint-x.json",
        [
            {"role": "user", "parts": [{"text": "Both"}]},
            {"role": "model", "parts": calls},
            {"role": "user", "parts": results},
        ],
    )
    imported = read_one(path, "gemini-cli")
    names = {call.id: call.name for call in imported.messages[1].tool_calls}
    assert [(names[each.tool_call_id or ""], each.content) for each in imported.messages[2:]] == [
        ("b", "b"),
        ("a", "a"),
    ]


def test_gemini_images_are_kept_in_prompts_and_results(tmp_path: Path) -> None:
    image = {"inlineData": {"mimeType": "image/png", "data": PIXEL}}
    result = {"functionResponse": {"id": "c1", "name": "read", "response": {"output": "One image."}}}
    nested = {"functionResponse": {"id": "c2", "name": "read", "response": {"output": "Inside."}, "parts": [image]}}
    failed = {"functionResponse": {"id": "c3", "name": "read", "response": {"error": "No such file"}}}
    calls = [
        {"id": "c1", "name": "read", "args": {}, "status": "success", "result": [result, image]},
        {"id": "c2", "name": "read", "args": {}},
        {"id": "c3", "name": "read", "args": {}},
    ]
    remote = {"fileData": {"mimeType": "image/png", "fileUri": "gs://b/i.png"}}
    path = write_lines(
        tmp_path / "session.jsonl",
        {"sessionId": "s1", "projectHash": "h", "startTime": AT},
        {"id": "1", "type": "user", "content": [{"text": "Look"}, image, remote]},
        {"id": "2", "type": "gemini", "content": "", "toolCalls": calls},
        {"id": "3", "type": "user", "content": [result, image]},
        {"id": "4", "type": "user", "content": [nested, failed]},
        {"id": "5", "type": "user", "content": [image]},
        {"id": "6", "type": "gemini", "content": "A cat."},
    )
    imported = read_one(path, "gemini-cli")
    assert [(each.role, each.content, len(each.parts), each.is_error) for each in imported.messages] == [
        ("user", "Look", 1, False),
        ("assistant", None, 0, False),
        ("tool", "One image.", 1, False),
        ("tool", "Inside.", 1, False),
        ("tool", "No such file", 0, True),
        ("user", "", 1, False),
        ("assistant", "A cat.", 0, False),
    ]
    assert len(imported.files) == 1
    assert imported.messages[0].extra["foreign"] == {"files": [remote["fileData"]]}
    assert imported.losses == {"files elsewhere, which are only named": 1}


def test_kimi_loop_events_make_answers_and_results(tmp_path: Path) -> None:
    def event(**values: Any) -> dict[str, Any]:
        return {"type": "context.append_loop_event", "event": values, "time": 1784950605097}

    message = {"role": "user", "content": [{"type": "text", "text": "List"}], "origin": {"kind": "user"}}
    path = write_lines(
        tmp_path / "wd" / "session_1" / "agents" / "main" / "wire.jsonl",
        {"type": "metadata", "protocol_version": "1.4", "created_at": 1784950509920},
        {"type": "config.update", "modelAlias": "k2", "systemPrompt": "You are Kimi.", "time": 1784950509920},
        {"type": "turn.prompt", "input": [{"type": "text", "text": "List"}], "time": 1784950605093},
        {"type": "context.append_message", "message": message, "time": 1784950605094},
        event(type="step.begin", uuid="s1"),
        event(type="content.part", stepUuid="s1", part={"type": "think", "think": "Hm."}),
        event(type="tool.call", stepUuid="s1", toolCallId="c1", name="Bash", args={"command": "ls"}),
        event(type="tool.result", toolCallId="c1", result={"output": "no", "isError": True}),
        event(type="step.end", uuid="s1", usage={"inputOther": 9, "output": 4, "inputCacheRead": 5}),
    )
    write_json(tmp_path / "wd" / "session_1" / "state.json", {"title": "Listing", "workDir": "/work", "agents": {}})
    imported = read_one(path, "kimi")
    assert outline(imported) == [
        ("system", "You are Kimi."),
        ("user", "List"),
        ("assistant", "", "Bash"),
        ("tool", "no"),
    ]
    assert imported.messages[3].is_error
    assert (imported.title, imported.cwd, imported.foreign_id, imported.model) == (
        "Listing",
        "/work",
        "session_1",
        "k2",
    )


def test_vibe_arguments_are_read_as_text_or_object(tmp_path: Path) -> None:
    calls = [
        {"id": f"c{n}", "function": {"name": "read", "arguments": arguments}}
        for n, arguments in enumerate(({"p": 1}, '{"p": 2}'))
    ]
    path = write_lines(
        tmp_path / "session_x" / "messages.jsonl",
        {"role": "user", "content": "Context", "injected": True},
        {"role": "user", "content": "Read"},
        {"role": "assistant", "content": None, "tool_calls": calls, "reasoning_content": "Hm."},
        {"role": "tool", "content": "text", "tool_call_id": "c0"},
    )
    write_json(path.with_name("meta.json"), {"session_id": "v1", "title": "Reading", "model": "mm", "environment": {}})
    imported = read_one(path, "mistral-vibe")
    assert [call.arguments for call in imported.messages[2].tool_calls] == ['{"p": 1}', '{"p": 2}']
    assert imported.messages[0].skip
    assert imported.title == "Reading"


def test_vibe_store_is_read_from_its_current_snapshot(tmp_path: Path) -> None:
    folder = tmp_path / "unified" / "v1"
    call = {"type": "tool_call", "id": "c1", "name": "read", "arguments": {"type": "json", "raw": '{"p": 1}'}}
    think = {"type": "reasoning", "content": [{"type": "text", "text": "Hm."}]}

    def said(role: str, *parts: dict[str, Any], **more: str) -> dict[str, Any]:
        return {"message": {"role": role, "content": list(parts), **more}, "source": "history", "turn_index": 0}

    def words(value: str) -> dict[str, Any]:
        return {"type": "text", "text": value}

    failed = said("tool", words("missing"), tool_call_id="c1", name="read", outcome="failure")
    messages = [said("user", words("Read")), said("assistant", think, words("I look."), call), failed]
    entry = {"type": "message", "role": "user", "content": [words("Read")], "createdAt": 1795967549699}
    entry["generationStatus"] = "completed"
    write_json(folder / "chunks" / "aa.json", messages)
    write_json(folder / "chunks" / "bb.json", [entry])
    snapshot = folder / "generations" / "12"
    checkpoint = {"checkpoint_version": 1, "context": {"messages": [said("assistant", words("Done."))]}}
    write_json(snapshot / "checkpoint.json", checkpoint)
    chunks = {"checkpoint": {"chunks": ["aa"]}, "projection_state": {"chunks": ["bb"]}}
    write_json(snapshot / "manifest.json", {"manifest_version": 1, "generation": "12", **chunks})
    meta = {"config": {"model_name": "mm"}, "environment": {"working_directory": "/work"}}
    write_json(folder / "meta.json", {"session_id": "v1", "title": "Reading", **meta})
    store = {"generation": "12", "session_id": "v1", "store_format": "mistral.vibe.unified-session-store/v1"}
    [imported] = read_all(write_json(folder / "CURRENT", store), "mistral-vibe")
    assert outline(imported) == [
        ("user", "Read"),
        ("assistant", "I look.", "read"),
        ("tool", "missing"),
        ("assistant", "Done."),
    ]
    assert imported.messages[0].at == moment(1795967549699)
    assert [block.thinking for block in imported.messages[1].thinking] == ["Hm."]
    assert imported.messages[1].tool_calls[0].arguments == '{"p": 1}'
    assert imported.messages[2].is_error
    assert (imported.foreign_id, imported.title, imported.cwd, imported.model) == ("v1", "Reading", "/work", "mm")
    scan = Scan(Selection())
    assert len(list(scan.read(find_files(tmp_path)))) == 1
    assert scan.unknown == []


def test_cline_hides_condensed_messages_while_their_marker_lives(tmp_path: Path) -> None:
    path = write_json(
        tmp_path / "1780000000000" / "api_conversation_history.json",
        [
            {"role": "user", "content": "Old", "ts": 1780000000001, "condenseParent": "k1"},
            {"role": "user", "content": "Summary", "ts": 1780000000002, "condenseId": "k1", "isSummary": True},
            {"role": "assistant", "content": [{"type": "text", "text": "Yes"}], "ts": 1780000000003},
        ],
    )
    old, summary, _answer = read_one(path, "cline").messages
    assert (old.skip, summary.summary) == (True, True)


def test_roo_messages_of_the_ai_sdk_have_calls_results_and_reasoning(tmp_path: Path) -> None:
    call = {"type": "tool-call", "toolCallId": "c1", "toolName": "read_file", "input": {"path": "a"}}
    output = {"type": "error-text", "value": "missing"}
    result = {"type": "tool-result", "toolCallId": "c1", "toolName": "read_file", "output": output}
    image = {"type": "image", "image": "data:image/png;base64,aGk=", "mediaType": "image/png"}
    path = write_json(
        tmp_path / "tasks" / "7f1" / "api_conversation_history.json",
        {
            "version": 2,
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "Read"}, image], "ts": 1780000000001},
                {"type": "reasoning", "encrypted_content": "sealed", "summary": [{"type": "text", "text": "Hm."}]},
                {"role": "assistant", "content": [{"type": "reasoning", "text": "So."}, call], "ts": 1780000000002},
                {"role": "tool", "content": [result], "ts": 1780000000003},
            ],
        },
    )
    write_json(path.with_name("history_item.json"), {"id": "7f1", "task": "Read it", "workspace": "/work"})
    imported = read_one(path, "cline")
    user, answer, failed = imported.messages
    assert [part.kind for part in user.parts] == ["image"]
    assert [block.thinking for block in answer.thinking] == ["Hm.", "So."]
    assert answer.extra["foreign"] == {"reasoning": [{"encrypted_content": "sealed"}]}
    assert [(each.id, each.name, each.arguments) for each in answer.tool_calls] == [
        ("c1", "read_file", '{"path": "a"}')
    ]
    assert (failed.tool_call_id, failed.content, failed.is_error) == ("c1", "missing", True)
    assert (imported.foreign_id, imported.title, imported.cwd) == ("7f1", "Read it", "/work")


def test_roo_failures_and_reasoning_of_every_version_are_kept(tmp_path: Path) -> None:
    call = {"type": "tool-call", "toolCallId": "c1", "toolName": "read_file", "input": {}}
    output = {"type": "text", "value": "[ERROR] No such file"}
    details = [{"type": "reasoning.encrypted", "data": "sealed"}]
    path = write_json(
        tmp_path / "tasks" / "7f1" / "api_conversation_history.json",
        [
            {"role": "user", "content": "Read", "ts": 1780000000001},
            {"type": "reasoning", "text": "Hm.", "ts": 1780000000002},
            {"role": "assistant", "content": [call], "ts": 1780000000003, "reasoning_details": details},
            {"role": "tool", "content": [{"type": "tool-result", "toolCallId": "c1", "output": output}]},
        ],
    )
    _, answer, failed = read_one(path, "cline").messages
    assert [block.thinking for block in answer.thinking] == ["Hm."]
    assert answer.extra["foreign"] == {"reasoning_details": details}
    assert failed.is_error


def test_cline_task_is_described_in_the_history_of_all_tasks(tmp_path: Path) -> None:
    path = write_json(
        tmp_path / "tasks" / "1780" / "api_conversation_history.json",
        [{"role": "user", "content": "<task>\nTidy\n</task>", "ts": 1780000000001}],
    )
    tasks = [{"id": "1", "task": "Other"}, {"id": "1780", "task": "Tidy", "cwdOnTaskInitialization": "/work"}]
    write_json(tmp_path / "state" / "taskHistory.json", tasks)
    imported = read_one(path, "cline")
    assert (imported.title, imported.cwd) == ("Tidy", "/work")


def test_kimi_cli_context_is_a_session_and_earlier_ones_are_its_branches(tmp_path: Path) -> None:
    folder = tmp_path / "sessions" / kimi_slug("/work") / "0948e682"
    call = {"type": "function", "id": "c1", "function": {"name": "ReadFile", "arguments": '{"path": "a"}'}}
    think = {"type": "think", "think": "Hm.", "encrypted": None}
    path = write_lines(
        folder / "context.jsonl",
        {"role": "_system_prompt", "content": "You are Kimi."},
        {"role": "_checkpoint", "id": 0},
        {"role": "user", "content": "<system>CHECKPOINT 0</system>"},
        {"role": "user", "content": "Read"},
        {"role": "assistant", "content": [think], "tool_calls": [call]},
        {"role": "_usage", "token_count": 15},
        {"role": "tool", "content": "<system>ERROR: `a` does not exist.</system>", "tool_call_id": "c1"},
    )
    earlier = write_lines(folder / "context_1.jsonl", {"role": "_checkpoint"}, {"role": "user", "content": "Earlier"})
    agent = write_lines(
        folder / "subagents" / "a7" / "context.jsonl", {"role": "_usage"}, {"role": "user", "content": "x"}
    )
    write_json(folder / "state.json", {"custom_title": "Reading"})
    write_json(tmp_path / "kimi.json", {"work_dirs": [{"path": "/other"}, {"path": "/work"}]})
    turn = {"message": {"type": "TurnBegin", "payload": {}}}
    log = ({"type": "metadata"}, {"timestamp": 1795963963.5, **turn}, {"timestamp": 1795963970.25, **turn})
    write_lines(folder / "wire.jsonl", *log)
    imported = read_one(path, "kimi")
    assert [(each.role, each.skip, each.is_error) for each in imported.messages] == [
        ("system", True, False),
        ("user", True, False),
        ("user", False, False),
        ("assistant", False, False),
        ("tool", False, True),
    ]
    assert (imported.title, imported.cwd, imported.foreign_id) == ("Reading", "/work", "0948e682")
    assert (imported.created_at, imported.updated_at) == (moment(1795963963.5), moment(1795963970.25))
    [branch, run] = [read_one(each, "kimi") for each in (earlier, agent)]
    assert (branch.kind, branch.foreign_id, branch.branch, branch.parent) == (
        "branch",
        "0948e682",
        "context_1",
        "0948e682",
    )
    assert (run.kind, run.foreign_id, run.parent) == ("subagent", "0948e682/a7", "0948e682")


def test_gemini_commands_are_skipped_unless_an_answer_follows(tmp_path: Path) -> None:
    said = [
        ("user", "/home/me/a.py fails"),
        ("gemini", "Why?"),
        ("user", "/stats"),
        ("info", "1 request"),
        ("user", "?"),
    ]
    records = [{"id": str(number), "type": kind, "content": words} for number, (kind, words) in enumerate(said)]
    path = write_json(tmp_path / "session-1.json", {"sessionId": "s1", "projectHash": "h", "messages": records})
    found = read_one(path, "gemini-cli").messages
    assert [(each.content, each.skip) for each in found] == [
        ("/home/me/a.py fails", False),
        ("Why?", False),
        ("/stats", True),
        ("1 request", True),
        ("?", True),
    ]


def test_notes_before_the_first_session_of_aider_are_reported(tmp_path: Path) -> None:
    path = tmp_path / ".aider.chat.history.md"
    path.write_text("My notes.\n\n# aider chat started at 2024-05-02 10:00:00\n\n#### again  \n\nDone.\n")
    imported = read_one(path, "aider")
    assert imported.losses == {"text before the first session of the file": 1}
    assert [each.content for each in imported.messages] == ["again", "Done."]


def test_kimi_logs_in_one_folder_are_different_conversations(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_lines(
            tmp_path / "saved" / f"{name}.jsonl",
            {"role": "_system_prompt", "content": "Be brief."},
            {"role": "user", "content": name},
            {"role": "_checkpoint", "id": 0},
        )
    found = list(Scan(Selection(form="kimi")).read(find_files(tmp_path)))
    assert [imported.foreign_id for imported in found] == ["saved/one", "saved/two"]
