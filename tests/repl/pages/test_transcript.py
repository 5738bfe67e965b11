"""Conversations, reminders and search results as text."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prompt_toolkit.utils import get_cwidth

from aloop.llm.message_types import LLMMessage, Role, ToolCall
from aloop.memory import Session, SessionTitle
from aloop.memory.search.search import Hit
from aloop.sanitize import safe_text
from aloop.width import text_width
from commands.attachments import Attachment, with_attachments
from repl.output.styled import to_text
from repl.pages.transcript import (
    LAST_LINES,
    MOST_ROWS,
    REMINDER_LINES,
    Paper,
    conversation,
    keep_words,
    message_lines,
    reminder,
    search_context,
    shortened,
)

CALL = ToolCall("call_1", "calculator", '{"expression": "2+2"}')
TALK = (
    LLMMessage("user", "What is\n2+2?"),
    LLMMessage("assistant", tool_calls=(CALL,)),
    LLMMessage("tool", "4\nexactly", tool_call_id="call_1", name="calculator"),
    LLMMessage("assistant", "It is 4."),
)


def test_reminder_shortens_messages_and_separates_exchanges() -> None:
    long = LLMMessage("assistant", "\n".join(f"line {number}" for number in range(20)))
    shown = "".join(reminder([TALK[0], long, TALK[0], TALK[2]], paper(None))).splitlines()
    assert shown[:4] == ["> What is", "  2+2?", "", "line 0"]
    assert shown[7:9] == ["line 4", "… (15 more lines)"]
    assert shown[9] == ""
    assert shown[-2:] == ["", "  → 4  +1 line"]


def test_reminder_shows_the_last_answer_in_full() -> None:
    long, longest = (LLMMessage("assistant", "\n".join(f"line {at}" for at in range(count))) for count in (40, 90))
    assert "".join(reminder([TALK[0], long], paper(None))).splitlines()[3:] == [f"line {at}" for at in range(40)]
    assert "".join(reminder([longest], paper(None))).splitlines()[-2:] == ["line 38", "… (51 more lines)"]


def test_note_about_the_rest_of_an_answer_is_not_a_part_of_it() -> None:
    table = LLMMessage("assistant", "| a | b |\n|---|---|\n" + "| 1 | 2 |\n" * 20)
    answers: list[str] = []

    def answer(text: str, _width: int | None) -> str:
        answers.append(text)
        return f"{text}\n"

    shown = "".join(reminder([table, TALK[0]], Paper(80, None, to_text, answer)))
    assert answers == ["| a | b |\n|---|---|" + "\n| 1 | 2 |" * 3]
    assert "\n… (17 more lines)\n" in shown


def test_reminder_shows_a_call_with_its_result_as_it_ran() -> None:
    output = "\n".join(map(str, range(8))) + "\n[exit code 1]"
    call = ToolCall("call_2", "run_shell", '{"command": "make"}')
    failed = LLMMessage("tool", output, tool_call_id="call_2", name="run_shell", is_error=True)
    talk = [*TALK, LLMMessage("user", "Make"), LLMMessage("assistant", tool_calls=(call, CALL)), failed]
    assert "".join(reminder(talk, paper(60))).splitlines() == [
        *("> What is", "│ 2+2?", ""),
        *("✓ calculate 2+2 → 4  +1 line", ""),
        *("It is 4.", ""),
        *("> Make", ""),
        *("✗ run make  exit code 1  +3 lines", "  3", "  4", "  5", "  6", "  7"),
        "✓ calculate 2+2 → 4  +1 line",
    ]


@pytest.mark.parametrize("text", ["x" * 3_000_000, "long words " * 300_000, "\n" * 300_000 + "x", "界" * 1_000_000])
@pytest.mark.parametrize("role", ["user", "assistant", "tool", "system"])
@pytest.mark.parametrize("width", [None, 80])
def test_very_long_line_takes_few_rows(text: str, role: Role, width: int | None) -> None:
    message = LLMMessage(role, text, tool_call_id="call_1" if role == "tool" else None)
    shown = "".join(reminder([message, LLMMessage("user", "So?")], paper(width)))
    assert sum(-(-text_width(row) // 80) or 1 for row in shown.splitlines()) <= 2 * REMINDER_LINES + 9
    last = "".join(reminder([message], paper(width)))
    assert sum(-(-text_width(row) // 80) or 1 for row in last.splitlines()) <= 2 * LAST_LINES + 7
    whole = "".join(conversation(session(message), paper(width), NOW))
    assert len(whole) < 2 * MOST_ROWS * 80


@pytest.mark.parametrize("width", [None, 80])
def test_very_long_tool_argument_takes_few_rows(width: int | None) -> None:
    message = LLMMessage(
        "assistant", "Well", tool_calls=(ToolCall("call_1", "write_file", f'{{"a": "{"x" * 229_000}"}}'),)
    )
    assert len("".join(reminder([message], paper(width)))) < 1_100
    assert len("".join(conversation(session(message), paper(width), NOW))) < 1_200


def test_shortened_cuts_a_long_row_and_counts_screen_rows() -> None:
    assert shortened(["a" * 50, "b", "c"], 3, 20) == ["a" * 39 + "…", "… (3 more lines)"]
    assert shortened(["a" * 50, "b"], 4, 20) == ["a" * 50, "b"]


def test_interrupted_answer_is_marked() -> None:
    assert to_text(message_lines(LLMMessage("assistant", "Half", interrupted=True))) == "Half\n(interrupted)\n"


def test_attachment_of_a_question_is_folded_to_a_line() -> None:
    content = with_attachments("See @a.txt", [Attachment("file", "a\x1b.txt", "one\ntwo")])
    assert to_text(message_lines(LLMMessage("user", content))) == "> See @a.txt\n  [attached a^[.txt (2 lines)]\n"


NOW = datetime(2025, 6, 15, tzinfo=UTC)
LONG_CALL = ToolCall("call_1", "calculator", '{"expression": "2+2"}')
LONG_TALK = (
    LLMMessage("user", "What is\n2+2?"),
    LLMMessage("assistant", "Let me see.", tool_calls=(LONG_CALL,)),
    LLMMessage("tool", "4\nexactly\nfour", tool_call_id="call_1", name="calculator"),
    LLMMessage("assistant", "It is 4.", interrupted=True),
    LLMMessage("user", "Never mind.", skip=True),
    LLMMessage("user", "We talked of 4.", summary=True),
)


def paper(width: int | None) -> Paper:
    return Paper(80, width, to_text, lambda text, room: "\n".join(keep_words(safe_text(text), room)) + "\n")


def session(*messages: LLMMessage, system: tuple[LLMMessage, ...] = ()) -> Session:
    changed = NOW - timedelta(hours=2)
    return Session("id-1", NOW, changed, system, messages, Path("x"), "A title", "a-model", warnings=("Odd.",))


def read(stored: Session, width: int | None = 60) -> list[str]:
    return "".join(conversation(stored, paper(width), NOW)).splitlines()


def test_conversation_has_message_numbers_in_the_margin() -> None:
    assert read(session(*LONG_TALK, system=(LLMMessage("system", "a\nb\nc"),))) == [
        "id-1 · A title",
        "6 messages · 2 h ago · a-model",
        "✗ Odd.",
        "",
        "   system: a",
        "           … (2 more lines)",
        "",
        "1  > What is",
        "   │ 2+2?",
        "",
        "2  Let me see.",
        "",
        "   ✓ calculate 2+2",
        "3    → 4  +2 lines",
        "",
        "4  It is 4.",
        "   (interrupted)",
        "",
        "5  (skipped: not sent to the model)",
        "   > Never mind.",
        "",
        "6  (a summary: nothing above it is sent)",
        "   > We talked of 4.",
    ]


def test_summary_that_is_undone_is_shown_as_skipped() -> None:
    summary = LLMMessage("user", "We talked of 4.", summary=True, skip=True)
    shown = ["(a skipped summary: not sent to the model)", "> We talked of 4."]
    assert [row[3:] for row in read(session(summary))[-2:]] == shown


def test_reminder_marks_skipped_messages_and_consecutive_calls_only_once() -> None:
    calls = (CALL, replace(CALL, id="call_2"))
    steps = [LLMMessage("assistant", tool_calls=(call,)) for call in calls]
    results = [replace(TALK[2], tool_call_id=call.id, content="4") for call in calls]
    talk = [TALK[0], steps[0], results[0], steps[1], results[1], TALK[3]]
    skipped = "(skipped: not sent to the model)"
    rows = "".join(reminder([*(replace(each, skip=True) for each in talk), LLMMessage("user", "So?")], paper(80)))
    assert rows.splitlines() == [
        *(skipped, "> What is", "│ 2+2?", ""),
        *("✓ calculate 2+2 → 4", "✓ calculate 2+2 → 4", ""),
        *(skipped, "It is 4.", ""),
        "> So?",
    ]


@pytest.mark.parametrize(
    ("skip", "state"),
    [(True, "(a skipped summary: not sent to the model)"), (False, "(a summary: nothing above it is sent)")],
)
def test_reminder_shows_a_summary_apart_from_the_words_of_the_user(skip: bool, state: str) -> None:
    messages = [LLMMessage("user", "Hi"), LLMMessage("user", "We talked of 4.", summary=True, skip=skip)]
    assert "".join(reminder(messages, paper(None))).splitlines() == ["> Hi", "", state, "> We talked of 4."]


def test_single_omitted_line_is_counted_in_the_singular() -> None:
    talk = (LLMMessage("user", "List."), LLMMessage("tool", "a\nb", tool_call_id="call_1"))
    assert read(session(*talk))[-1] == "2    → a  +1 line"


def test_conversation_rows_break_between_words_and_fit() -> None:
    words = "wonderful " * 30
    talk = (LLMMessage("user", words), LLMMessage("assistant", words), LLMMessage("tool", words, tool_call_id="1"))
    rows = read(session(*talk), 40)[4:]
    assert all(get_cwidth(row) <= 40 for row in rows)
    assert " ".join(" ".join(rows).split()).count("wonderful") > 60
    assert all(row.split()[-1] in {"wonderful", "…"} or row.endswith("…") for row in rows if row)


def test_keep_words_keeps_indentation() -> None:
    assert keep_words("    one two three\n\n  four", 32, 8) == ["    one two three", "", "  four"]
    assert keep_words("    one two three four five six", 28) == ["    one two three four five", "    six"]


def test_empty_message_keeps_its_number() -> None:
    assert read(session(LLMMessage("assistant", None), LLMMessage("user", "")))[-3:] == ["1  ", "", "2  > "]


def test_conversation_contains_no_escape_codes() -> None:
    evil = "\x1b[2J\x9b31m\rone"
    call = ToolCall("1", f"name{evil}", evil)
    shown = "\n".join(read(session(LLMMessage("user", evil), LLMMessage("assistant", evil, (call,)))))
    assert "\x1b" not in shown
    assert "\x9b" not in shown


def hit(message: int, context: str, *marks: tuple[int, int]) -> Hit:
    return Hit(SessionTitle("id-1", NOW, ""), message, "tool", context, marks)


def test_search_context_shows_the_match_and_its_neighbors() -> None:
    long = LLMMessage("tool", "\n".join(f"line {number}" for number in range(40)), tool_call_id="call_1")
    stored = session(*LONG_TALK[:2], long, *LONG_TALK[3:])
    shown = "".join(search_context(stored, hit(3, "… line 20 …", (2, 9)), paper(60))).splitlines()
    assert shown[:4] == ["1  > What is", "   │ 2+2?", "2  Let me see.", ""]
    assert shown[4] == "   ✓ calculate 2+2"
    assert shown[5:8] == ["3  … (16 more lines)", "   line 16", "   line 17"]
    assert shown[15] == "   … (15 more lines)"
    assert shown[16:18] == ["4  It is 4.", "   (interrupted)"]


def test_search_context_at_the_end_has_fewer_neighbors() -> None:
    shown = "".join(search_context(session(*LONG_TALK), hit(6, "We talked of 4.", (3, 9)), paper(60))).splitlines()
    assert shown[-1] == "6  We talked of 4."


@pytest.mark.parametrize("width", [None, 60])
def test_search_context_of_very_long_lines_takes_few_rows(width: int | None) -> None:
    long = "many words " * 100_000
    stored = session(
        LLMMessage("user", long), LLMMessage("tool", f"{long} the needle {long}"), LLMMessage("user", long)
    )
    shown = "".join(search_context(stored, hit(2, "… the needle …", (6, 12)), paper(width)))
    assert "needle" in shown
    assert sum(-(-len(row) // 80) for row in shown.splitlines()) < 40
