from __future__ import annotations

from aloop.llm.message_types import LLMMessage, ToolCall
from commands.attachments import Attachment, with_attachments
from repl.output.styled import to_text
from repl.pages.transcript import message_lines, reminder_lines

CALL = ToolCall("call_1", "calculator", '{"expression": "2+2"}')
TALK = (
    LLMMessage("user", "What is\n2+2?"),
    LLMMessage("assistant", tool_calls=(CALL,)),
    LLMMessage("tool", "4\nexactly", tool_call_id="call_1", name="calculator"),
    LLMMessage("assistant", "It is 4."),
)


def test_a_reminder_is_short_and_parts_its_exchanges() -> None:
    long = LLMMessage("assistant", "\n".join(f"line {number}" for number in range(20)))
    shown = to_text(reminder_lines([TALK[0], long, TALK[0], TALK[2]])).splitlines()
    assert shown[6:8] == ["line 4", "… (15 more lines)"]
    assert shown[8] == ""
    assert shown[-1] == "  → 4 …"


def test_an_interrupted_answer_says_so() -> None:
    assert to_text(message_lines(LLMMessage("assistant", "Half", interrupted=True))) == "Half\n(interrupted)\n"


def test_what_is_attached_to_a_question_is_a_line() -> None:
    content = with_attachments("See @a.txt", [Attachment("file", "a\x1b.txt", "one\ntwo")])
    assert to_text(message_lines(LLMMessage("user", content))) == "> See @a.txt\n  [attached a^[.txt (2 lines)]\n"
