"""The marks that each tool has for a call that failed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.importers.reading import database, read_one, write_json, write_lines
from tests.importers.test_codex import META, event, item, words
from tests.importers.test_databases import LLM


def failures(path: Path, form: str) -> list[bool]:
    """Return for each result of a conversation whether it is one of a failure."""
    return [message.is_error for message in read_one(path, form).messages if message.role == "tool"]


@pytest.mark.parametrize(
    ("output", "ends", "failed"),
    [
        ("Exit code: 1\nWall time: 0.1 seconds\nOutput:\nno such file\n", [], True),
        ("Exit code: 0\nWall time: 0.1 seconds\nOutput:\nExit code: 1\n", [], False),
        ("Exit code: 1", [], False),  # of a command that prints it
        ({"content": "no such file", "success": False}, [], True),
        ({"content": "done", "success": True}, [], False),
        ("patch rejected", [event("patch_apply_end", call_id="c1", success=False)], True),
        ("done", [event("patch_apply_end", call_id="c1", success=True, status="completed")], False),
        ("done", [event("patch_apply_end", call_id="c2", success=False)], False),
        ("no", [event("mcp_tool_call_end", call_id="c1", result={"Err": "timed out"})], True),
        ("no", [event("mcp_tool_call_end", call_id="c1", result={"Ok": {"isError": True}})], True),
        ("no", [event("item_completed", item={"type": "McpToolCall", "id": "c1", "result": {"isError": True}})], True),
        ("no", [event("item_completed", item={"type": "FileChange", "id": "c1", "status": "failed"})], True),
        ("no", [event("exec_command_end", call_id="c1", exit_code=-1, status="declined")], True),
        # A command that ended long after the result, which shows its first output.
        ("Serving", [event("exec_command_end", call_id="c1", exit_code=143, status="failed")], False),
    ],
)
def test_codex(output: object, ends: list[dict[str, Any]], failed: bool, tmp_path: Path) -> None:
    call = item("function_call", name="shell", arguments="{}", call_id="c1")
    result = item("function_call_output", call_id="c1", output=output)
    path = write_lines(tmp_path / "rollout.jsonl", META, words("user", "Run"), call, *ends, result)
    assert failures(path, "codex") == [failed]


def test_opencode(tmp_path: Path) -> None:
    def tool(number: int, **state: Any) -> dict[str, Any]:
        return {"type": "tool", "callID": f"c{number}", "tool": "bash", "state": {"status": "completed", **state}}

    parts = [
        tool(1, output="no such file", metadata={"exit": 1}),
        tool(2, output="done", metadata={"exit": 0}),
        tool(3, output="stopped", metadata={"exit": None}),
        tool(4, status="error", error="refused"),
        tool(5, output="done"),
    ]
    messages = [
        {"info": {"id": "msg_1", "role": "user"}, "parts": [{"type": "text", "text": "Run"}]},
        {"info": {"id": "msg_2", "role": "assistant"}, "parts": parts},
    ]
    path = write_json(tmp_path / "export.json", {"info": {"id": "ses_1"}, "messages": messages})
    assert failures(path, "opencode") == [True, False, False, True, False]


def test_gemini_checkpoint(tmp_path: Path) -> None:
    def result(name: str, **response: str) -> dict[str, Any]:
        return {"functionResponse": {"name": name, "response": response}}

    calls: list[dict[str, Any]] = [{"functionCall": {"name": name, "args": {}}} for name in ("a", "b")]
    results = [result("a", error="no such file"), result("b", output="done", error="")]
    contents = [
        {"role": "user", "parts": [{"text": "Both"}]},
        {"role": "model", "parts": calls},
        {"role": "user", "parts": results},
    ]
    assert failures(write_json(tmp_path / "checkpoint-x.json", contents), "gemini-cli") == [True, False]


def test_kimi(tmp_path: Path) -> None:
    def message(role: str, **values: Any) -> dict[str, Any]:
        return {"type": "context.append_message", "message": {"role": role, **values}}

    calls = [{"id": f"c{number}", "function": {"name": "Bash", "arguments": "{}"}} for number in (1, 2, 3)]
    path = write_lines(
        tmp_path / "agents/main/wire.jsonl",
        {"type": "metadata", "protocol_version": "1.4"},
        message("user", content="Run"),
        message("assistant", content="", toolCalls=calls),
        message("tool", toolCallId="c1", content="no such file", isError=True),
        message("tool", toolCallId="c2", content="<system>ERROR: Tool execution failed.</system>"),
        message("tool", toolCallId="c3", content="done"),
    )
    assert failures(path, "kimi") == [True, True, False]


def test_vibe(tmp_path: Path) -> None:
    calls = [{"id": f"c{number}", "function": {"name": "bash", "arguments": "{}"}} for number in (1, 2)]
    write_json(tmp_path / "s/meta.json", {"session_id": "s1"})
    path = write_lines(
        tmp_path / "s/messages.jsonl",
        {"role": "user", "content": "Run"},
        {"role": "assistant", "content": "", "tool_calls": calls},
        {"role": "tool", "tool_call_id": "c1", "content": "<tool_error>bash failed</tool_error>"},
        {"role": "tool", "tool_call_id": "c2", "content": "done"},
    )
    assert failures(path, "mistral-vibe") == [True, False]


def test_roo(tmp_path: Path) -> None:
    def result(number: int, words: str) -> dict[str, Any]:
        return {"type": "tool_result", "tool_use_id": f"c{number}", "content": words}

    calls = [{"type": "tool_use", "id": f"c{number}", "name": "read", "input": {}} for number in (1, 2, 3)]
    results = [
        result(1, '{"status":"error","message":"The tool execution failed","error":"no such file"}'),
        result(2, "The tool execution failed with the following error:\n<error>\nno such file\n</error>"),
        result(3, "done"),
    ]
    path = write_json(
        tmp_path / "tasks/1/api_conversation_history.json",
        [
            {"role": "user", "content": [{"type": "text", "text": "Read"}], "ts": 1795905879910},
            {"role": "assistant", "content": calls, "ts": 1795905879911},
            {"role": "user", "content": results, "ts": 1795905879912},
        ],
    )
    assert failures(path, "cline") == [True, True, False]


def test_llm(tmp_path: Path) -> None:
    table = "ALTER TABLE tool_results ADD COLUMN exception"
    failed = "UPDATE tool_results SET exception = 'FileNotFoundError: a'"
    database(tmp_path / "logs.db", f"{LLM};{table};{failed};").close()
    assert failures(tmp_path / "logs.db", "llm") == [True]
