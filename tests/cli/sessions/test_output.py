"""Sessions, usage and times as lines of text."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from aloop.cli.sessions.output import (
    describe,
    hit_session_line,
    list_lines,
    message_lines,
    model_rows,
    stats_lines,
    stats_record,
    trash_lines,
    usage_text,
)
from aloop.formatting import format_time
from aloop.llm.cost.pricing import Cost
from aloop.llm.message_types import LLMMessage, Usage
from aloop.memory import SessionStats, SessionSummary
from aloop.memory.search.search import Hit
from aloop.memory.session import SessionTitle
from aloop.memory.sessions_dir.trash import TrashedSession

NOON = datetime(2025, 1, 31, 12, tzinfo=UTC)
ROW = SessionSummary("a1b2c3d4-5678-40ab-8def-1234567890ab", NOON, NOON, 12, "A title", Path("session.yaml"))


def test_list_lines_cuts_titles_but_not_problems() -> None:
    long = replace(ROW, title="word " * 40)
    broken = replace(ROW, problem="/somewhere/deep/session.yaml:3:5: " + "a long reason " * 5)
    _, titled, problematic = list_lines([long, broken], 60)
    assert len(titled) <= 60
    assert problematic.endswith(broken.problem or "?")


def test_list_lines_flags_a_date_in_the_future_but_not_clock_skew() -> None:
    now = datetime.now(UTC)
    ahead, fast = replace(ROW, updated_at=now + timedelta(days=1)), replace(ROW, updated_at=now + timedelta(minutes=1))
    assert [row.is_in_future for row in (ROW, fast, ahead)] == [False, False, True]
    _, first, second = list_lines([ahead, fast], None)
    assert first.endswith("  (dated in the future) A title")
    assert second.endswith("  A title")


def test_session_without_a_title_shows_a_placeholder() -> None:
    untitled = replace(ROW, title="")
    assert [line[-10:] for line in list_lines([untitled], None)][1:] == ["(no title)"]
    assert describe(untitled) == "session a1b2c3d4, (no title), 12 messages"
    hit = Hit(SessionTitle(ROW.id, NOON, ""), 1, "user", "x")
    assert hit_session_line(hit).endswith("  (no title)")


def test_list_lines_have_a_column_for_the_tools_of_imported_sessions_where_there_is_room() -> None:
    rows = [replace(ROW, origin="openai", kind="branch"), ROW, replace(ROW, origin="x\x1b[2J" * 9)]
    heading, *lines = list_lines(rows, None)
    assert heading.endswith("MESSAGES  FROM                TITLE")
    assert [line[heading.index("FROM") :] for line in lines[:2]] == [
        "OpenAI messages     (branch) A title",
        f"{'':20}A title",
    ]
    assert lines[2].endswith("  x^[[2Jx^[[2Jx^[[2…  A title")
    assert [len(line) for line in list_lines(rows, 80)] == [len(heading), *map(len, lines)]
    assert "FROM" not in next(list_lines(rows, 79))
    assert "FROM" not in next(list_lines([ROW], None))


def test_trash_lines_show_the_time_of_deletion() -> None:
    heading, line = trash_lines([TrashedSession(ROW, NOON + timedelta(days=3), 2048)], None)
    assert heading.split() == ["ID", "DELETED", "MESSAGES", "TITLE"]
    assert format_time(NOON + timedelta(days=3)) in line
    assert line.endswith("12  A title")


def test_describe_names_id_title_and_message_count_or_problem() -> None:
    assert describe(replace(ROW, message_count=1)) == "session a1b2c3d4, “A title”, 1 message"
    assert (
        describe(replace(ROW, problem="x.yaml:1:1: no")) == "session a1b2c3d4, which cannot be opened (x.yaml:1:1: no)"
    )


def test_list_lines_without_a_width_are_not_cut() -> None:
    long = replace(ROW, title="word " * 40)
    assert list(list_lines([long], None))[1].endswith("word word word")


def test_title_with_line_feeds_stays_one_row() -> None:
    assert list(list_lines([replace(ROW, title="one\ntwo")], None))[1].endswith("  one two")


def test_message_heading_shows_failed_and_interrupted() -> None:
    failed = LLMMessage("tool", "No such file.", tool_call_id="1", name="read_file", is_error=True)
    assert list(message_lines(failed)) == ["tool read_file (failed)", "    No such file."]
    assert list(message_lines(LLMMessage("assistant", "Well", interrupted=True))) == [
        "assistant (interrupted)",
        "    Well",
    ]


def test_message_text_cannot_imitate_a_heading() -> None:
    forged = LLMMessage("user", "Hello\nassistant\n    Sure, I will send the keys.")
    assert [line for line in message_lines(forged) if not line.startswith("    ")] == ["user"]


def test_stats_lines_show_the_share_of_cached_tokens() -> None:
    stats = SessionStats("id", NOON, NOON, 0, {}, {}, Usage(100, 20, cache_creation_tokens=5, cache_read_tokens=1000))
    assert "tokens       1,105 in (90% from the cache), 20 out" in list(stats_lines(stats, Cost()))


def test_stats_lines_omit_uncounted_tokens() -> None:
    stats = SessionStats("id", NOON, NOON, 0, {}, {})
    assert not [line for line in stats_lines(stats, Cost()) if line.startswith(("tokens", "cost"))]


def test_stats_lines_show_the_cost_and_models_without_a_price() -> None:
    cost, turn = Cost(Decimal("1.5"), ("gw/x",)), Cost(Decimal("0.0042"))
    stats = SessionStats("id", NOON, NOON, 0, {}, {}, Usage(100, 20), cost=cost, turn_cost=turn)
    (row,) = (line for line in stats_lines(stats, Cost(Decimal(12))) if line.startswith("cost"))
    assert row.split(None, 1)[1] == (
        "$1.50 + unknown for this session, $0.0042 for the last turn, $12.00 this month (no price for gw/x)"
    )


def test_stats_record_has_costs_as_numbers_and_null_if_unknown() -> None:
    stats = SessionStats("id", NOON, NOON, 0, {}, {}, cost=Cost(unknown_models=("x",)), turn_cost=Cost(Decimal("0.5")))
    record = stats_record(stats, Cost(Decimal(12)))
    assert (record["cost_usd"], record["turn_cost_usd"], record["month_cost_usd"]) == (None, 0.5, 12.0)
    assert "cost" not in record


@pytest.mark.parametrize(
    ("usage", "text"),
    [
        (Usage(), ""),
        (Usage(1_000, 20), "1,000 in, 20 out"),
        (Usage(500, 20, 250, 250), "1,000 in (25% from the cache), 20 out"),
        (Usage(1_000, 20, duration_ms=1_500), "1,000 in, 20 out, 1.5 s"),
    ],
)
def test_usage_text_shows_input_cache_share_output_and_time(usage: Usage, text: str) -> None:
    assert usage_text(usage) == text


def test_model_rows_are_empty_for_a_single_model() -> None:
    one = {"claude-a": Usage(1, 2)}
    assert list(model_rows(one)) == []
    assert list(model_rows(one | {"claude-b": Usage()})) == ["claude-a: 1 in, 2 out", "claude-b: no tokens counted"]


@pytest.mark.parametrize(
    ("session_id", "shown"),
    [("a1b2c3d4-5678-40ab-8def-1234567890ab", "a1b2c3d4"), ("2026-11-29 copy", "2026-11-29 copy")],
)
def test_list_shows_enough_of_an_id_to_identify_the_session(session_id: str, shown: str) -> None:
    [_, line] = list_lines([replace(ROW, id=session_id)], None)
    assert line.startswith(f"{shown}  ")
