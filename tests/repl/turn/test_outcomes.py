"""The results of tool calls in a few words."""

from __future__ import annotations

import pytest

from aloop.agent.events import ToolFinished
from aloop.llm.content.provenance import Permission
from aloop.llm.message_types import LLMMessage, ToolCall
from aloop.memory.context import UNANSWERED
from aloop.permissions import Form
from aloop.tools.base import ToolResult
from repl.output.styled import to_text
from repl.turn.lines import block_lines, finished_line, finished_text, has_more, result_lines, stored_lines
from repl.turn.outcomes import summary

DIFF = "Changed src/a.txt: 1,200 lines added, 1 removed.\n--- src/a.txt\n+++ src/a.txt\n@@ -1 +1 @@\n-old\n+new"
READ = "     1\tone\n     2\ttwo"


def finished(name: str, text: str, form: Form = "text", *, is_error: bool = False) -> ToolFinished:
    return ToolFinished(ToolCall("call_1", name, "{}"), "it", ToolResult(text, is_error, form), 0)


def failed(fact: str, advice: str = "", permission: Permission | None = None) -> ToolFinished:
    """Return a call that failed as the runner reports it."""
    text = f"{fact}\n{advice}" if advice else fact
    result = ToolResult(text, is_error=True, permission=permission, fact=fact)
    return ToolFinished(ToolCall("call_1", "write_file", "{}"), "it", result, 0)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("read_file", READ, "2 lines"),
        ("read_file", "     1\tone", "1 line"),
        ("read_file", f"{READ}\n[Lines 1 to 2. There is more: continue with offset=3.]", "2+ lines"),
        ("read_file", f"{READ}\n[Lines longer than 2,000 bytes are cut.]", "2 lines"),
        ("read_file", "(the file is empty)", ""),
        ("read_file", "PNG image, 20 x 10", ""),
        ("list_files", "a\n[id].tsx", "2 names"),
        ("list_files", "a\nb\n[Left out 3 names that .gitignore excludes. Set `ignored` to include them.]", "2 names"),
        ("list_files", "Nothing in '.' matches.", ""),
        ("search_files", "a:1: x\na:2: x", "2 matches"),
        ("search_files", "a:1: x\n[Showing the first 1 matches. Use a narrower pattern or path.]", "1+ matches"),
        ("search_files", "No match in 3 files.", ""),
        ("edit_file", DIFF, "+1,200 −1"),
        ("write_file", "Created src/a.txt (3 lines).", "new, 3 lines"),
        ("run_shell", "Serving\n[job 1: running, after 0 s]", "job 1, in the background"),
        ("run_shell", "Serving\n[exit code 0]", ""),
        ("own_tool", "one\ntwo", ""),
    ],
)
def test_summary_counts_what_a_call_found_or_changed(name: str, text: str, words: str) -> None:
    assert summary(name, ToolResult(text)) == words


def test_summary_of_a_failure_is_its_reason() -> None:
    event = finished("read_file", "'a.txt' does not exist.", is_error=True)
    assert to_text([finished_line(event)]) == "✗ read it → 'a.txt' does not exist\n"
    assert not has_more(event)


@pytest.mark.parametrize("fact", ["'Mr. A.txt' does not exist.", "It needs a name, e.g. `x`. No one has given any."])
def test_failed_call_shows_the_fact_and_keeps_the_advice_for_the_model(fact: str) -> None:
    shown = fact.removesuffix(".")
    event = failed(fact, "Use list_files. Or ask.")
    assert to_text([finished_line(event, 100)]) == f"✗ write it → {shown}\n"
    assert to_text([finished_line(event, 100, "Ctrl-O")]) == f"✗ write it → {shown} · Ctrl-O\n"
    assert finished_text(event) == f"write it failed: {shown}"
    assert "Use list_files. Or ask." in to_text(block_lines(event, None))
    assert not has_more(failed(fact))


def test_stored_failure_shows_its_fact_and_that_there_is_advice() -> None:
    call = ToolCall("call_1", "write_file", '{"path": "a.txt"}')
    stored = LLMMessage("tool", "'a.txt' is a folder.\nUse list_files.", tool_call_id="call_1", is_error=True)
    assert to_text(stored_lines(call, stored, 80)) == "✗ write a.txt → 'a.txt' is a folder  +1 line\n"


def test_stored_command_that_took_too_long_shows_that_and_the_end_of_its_output() -> None:
    call = ToolCall("call_1", "run_shell", '{"command": "make"}')
    text = "one\n[Stopped: the command did not finish within 120 seconds.]"
    stored = LLMMessage("tool", text, tool_call_id="call_1", name="run_shell", is_error=True)
    shown = "✗ run make  Stopped: the command did not finish within 120 seconds\n  one\n"
    assert to_text(stored_lines(call, stored, 80)) == shown


def test_sentences_of_a_result_that_is_not_an_error_are_all_shown() -> None:
    event = finished("own_tool", "It is 4. Or 5.")
    assert to_text([finished_line(event, 80, "Ctrl-O")]) == "✓ own_tool it → It is 4. Or 5.\n"


def test_line_that_is_longer_than_its_row_can_be_shown_whole() -> None:
    assert has_more(finished("own_tool", "x" * 201))
    assert not has_more(finished("own_tool", "x" * 200))


def test_counted_result_is_not_shown_but_can_be() -> None:
    event = finished("read_file", READ)
    assert to_text([finished_line(event, 80)]) == "✓ read it  2 lines\n"
    assert has_more(event)
    assert to_text([finished_line(event, 80, "Ctrl-O")]) == "✓ read it  2 lines · Ctrl-O\n"


def test_change_is_in_words_for_a_screen_reader() -> None:
    assert finished_text(finished("edit_file", DIFF, "diff")) == "edit it: 1,200 added, 1 removed"


ADVICE = "Nothing was done. Do not try to do the same in another way."


@pytest.mark.parametrize(("reason", "row"), [("not now", "denied: not now"), ("", "denied")])
def test_denied_call_shows_the_reason_of_the_user_and_not_the_advice_for_the_model(reason: str, row: str) -> None:
    fact = f"The user denied this call: {reason}" if reason else "The user denied this call."
    event = failed(fact, ADVICE, Permission("refused", "user", reason))
    assert to_text([finished_line(event, 80, "Ctrl-O")]) == f"✗ write it → {row}\n"
    assert finished_text(event) == f"write it failed: {row}"
    assert not has_more(event)
    stored = LLMMessage("tool", event.result.text, is_error=True, permission=event.result.permission)
    assert to_text(stored_lines(event.call, stored, 80)) == f"✗ write → {row}\n"


def test_call_that_the_permissions_refuse_shows_why_and_not_the_advice_for_the_model() -> None:
    decision = Permission("refused", "rule", "deny write .env")
    event = failed("Refused by the user's rule: deny write .env", ADVICE, decision)
    assert to_text([finished_line(event, 80, "Ctrl-O")]) == "✗ write it → Refused by the user's rule: deny write .env\n"
    assert not has_more(event)


def test_stored_call_without_a_result_looks_like_one_that_is_stopped() -> None:
    assert to_text([finished_line(finished("run_shell", UNANSWERED, is_error=True))]) == "✗ run it  stopped\n"


def test_blank_rows_above_the_last_rows_of_an_output_are_left_out_and_counted() -> None:
    event = finished("run_shell", "failed\n\n \n---\n\nran 1\n[exit code 0]", "output")
    assert to_text(result_lines(event.result)).splitlines() == ["  ---", "  ", "  ran 1"]
    assert to_text([finished_line(event, 80)]) == "✓ run it  +3 lines\n"
