"""The preview of the picker: the end of a conversation as the shell showed it."""

from __future__ import annotations

from aloop.llm.message_types import LLMMessage, ToolCall
from repl.output.styled import to_text
from repl.picker.view import ending_lines

CALL = ToolCall("call_1", "calculator", '{"expression": "17 * 23"}')
COMMAND = ToolCall("call_2", "run_shell", '{"command": "make"}')
MESSAGES = [
    LLMMessage("user", "What is 17 * 23?"),
    LLMMessage("assistant", "I calculate, then run.", tool_calls=(CALL, COMMAND)),
    LLMMessage("tool", "391", tool_call_id="call_1", name="calculator"),
    LLMMessage("tool", "all built\n[exit code 0]", tool_call_id="call_2", name="run_shell"),
    LLMMessage("assistant", "It is **391**."),
    LLMMessage("user", "Thanks"),
]


def test_preview_shows_each_call_with_its_result_as_one_block() -> None:
    assert to_text(ending_lines(MESSAGES, 60)).splitlines() == [
        "> What is 17 * 23?",
        "",
        "I calculate, then run.",
        "",
        "✓ calculate 17 * 23 → 391",
        "✓ run make",
        "  all built",
        "",
        "It is 391.",
        "",
        "> Thanks",
    ]


def test_preview_of_a_result_without_its_call_is_not_lost() -> None:
    assert "391" in to_text(ending_lines(MESSAGES[2:3], 60))
