"""Lists, search results, counts and help as lines."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from prompt_toolkit.utils import get_cwidth

from aloop.keys import key_rows
from aloop.llm.cost.pricing import Cost
from aloop.llm.message_types import Usage
from aloop.memory import SessionStats, SessionSummary, SessionTitle
from aloop.memory.search.search import Hit
from commands.builtin import REGISTRY
from repl.output.styled import to_text
from repl.pages.listing import (
    fact_lines,
    help_lines,
    hit_lines,
    key_lines,
    listing_lines,
    session_lines,
    stats_lines,
)

NOW = datetime(2025, 6, 15, 12, tzinfo=UTC)
COST = Cost(Decimal("1.5"))
ID = "a1b2c3d4-5678-40ab-8def-1234567890ab"


def summary(title: str = "Fix the build", problem: str | None = None) -> SessionSummary:
    return SessionSummary(ID, NOW, NOW - timedelta(hours=2), 12, title, Path("session.yaml"), problem)


def test_session_row_has_number_id_age_messages_and_title() -> None:
    head, row = to_text(session_lines([summary()], 80, NOW)).splitlines()
    assert head.split() == ["#", "id", "when", "messages", "title"]
    assert row.split() == ["1", "a1b2c3d4", "2", "h", "ago", "12", "Fix", "the", "build"]
    assert row.index("Fix") == head.index("title")


def test_session_rows_fit_a_narrow_screen() -> None:
    rows = to_text(session_lines([summary("日本語 🎉 " * 30)], 60, NOW)).splitlines()
    assert all(get_cwidth(row) <= 60 for row in rows)


def test_untitled_session_shows_a_placeholder() -> None:
    assert "(no title)" in to_text(session_lines([summary("")], 80, NOW))
    future = replace(summary(""), updated_at=datetime.now(UTC) + timedelta(days=1))
    assert "(dated in the future) (no title)" in to_text(session_lines([future], 80, NOW))


def test_imported_session_shows_its_tool_after_the_title_where_there_is_room() -> None:
    row = replace(summary("Fix the build " * 9), origin="claude-code")
    assert "  (branch) Fix the build" in to_text(session_lines([replace(row, kind="branch")], 80, NOW))
    wide, narrow = (to_text(session_lines([row], width, NOW)).splitlines()[1] for width in (80, 60))
    assert wide.endswith("… · Claude Code")
    assert "Claude" not in narrow
    assert max(get_cwidth(wide), get_cwidth(narrow)) <= 80
    assert "^[[2J" in to_text(session_lines([replace(row, origin="\x1b[2J")], 80, NOW))


def test_broken_session_shows_its_whole_problem() -> None:
    problem = "/a/rather/long/path/session.yaml:4:6: found unexpected end of stream"
    shown = to_text(session_lines([summary(problem=problem)], 60, NOW))
    assert "✗ cannot be read" in shown
    assert problem in shown


def test_broken_session_shows_all_of_an_id_that_is_a_folder_name() -> None:
    row = replace(summary(problem="session.yaml:4:6: no end"), id="2026-11-29 copy")
    shown = to_text(session_lines([row], 80, NOW))
    assert " 2026-11-29 copy " in shown
    assert get_cwidth(to_text(session_lines([row], 40, NOW)).splitlines()[1]) <= 40


def test_session_dated_in_the_future_is_flagged() -> None:
    row = replace(summary(), updated_at=datetime.now(UTC) + timedelta(days=2))
    assert "(dated in the future) Fix" in to_text(session_lines([row], 80, NOW))


def test_title_shows_escape_codes_as_text_on_one_line() -> None:
    shown = to_text(session_lines([summary("\x1b[2Jone\ntwo")], 80, NOW))
    assert len(shown.splitlines()) == 2
    assert "\x1b" not in shown


def test_stats_show_roles_tools_and_tokens() -> None:
    stats = SessionStats(
        ID,
        NOW,
        NOW,
        4,
        {"user": 1, "assistant": 2, "tool": 1},
        {"calculator": 1},
        Usage(1000, 20, 0, 300),
        5120,
        Path("x"),
        cost=COST,
        turn_cost=Cost(),
    )
    shown = to_text(stats_lines(stats, COST, 80))
    assert "4 (1 user, 2 assistant, 1 tool)" in shown
    assert "calculator 1" in shown
    assert "1,300 in (23% from the cache), 20 out" in shown
    assert "$1.50 for this session, $0.00 for the last turn, $1.50 this month" in shown
    assert [row.split() for row in shown.splitlines()[-2:]] == [["size", "5,120", "bytes"], ["path", "x"]]


def test_stats_show_usage_by_model_for_several_models() -> None:
    by_model = {"one": Usage(10, 2), "two": Usage(20, 3)}
    shown = to_text(stats_lines(SessionStats(ID, NOW, NOW, 0, {}, {}, Usage(30, 5), usage_by_model=by_model), COST, 80))
    assert "one: 10 in, 2 out" in shown
    assert "two: 20 in, 3 out" in shown


@pytest.mark.parametrize("width", [60, 80, 120])
def test_stats_wrap_keeps_numbers_beside_their_nouns(width: int) -> None:
    usage = Usage(1_234_567, 234_567, 12_345, 9_876_543, duration_ms=754_000)
    by_model = {"claude-sonnet-5-5": usage, "claude-opus-5": usage}
    tools = {"calculator": 1234, "run_shell": 200, "read_file": 1750, "search_files": 33}
    roles = {"user": 1200, "assistant": 2300, "tool": 3187}
    path = Path("/home/someone/a project 2/.aloop/sessions/2026-11-23_1cc2915a/session.yaml")
    stats = SessionStats(ID, NOW, NOW, 6687, roles, tools, usage, 12_345_678, path, by_model, COST, COST)
    facts, _, file = to_text(stats_lines(stats, COST, width)).rpartition("\npath")
    assert file == (f"        {path}\n" if width == 120 else f"\n{path}\n")
    rows = facts.splitlines()
    assert all(len(row) <= width for row in rows)
    assert all(row.startswith(" " * 12) or not row[:12].startswith(" ") for row in rows)
    shown = [row[12:] for row in rows]
    for whole in ("11,123,455 in", "234,567 out", "12 min 34 s", "calculator 1,234", "3,187 tool", "12,345,678 bytes"):
        assert any(whole in row for row in shown), whole


@pytest.mark.parametrize("width", [30, 39, 60])
def test_lists_fit_into_a_narrow_screen(width: int) -> None:
    lists = [
        help_lines(REGISTRY.commands, width),
        help_lines([command for command in REGISTRY.commands if command.name == "resume"], width),
        key_lines(key_rows({}), width),
        fact_lines([("window", "15 of 200,000 tokens (0%)"), ("instructions", "0 · none")], width),
        session_lines([summary(title="What is the answer to all this?")], width, NOW),
    ]
    assert [row for rows in lists for row in to_text(rows).splitlines() if len(row) > max(width, 36)] == []


@pytest.mark.parametrize("width", [30, 60, 80])
@pytest.mark.parametrize("value", ["word " * 200, "15 tokens of 3 words " * 50])
def test_long_facts_are_cut_to_two_rows_with_an_ellipsis(width: int, value: str) -> None:
    rows = to_text(fact_lines([("pdf", value), ("help", "short")], width, 2)).splitlines()
    assert len(rows) == 3
    assert rows[1].endswith("…")
    assert max(map(len, rows)) <= width
    assert rows[2] == "help  short"


def test_long_fact_without_spaces_is_cut_to_the_cells_of_two_rows() -> None:
    _, value = to_text(fact_lines([("pdf", "語" * 1_000)], 60, 2)).splitlines()
    assert value.endswith("…")
    assert get_cwidth(value) <= 2 * 60


def test_value_without_a_name_that_is_too_long_for_its_column_has_the_width_of_the_screen() -> None:
    path = "~/.config/aloop/skills/deploy/SKILL.md"
    rows = to_text(fact_lines([("deploy-the-whole", "Deploy."), ("", path)], 50, 2)).splitlines()
    assert rows == ["deploy-the-whole  Deploy.", f"  {path}"]


def test_time_outside_the_local_calendar_keeps_its_zone() -> None:
    long_ago = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=23)))
    assert "1-01-01 00:00" in to_text(stats_lines(SessionStats(ID, long_ago, NOW, 0, {}, {}), COST, 80))


def test_stats_of_an_unsaved_session_show_not_saved() -> None:
    assert "not saved yet" in to_text(stats_lines(SessionStats(ID, NOW, NOW, 0, {}, {}), COST, 80))


def test_help_lists_each_command_once_by_group() -> None:
    shown = to_text(help_lines(REGISTRY.commands, 100))
    for command in REGISTRY.commands:
        assert shown.count(f"  {command.invocation} ") == 1
        assert command.summary in shown
    assert shown.splitlines()[0] == "Session"


def test_help_wraps_between_words() -> None:
    rows = to_text(help_lines(REGISTRY.commands, 50)).splitlines()
    assert all(len(row) <= 50 for row in rows)
    words = " ".join(" ".join(rows).split())
    assert all(command.summary in words for command in REGISTRY.commands)


def test_help_on_a_command_shows_aliases_and_example() -> None:
    command = REGISTRY.find("help")
    assert command is not None
    shown = to_text(help_lines([command], 100))
    assert "also: /?" in shown
    assert "example: /help resume" in shown


@pytest.mark.parametrize(
    ("name", "explained"),
    [
        ("resume", ["ID", "ROW"]),
        ("fork", ["N"]),
        ("skip", ["N"]),
        ("export", []),
        ("stats", []),
        ("jobs", []),
        ("copy", []),
    ],
)
def test_help_on_a_command_explains_ids_rows_and_numbers(name: str, explained: list[str]) -> None:
    command = REGISTRY.find(name)
    assert command is not None
    rows = to_text(help_lines([command], 80)).splitlines()
    assert [row.split()[0] for row in rows if " is a " in row] == explained


async def test_listing_numbers_rows_up_to_the_largest_valid_number() -> None:
    async def many() -> AsyncIterator[SessionSummary]:
        for _ in range(1_001):
            yield summary()

    shown = [to_text(lines).splitlines() async for lines in listing_lines(many(), 80)]
    assert [len(lines) for lines in shown[:2]] == [2, 1]
    assert [lines[-1].split()[0] for lines in (shown[0], shown[998], shown[999])] == ["1", "999", "a1b2c3d4"]
    assert len({lines[-1].index("Fix the build") for lines in shown}) == 1


def test_hit_fits_a_narrow_screen_below_its_session() -> None:
    found = Hit(SessionTitle(ID, NOW, "日本語 " * 30), 12, "assistant", "… 日本語 needle " + "日本 " * 60, ((6, 12),))
    head, row = to_text(hit_lines(3, found, 60, NOW, is_first=True)).splitlines()
    assert head.startswith("a1b2c3d4 · just now · 日本語")
    assert row.startswith("  3  #12   assistant  … 日本語 needle")
    assert all(get_cwidth(line) <= 60 for line in (head, row))
    assert to_text(hit_lines(3, found, 60, NOW, is_first=False)).splitlines() == [row]


def test_hit_in_a_broken_session_shows_the_problem() -> None:
    found = Hit(SessionTitle(ID[:8], NOW, ""), 0, "", "a quote", ((2, 7),), "/a/path/session.yaml:3:9: no end")
    shown = to_text(hit_lines(1, found, 60, NOW, is_first=True))
    assert "cannot be read" in shown
    assert "/a/path/session.yaml:3:9: no end" in shown
