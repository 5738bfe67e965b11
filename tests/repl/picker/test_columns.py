"""The columns of the picker at several widths, and the line around a match."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aloop.errors import StorageError
from aloop.memory.search.search import Hit
from aloop.memory.session import SessionSummary, SessionTitle
from aloop.width import text_width
from repl.picker.columns import Details, Row, fit_columns, match_line, row_of, row_spans, short_model

NOW = datetime(2025, 6, 15, tzinfo=UTC)
SESSION = SessionTitle("a1b2c3d4-5678-40ab-8def-1234567890ab", NOW, "About the weather in May, at some length")
SUMMARY = SessionSummary(SESSION.id, NOW, NOW, 1_234, SESSION.title, Path("x"), model="claude-sonnet-4-5-20250929")
CONTEXT = "… so it was in the end that a zebra\x1b[2J came"
HIT = Hit(SESSION, 3, "user", CONTEXT, ((CONTEXT.index("zebra"), CONTEXT.index("zebra") + 5),))


def shown(row: Row, width: int) -> str:
    cells = {name: text_width(getattr(row, name)) for name in ("folder", "messages", "model", "origin")}
    columns = fit_columns(width, **cells)
    spans = row_spans(row, columns, NOW, is_highlighted=False, matched=lambda _: frozenset())
    return "".join(str(span[1]) for span in spans)


@pytest.mark.parametrize(
    ("width", "row"),
    [
        (39, " 1● just now      About the weather in…"),
        (59, " 1● just now      About the weather in May…  1,234 messages"),
        (79, " 1● a1b2c3d4  just now      About the weather in M…  sonnet-4-5  1,234 messages"),
        (20, " 1● About the weath…"),
    ],
)
def test_narrow_rows_leave_out_columns_and_keep_the_title(width: int, row: str) -> None:
    found = shown(row_of(SESSION, SUMMARY, number="1", is_current=True), width)
    assert found == row
    assert text_width(found) == width


@pytest.mark.parametrize("width", [10, 20, 40, 60, 80, 120])
@pytest.mark.parametrize("hit", [None, HIT])
def test_row_has_exactly_the_width(width: int, hit: Hit | None) -> None:
    row = row_of(SESSION, SUMMARY, number="1", folder="/work/some/long/project", hit=hit)
    assert text_width(shown(row, width)) == width
    assert text_width(shown(replace(row, hit=None, is_title_only=True), width)) == width


def test_tool_of_an_imported_session_is_shown_last_and_left_out_first() -> None:
    row = row_of(replace(SESSION, origin="claude-code"), SUMMARY)
    assert shown(row, 110).endswith("at some length   Claude Code  sonnet-4-5  1,234 messages")
    assert "Claude" not in shown(row, 79)
    assert "sonnet-4-5" in shown(row, 79)
    assert "^[[2J" in shown(row_of(replace(SESSION, origin="\x1b[2J"), SUMMARY), 110)


def test_row_of_other_tools_keeps_its_verb_without_the_column_of_ids() -> None:
    row = row_of(SessionTitle("import", NOW, "14 from Codex here …"), None, is_title_only=True)
    assert "import    just now      14 from Codex" in shown(row, 79)
    assert shown(row, 45).startswith("    just now      import 14 from Codex here …")
    assert shown(row, 30).startswith("    import 14 from Codex")


def test_branch_and_subagent_run_are_marked_and_labels_are_whole() -> None:
    row = row_of(replace(SESSION, origin="anthropic", kind="subagent", title="May"), SUMMARY)
    assert "  (subagent run) May " in shown(row, 119)
    assert "  Anthropic messages  " in shown(row, 119)


def test_title_without_counts_has_their_room() -> None:
    row = replace(row_of(SESSION, SUMMARY), is_title_only=True)
    assert "About the weather in May, at some length" in shown(row, 79)


def test_folder_has_precedence_over_counts_and_shows_its_end() -> None:
    row = row_of(SESSION, SUMMARY, folder="/work/some/very/long/project")
    assert shown(row, 79).endswith("  …e/very/long/project  1,234 messages")
    assert shown(row, 49).endswith("  …e/very/long/project")


def test_unread_and_broken_sessions_have_no_counts() -> None:
    broken = SessionSummary(SESSION.id, NOW, NOW, 0, "", Path("x"), "session.yaml:1:1: no end")
    assert "messages" not in shown(row_of(SESSION, None), 80) + shown(row_of(SESSION, broken), 80)


@pytest.mark.parametrize(
    ("name", "short"),
    [("claude-opus-4-1-20250805", "opus-4-1"), ("ollama/qwen3:8b", "ollama/qwen3:8b"), ("\x1b[2J", "^[[2J")],
)
def test_model_is_shown_without_its_maker_and_date(name: str, short: str) -> None:
    assert short_model(name) == short


@pytest.mark.parametrize("cells", [12, 20, 30, 200])
def test_match_is_visible_in_any_width_and_control_characters_are_harmless(cells: int) -> None:
    plain = Hit(SESSION, 3, "user", CONTEXT.replace("\x1b", ""), HIT.marks)
    text, places = match_line(plain, cells)
    assert "".join(text[place] for place in sorted(places)) == "zebra"
    assert text_width(text[: max(places) + 1]) <= cells
    text, places = match_line(HIT, cells)
    assert "zebra^[[2J came" in text
    assert not places


async def test_details_are_read_for_what_is_wanted_last_and_only_once() -> None:
    sessions = [SessionTitle(f"id-{number}", NOW, "") for number in range(12)]
    reads: list[list[str]] = []
    first_read = asyncio.Event()

    async def read(wanted: Sequence[SessionTitle]) -> Mapping[str, SessionSummary]:
        reads.append([session.id for session in wanted])
        await first_read.wait()
        if wanted[0].id == "id-8":
            raise StorageError("The disk is gone.", Path())
        return {session.key: SUMMARY for session in wanted}

    changed = asyncio.Event()
    details = Details(read, changed.set)
    details.want(sessions)
    await asyncio.sleep(0)
    details.want(sessions[8:])
    first_read.set()
    while len(reads) < 2 or details.find(sessions[11]) is not None:
        changed.clear()
        await changed.wait()
        if len(reads) == 2:
            break
    details.want([sessions[0], sessions[8]])
    assert reads == [["id-0", "id-1", "id-2", "id-3"], ["id-8", "id-9", "id-10", "id-11"]]
    assert details.find(sessions[0]) is SUMMARY
    assert details.find(sessions[8]) is None
