"""Code actions, computed from a text."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("lsprotocol", reason="pygls is not installed")

from lsprotocol.types import (
    CodeAction,
    CodeActionContext,
    CodeActionKind,
    CodeActionTriggerKind,
    Position,
    Range,
    TextDocumentEdit,
    TextEdit,
)

from aloop.errors import UsageError
from aloop.llm.message_types import LLMMessage
from aloop.lsp.actions import FIX_ALL, Choice, ClientSupport, changed_text, code_actions, complete, is_stored
from aloop.lsp.analysis import Analysis
from aloop.lsp.diagnostics import text_diagnostics
from aloop.lsp.positions import Units
from aloop.memory.annotations import is_pinned, note_of
from aloop.memory.codec.serialization import load_session
from tests.lsp.sessions import BROKEN, CHAT, CONFLICT, HEAD, ID, line_of, write
from tests.memory.handwritten import write_by_hand

URI = "file:///session.yaml"


def analysis_of(text: str, path: Path = Path("/p/session.yaml")) -> Analysis:
    return Analysis(text, path, 1, Units())


def offered(
    analysis: Analysis, part: str, last: str = "", context: CodeActionContext | None = None
) -> list[CodeAction]:
    start = Position(line_of(analysis.text, part), 0)
    end = Position(line_of(analysis.text, last), 1) if last else start
    return code_actions(analysis, URI, Range(start, end), context or CodeActionContext([]))


def titles(text: str, part: str, last: str = "") -> list[str]:
    return [action.title for action in offered(analysis_of(text), part, last)]


def after(text: str, change: str, first: int, last: int | None = None) -> str:
    return changed_text(analysis_of(text), Choice(URI, 1, change, first, last or first))


def messages_of(text: str) -> tuple[LLMMessage, ...]:
    return load_session(text.encode(), Path("session.yaml")).messages


def test_actions_of_a_message_are_skip_note_and_pin() -> None:
    assert titles(CHAT, "漢字") == ["Skip messages 1-5", "Add a note to message 1", "Pin message 1"]
    assert titles(CHAT, "really")[0] == "Skip message 5"


def test_answer_is_skipped_and_sent_with_its_question() -> None:
    """As with /skip: no answer is sent without a question before it."""
    skipped = after(CHAT, "skip", 1, 5)
    assert titles(skipped, "really")[0] == "Unskip messages 1-5"
    assert titles(skipped, "漢字")[0] == "Unskip message 1"


def test_call_and_its_results_are_skipped_together() -> None:
    assert titles(CHAT, "line two")[0] == "Skip messages 2-4"
    assert titles(CHAT, "I look")[0] == "Skip messages 2-4"


def test_selection_is_skipped_as_a_whole_and_has_no_note() -> None:
    assert titles(CHAT, "漢字", "really") == ["Skip messages 1-5"]


def test_mixed_selection_can_be_skipped_or_unskipped() -> None:
    text = CHAT.replace("    note: look again", "    skip: true")
    assert titles(text, "really", "Thanks") == ["Skip messages 5-6", "Unskip messages 5-6"]
    assert titles(text, "Thanks")[0] == "Unskip message 6"


def test_message_with_note_and_pin_offers_no_second_ones() -> None:
    assert titles(CHAT, "Thanks") == ["Skip message 6", "Pin message 6"]
    assert titles(CHAT.replace("note: look again", "pinned: true"), "Thanks")[-1] == "Unpin message 6"


def test_header_and_broken_text_have_no_actions_of_messages() -> None:
    assert titles(CHAT, "created_at") == []
    assert titles(CHAT.replace("role: user", "role: robot", 1), "Thanks") == []


def test_session_of_a_newer_version_is_not_edited() -> None:
    assert titles(CHAT.replace("messages:\n", "version: 99\nmessages:\n", 1), "Thanks") == []


def test_skip_adds_one_line_to_each_message_and_unskip_removes_them() -> None:
    skipped = after(CHAT, "skip", 2, 4)
    assert [message.skip for message in messages_of(skipped)] == [False, True, True, True, False, False]
    assert len(skipped.splitlines()) == len(CHAT.splitlines()) + 3
    assert after(skipped, "unskip", 2, 4) == CHAT


def test_note_and_pin_are_lines_of_the_message() -> None:
    assert note_of(messages_of(after(CHAT, "note", 1))[0]) == "Write your note here"
    pinned = after(CHAT, "pin", 1)
    assert is_pinned(messages_of(pinned)[0].extra)
    assert after(pinned, "unpin", 1) == CHAT


@pytest.mark.parametrize("seed", range(60))
def test_skip_changes_nothing_else_in_any_layout(seed: int) -> None:
    written = write_by_hand(random.Random(seed))
    if not written.messages:
        return
    number = seed % len(written.messages) + 1
    text = written.text
    new = after(text, "skip", number)
    wanted = [replace(each, skip=each.skip or place == number) for place, each in enumerate(written.messages, 1)]
    assert messages_of(new) == tuple(wanted)


def test_json_session_can_be_changed() -> None:
    text = json.dumps({"id": ID, "messages": [{"role": "user", "content": "🎈"}]})
    assert [message.skip for message in messages_of(after(text, "skip", 1))] == [True]


def test_edit_is_of_the_version_that_was_analyzed() -> None:
    analysis = analysis_of(CHAT)
    (action, *_) = offered(analysis, "really")
    edit = complete(action, Choice.of(action.data), analysis, ClientSupport()).edit
    assert edit is not None
    assert edit.document_changes is not None
    (change,) = edit.document_changes
    assert isinstance(change, TextDocumentEdit)
    assert change.text_document.version == 1
    line = line_of(CHAT, "Thanks") - 1
    assert change.edits == [TextEdit(Range(Position(line, 0), Position(line, 0)), "    skip: true\n")]


def test_editor_without_versions_gets_plain_changes() -> None:
    analysis = analysis_of(CHAT)
    (action, *_) = offered(analysis, "漢字")
    edit = complete(action, Choice.of(action.data), analysis, ClientSupport(versioned_edits=False)).edit
    assert edit is not None
    assert edit.document_changes is None
    assert edit.changes is not None
    assert list(edit.changes) == [URI]


def test_note_is_selected_after_the_edit_if_the_editor_can() -> None:
    analysis = analysis_of(CHAT)
    action = offered(analysis, "漢字")[1]
    done = complete(action, Choice.of(action.data), analysis, ClientSupport(showing=True))
    assert done.command is not None
    assert done.command.arguments is not None
    uri, area = done.command.arguments
    assert isinstance(area, Range)
    line = after(CHAT, "note", 1).splitlines()[area.start.line]
    assert (uri, line[area.start.character : area.end.character]) == (URI, "Write your note here")
    assert complete(action, Choice.of(action.data), analysis, ClientSupport()).edit is not None


def test_fix_is_offered_at_each_fixable_problem_and_does_what_check_does(tmp_path: Path) -> None:
    analysis = analysis_of(BROKEN)
    found = text_diagnostics(analysis)
    assert [each.message.partition(":")[0] for each in found] == [
        'the text after " #" is a comment and not part of the content; to keep it, quote the content',
        "the tool call call_1 (calculator) has no result",
        "the message is empty and is not sent to the model",
        "the tool result (call_9) does not belong to an earlier tool call",
        "the end marker (...) is missing",
    ]
    assert offered(analysis, "content: null", "tool_calls")[-1].kind == FIX_ALL
    (fix, *_) = offered(analysis, "- role: assistant")
    assert (fix.title, fix.kind, fix.diagnostics) == (
        "Fix 3 problems, as `aloop sessions check --fix` does",
        CodeActionKind.QuickFix,
        [found[1]],
    )
    left = analysis_of(changed_text(analysis, Choice(URI, 1, "fix")))
    assert text_diagnostics(left)[0].range == found[0].range
    assert not any(finding.fixable for finding in left.report.findings)


def test_fix_is_found_by_its_diagnostic_too() -> None:
    analysis = analysis_of(BROKEN)
    context = CodeActionContext([text_diagnostics(analysis)[1]])
    assert offered(analysis, "漢字", context=context)[0].kind == CodeActionKind.QuickFix


def test_conflict_markers_are_joined_where_only_messages_were_added() -> None:
    analysis = analysis_of(CONFLICT)
    (action,) = offered(analysis, "<<<<<<<")
    assert action.title == "Join the versions between the conflict markers"
    joined = changed_text(analysis, Choice(URI, 1, "fix"))
    assert "<<<<" not in joined
    assert {"First answer", "Second answer"} <= {message.content for message in messages_of(joined)}


def test_final_nuls_are_removed() -> None:
    analysis = analysis_of(CHAT + "\0\0\0")
    assert [finding.fixable for finding in analysis.report.findings] == [True]
    assert changed_text(analysis, Choice(URI, 1, "fix")) == CHAT


def test_light_bulb_announces_fixes_only() -> None:
    context = CodeActionContext([], trigger_kind=CodeActionTriggerKind.Automatic)
    assert offered(analysis_of(CHAT), "漢字", context=context) == []
    kinds = [action.kind for action in offered(analysis_of(BROKEN), "- role: assistant", context=context)]
    assert kinds == [CodeActionKind.QuickFix]


def test_only_the_kinds_that_are_asked_for_are_offered() -> None:
    analysis = analysis_of(BROKEN)
    rewrite = CodeActionContext([], only=[CodeActionKind.Refactor])
    assert {action.kind for action in offered(analysis, "call_1", context=rewrite)} == {CodeActionKind.RefactorRewrite}
    fix_all = CodeActionContext([], only=[CodeActionKind.SourceFixAll])
    assert [action.kind for action in offered(analysis, "call_1", context=fix_all)] == [FIX_ALL]


def test_change_that_is_not_possible_is_an_error() -> None:
    analysis = analysis_of(CHAT)
    with pytest.raises(UsageError, match="cannot be changed this way"):
        complete(CodeAction("x"), Choice(URI, 1, "fix"), analysis, ClientSupport())


def test_byte_order_mark_and_line_ends_are_kept() -> None:
    text = "\ufeff" + CHAT.replace("\n", "\r\n")
    new = after(text, "skip", 1)
    assert new.startswith("\ufeff# yaml")
    assert new.count("\r\n") == new.count("\n") == CHAT.count("\n") + 1


def test_lone_surrogate_is_reported_and_not_changed() -> None:
    analysis = analysis_of(CHAT.replace("🎈", "\ud83d", 1))
    (found,) = text_diagnostics(analysis)
    assert found.message == "the text is not valid UTF-8"
    assert found.range.start == Position(line_of(CHAT, "漢字"), 16)


def test_only_files_in_sessions_folders_can_be_forked(sessions_dir: Path, tmp_path: Path) -> None:
    stored = write(sessions_dir)
    assert is_stored(stored)
    assert not is_stored(stored.with_name("session.before-1.yaml"))
    other = tmp_path / "mine" / "session.yaml"
    other.parent.mkdir()
    other.write_text(HEAD)
    assert not is_stored(other)
    (tmp_path / ".session.schema.json").touch()
    assert is_stored(other)
    assert [action.title for action in offered(analysis_of(CHAT, stored), "line one")][-1] == (
        "Fork the session after message 3"
    )
