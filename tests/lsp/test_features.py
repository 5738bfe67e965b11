"""Folding, hover, outline and definition, computed from a text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("lsprotocol", reason="pygls is not installed")

from lsprotocol.types import MarkupContent, MarkupKind, Position, SymbolKind, SymbolTag

from aloop.llm.cost.pricing import PriceList
from aloop.lsp.analysis import Analysis, is_session
from aloop.lsp.folding import folding_ranges
from aloop.lsp.hover import hover
from aloop.lsp.outline import definition, document_symbols
from aloop.lsp.positions import Units
from tests.lsp.sessions import CHAT, HEAD, ID, line_of

STORED = Path("/project/.aloop/sessions/2025-01-31_a1b2c3d4/session.yaml")
PLACE_OF_CALL = "- id: call_2"


def analysis_of(text: str) -> Analysis:
    return Analysis(text, STORED, 1, Units())


def folds(text: str, limit: int | None = None) -> list[tuple[str, int, bool]]:
    """Return the first line of each range, its number of lines, and True for a region."""
    lines = text.splitlines()
    found = folding_ranges(analysis_of(text), limit)
    assert found is not None
    return [(lines[each.start_line].strip(), each.end_line - each.start_line + 1, bool(each.kind)) for each in found]


def hovered(text: str, part: str, kind: MarkupKind = MarkupKind.PlainText) -> str:
    found = hover(analysis_of(text), Position(line_of(text, part), 0), PriceList(), kind)
    if found is None:
        return ""
    assert isinstance(found.contents, MarkupContent)
    value: str = found.contents.value
    return value


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        (STORED, "", True),
        (STORED, "not: a session", True),
        (Path("/p/session.yaml"), f"# mine\nid: {ID}\n", True),
        (Path("/p/session.yaml"), '{"id": "x", "messages": []}', True),
        (Path("/p/session.yaml"), "stages: [build]\n", False),
        (Path("/p/ci.yaml"), "id: x\nmessages: []\n", False),
        (Path("/p/session.edited-1.yaml"), CHAT, True),
        (Path("session.yaml"), HEAD, True),
    ],
)
def test_session_is_recognized_by_its_place_its_keys_or_its_first_line(path: Path, text: str, expected: bool) -> None:
    assert is_session(path, text) is expected


def test_messages_and_long_values_fold() -> None:
    assert folds(CHAT) == [
        ("messages:", 50, False),
        ("- role: user", 3, False),
        ("- role: assistant", 26, False),
        ("content: |", 3, False),
        ("tool_calls:", 14, False),
        ("- id: call_1", 5, False),
        ("function:", 3, False),
        ("- id: call_2", 8, False),
        ("function:", 6, False),
        ("arguments:", 4, False),
        ("content: |", 2, False),
        ("thinking:", 5, True),
        ("- thinking: |", 3, False),
        ("- role: tool", 8, False),
        ("content: |", 3, True),
        ("- role: tool", 5, False),
        ("- role: assistant", 2, False),
        ("- role: user", 4, False),
    ]


def test_limit_keeps_messages_first_and_then_regions() -> None:
    kept = folds(CHAT, 8)
    assert [name for name, _, is_region in kept if not is_region] == [
        "- role: user",
        "- role: assistant",
        "- role: tool",
        "- role: tool",
        "- role: assistant",
        "- role: user",
    ]
    assert [name for name, _, is_region in kept if is_region] == ["thinking:", "content: |"]


def test_folds_exclude_blank_lines_and_comments_between_messages() -> None:
    text = (
        HEAD
        + "  - role: user\n    content: |\n      Hi\n\n\n  # about the answer\n  - role: assistant\n    content: Yes\n"
    )
    assert folds(text)[1:] == [("- role: user", 3, False), ("content: |", 2, False), ("- role: assistant", 2, False)]


def test_messages_below_the_end_marker_fold_too() -> None:
    text = f"{CHAT}- role: user\n  content: |\n    More\n"
    assert folds(text)[-2:] == [("- role: user", 3, False), ("content: |", 2, False)]
    assert hovered(text, "    More").startswith("Message 7: user")


def test_broken_text_has_no_features_so_that_editors_use_their_own() -> None:
    analysis = analysis_of(CHAT.replace("role: user", 'role: "user', 1))
    assert folding_ranges(analysis) is None
    assert document_symbols(analysis) is None
    assert hover(analysis, Position(7, 0), PriceList(), MarkupKind.Markdown) is None
    assert definition(analysis, Position(7, 0), "file:///x") is None


def test_hover_on_an_answer_shows_model_tokens_and_cost() -> None:
    assert hovered(CHAT, "I look").splitlines() == [
        "Message 2: assistant, claude-opus-4-5",
        "Tokens: 2,400 in (50% from the cache), 34 out, 2.1 s",
        "Cost: $0.01",
    ]


def test_hover_on_a_call_shows_its_result() -> None:
    assert hovered(CHAT, PLACE_OF_CALL).splitlines()[:2] == [
        "Tool call: write_file b.py",
        f"Result: message 4, line {line_of(CHAT, 'content: refused') + 1}, failed",
    ]
    assert hovered(CHAT, "- id: call_1").splitlines()[1].endswith(", 1.2 s, allowed by a rule")
    assert "It has no result." in hovered(CHAT.replace("tool_call_id: call_2", "tool_call_id: call_3"), PLACE_OF_CALL)


def test_hover_on_a_result_shows_its_call_and_decision() -> None:
    assert hovered(CHAT, "line two").splitlines() == [
        "Message 3: tool read_file",
        "1.2 s, allowed by a rule",
        "Tokens: about 8",
        f"Call: message 2, line {line_of(CHAT, 'id: call_1') + 1}: read_file a.py",
    ]


def test_hover_shows_time_note_and_tags() -> None:
    assert "2025-01-31" in hovered(CHAT, "漢字")
    assert hovered(CHAT, "Thanks").splitlines() == [
        "Message 6: user (#bug, #parser)",
        "Tokens: about 5",
        "Note: look again",
    ]


def test_hover_on_the_header_shows_totals_of_the_session() -> None:
    lines = hovered(CHAT, "created_at").splitlines()
    assert lines[:3] == [
        "Session a1b2c3d4: 6 messages, 2 tool calls",
        "Tokens: 2,400 in (50% from the cache), 34 out, 2.1 s",
        "Cost: $0.01",
    ]
    assert lines[3] == "Tools ran for 1.2 s"
    assert hovered(CHAT, "messages:") == ""


def test_hover_escapes_markdown_and_control_characters() -> None:
    text = CHAT.replace("note: look again", 'note: "[x](http://y) *b* \\e[31m"')
    shown = hovered(text, "Thanks", MarkupKind.Markdown)
    assert r"Note: \[x\](http://y) \*b\* ^\[\[31m" in shown
    assert shown.startswith("**Message 6: user (\\#bug, \\#parser)**  \n")


def test_outline_has_a_turn_for_each_question() -> None:
    symbols = document_symbols(analysis_of(CHAT))
    assert symbols is not None
    assert [symbol.name for symbol in symbols] == ["漢字 🎈 in the parser?", "Thanks"]
    assert symbols[0].children is not None
    assert [(child.name, child.kind, child.detail) for child in symbols[0].children] == [
        ("I look", SymbolKind.Method, "assistant 2"),
        ("read_file", SymbolKind.Object, "tool 3"),
        ("write_file failed", SymbolKind.Object, "tool 4"),
        ("There is nothing, *really*.", SymbolKind.Method, "assistant 5"),
    ]
    calls = symbols[0].children[0].children
    assert calls is not None
    assert [call.name for call in calls] == ["read_file a.py", "write_file b.py"]
    assert symbols[0].range.end.line == line_of(CHAT, "really")
    for symbol in symbols:
        for each in (symbol, *(symbol.children or ())):
            assert each.range.start <= each.selection_range.start
            assert each.selection_range.end <= each.range.end


def test_outline_strikes_out_skipped_messages() -> None:
    symbols = document_symbols(analysis_of(CHAT.replace("    note:", "    skip: true\n    note:")))
    assert symbols is not None
    assert [symbol.tags for symbol in symbols] == [None, [SymbolTag.Deprecated]]


def test_outline_names_an_empty_message() -> None:
    symbols = document_symbols(analysis_of(HEAD + "  - role: assistant\n    content: ''\n"))
    assert symbols is not None
    assert [symbol.name for symbol in symbols] == ["(empty)"]


@pytest.mark.parametrize(
    ("part", "target"),
    [
        ("line two", "id: call_1"),
        ("content: refused", "id: call_2"),
        (PLACE_OF_CALL, "content: refused"),
        ('print("🎈")', "content: refused"),
        ("- id: call_1", "content: |\n      line one"),
    ],
)
def test_definition_leads_from_a_result_to_its_call_and_back(part: str, target: str) -> None:
    found = definition(analysis_of(CHAT), Position(line_of(CHAT, part), 9), "file:///x")
    assert found is not None
    assert found.range.start.line == line_of(CHAT, target)


def test_definition_works_for_skipped_messages() -> None:
    text = CHAT.replace("\n    name: read_file\n", "\n    name: read_file\n    skip: true\n")
    found = definition(analysis_of(text), Position(line_of(text, "line two"), 0), "file:///x")
    assert found is not None
    assert found.range.start.line == line_of(text, "id: call_1")


def test_definition_of_anything_else_is_none() -> None:
    for part in ("id: a1b2", "漢字", "I look", "Thanks"):
        assert definition(analysis_of(CHAT), Position(line_of(CHAT, part), 0), "file:///x") is None


def test_session_as_json_has_all_features() -> None:
    messages = [{"role": "user", "content": "🎈 one"}, {"role": "assistant", "content": "two\nlines"}]
    text = json.dumps({"id": ID, "messages": messages}, indent=2)
    assert r"\ud83c" in text
    assert ("{", 4, False) in folds(text)
    assert hovered(text, "two").startswith("Message 2: assistant")
    symbols = document_symbols(analysis_of(text))
    assert symbols is not None
    assert [symbol.name for symbol in symbols] == ["🎈 one"]
