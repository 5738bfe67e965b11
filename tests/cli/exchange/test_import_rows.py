"""The table of the conversations of an import."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime

import pytest

from aloop.cli.console import json_line
from aloop.cli.exchange.import_rows import ImportTable, import_record
from aloop.importers.imported import Imported, Kind
from aloop.importers.storing.store import Outcome
from aloop.llm.message_types import LLMMessage, ToolCall
from aloop.width import text_width

AT = datetime(2026, 1, 22, 12, tzinfo=UTC)
LOSSES = Counter({"records that are not messages": 2_000, "snapshots of files": 3, "queue entries": 1})


def talk(tool: str = "codex", title: str = "Tidy up", *, kind: Kind = "session") -> Imported:
    call = LLMMessage("assistant", "", tool_calls=(ToolCall("c1", "look", "{}"),))
    messages = (LLMMessage("user", "Hi"), call)
    return Imported(tool, "x", messages, kind=kind, title=title, updated_at=AT, losses=Counter(LOSSES))


def lines(table: ImportTable, imported: Imported, action: str = "imported", **facts: object) -> list[str]:
    return list(table.lines(imported, Outcome(action, "a1b2c3d4-5e6f", **facts)))  # type: ignore[arg-type] # of a test


def test_columns_are_aligned_and_each_tool_has_a_heading() -> None:
    table = ImportTable(None, dry=True)
    rows = lines(table, talk()) + lines(table, talk()) + lines(table, talk("pi", ""))
    assert rows == [
        "Codex",
        "ACTION  ID        UPDATED     MESSAGES  CALLS  TITLE",
        "import  a1b2c3d4  2026-01-22         2      1  Tidy up",
        "        left out: records that are not messages (2,000), snapshots of files (3), queue entries (1)",
        "import  a1b2c3d4  2026-01-22         2      1  Tidy up",
        "        left out: records that are not messages (2,000), snapshots of files (3), queue entries (1)",
        "",
        "pi",
        "import  a1b2c3d4  2026-01-22         2      1  Hi",
        "        left out: records that are not messages (2,000), snapshots of files (3), queue entries (1)",
    ]


@pytest.mark.parametrize("width", [40, 60, 79, 80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    rows = lines(ImportTable(width, dry=True), talk(title="\u6587\u5b57 " * 50))
    assert max(map(text_width, rows)) <= width
    # Narrow terminals have room for fewer columns.
    assert ("UPDATED" in rows[1], "CALLS" in rows[1]) == (width >= 80, width >= 80)
    # The number is on the line of what it counts.
    assert any("messages (2,000)" in row for row in rows)
    assert all(row.startswith("        ") for row in rows[3:])


def test_reasons_are_below_the_row_and_unchanged_sessions_are_left_out() -> None:
    table = ImportTable(None, dry=False)
    assert lines(table, talk(), "unchanged") == []
    rows = lines(table, talk(), "continued", reason="you changed it")
    assert rows[-2].startswith("skipped   a1b2c3d4")
    assert rows[-1] == "          left alone, because you changed it"
    assert lines(table, talk(), "in trash")[-1] == "          it is in the trash"
    assert lines(table, talk(), "in use")[-1] == "          it is open in another aloop"
    [row] = lines(table, talk(kind="branch"), "updated", added=4, calls=2)
    assert row == "updated   a1b2c3d4  2026-01-22        +4     +2  (branch) Tidy up"


def test_record_has_the_reason_and_what_is_lost() -> None:
    outcome = Outcome("continued", "a1b2c3d4-5e6f", reason="you changed it")
    record = json.loads(json_line(import_record(talk(), outcome, dry=True)))
    assert (record["action"], record["dry_run"]) == ("continued", True)
    assert record["reason"] == "left alone, because you changed it"
    assert record["lost"] == dict(LOSSES)
    assert (record["messages"], record["tool_calls"], record["results"]) == (2, 1, 0)
