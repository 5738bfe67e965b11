"""Import a folder of samples, one subfolder for each tool, and count what is lost.

``python -m tests.figures.imports FOLDER`` prints a table. The calls, results and texts in the files are found by a
separate search for the shapes in which tools store them, so that a reader cannot vouch for itself.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aloop.importers.imported import Imported
from aloop.importers.run import Scan, Selection, find_files

_NOT_SENT = {"toolUseResult", "replacement_history", "tools", "data", "event_msg", "snapshot", "rejected_messages"}
_CALL_KEYS = ("call_id", "callID", "toolCallId", "id")
_AS_FIELDS = ("[Request interrupted by user",)  # kept as ``interrupted``
_CUT = "[trimmed"  # in place of the IDs and texts of samples that were shortened
_CALLS = {"tool_use", "toolCall", "function_call", "custom_tool_call", "local_shell_call", "tool.call", "tool"}
_RESULTS = {"tool_result", "function_call_output", "custom_tool_call_output", "tool.result"}


@dataclass
class Row:
    """The counts for one tool."""

    name: str
    samples: int = 0
    sessions: int = 0
    messages: int = 0
    calls: int = 0
    results: int = 0
    lost_calls: set[str] = field(default_factory=set)
    lost_results: set[str] = field(default_factory=set)
    lost_texts: list[str] = field(default_factory=list)
    listed: dict[str, int] = field(default_factory=dict)


@dataclass
class Found:
    """The calls, results and texts in the files of a tool."""

    calls: set[str] = field(default_factory=set)
    results: set[str] = field(default_factory=set)
    texts: set[str] = field(default_factory=set)

    def search(self, value: Any) -> None:
        """Add what is in a JSON value."""
        if isinstance(value, list):
            for each in value:
                self.search(each)
        if not isinstance(value, dict) or value.get("type") in ("event_msg", "progress", "compacted"):
            return
        kind, role = value.get("type"), value.get("role")
        is_call = kind in _CALLS and (kind != "tool" or "callID" in value)
        if is_call or (isinstance(value.get("function"), dict) and "id" in value and "arguments" in value["function"]):
            self.calls |= _ids(value, _CALL_KEYS)
        if "functionResponse" in value:
            self.results |= _ids(value["functionResponse"], ("id",))
        if kind in _RESULTS or role in ("tool", "toolResult"):
            self.results |= _ids(value, ("tool_use_id", "call_id", "toolCallId", "tool_call_id"))
        if isinstance(value.get("text"), str) and kind in ("text", "input_text", "output_text", "thinking"):
            self.texts.add(value["text"])
        for key, each in value.items():
            if key not in _NOT_SENT:
                self.search(each)


def _ids(value: dict[str, Any], keys: tuple[str, ...]) -> set[str]:
    return {next((str(value[key]) for key in keys if value.get(key)), "")} - {""}


def values_in(path: Path) -> Iterator[Any]:
    """Yield the JSON values of a file."""
    text = path.read_text("utf-8", "replace")
    try:
        yield json.loads(text)
    except ValueError:
        for line in text.splitlines():
            try:
                yield json.loads(line)
            except ValueError:
                continue


def measure(folder: Path) -> Row:
    """Return the row of one tool."""
    row, found = Row(folder.name), Found()
    imported: list[Imported] = []
    with tempfile.TemporaryDirectory() as scratch:
        paths = find_files(folder)
        for dump in sorted(folder.rglob("*.sql")):
            database = Path(scratch) / f"{dump.stem}.db"
            with sqlite3.connect(database) as connection:
                connection.executescript(dump.read_text("utf-8"))
            paths.append(database)
        for path in paths:
            scan = Scan(Selection(branches=True))
            some = list(scan.read([path]))
            row.samples += bool(some)
            imported += some
            if path.suffix in (".json", ".jsonl") and scan.files.keys() - {"companion"}:
                for value in values_in(path):
                    found.search(value)
    row.sessions = len(imported)
    calls, results, texts = set[str](), set[str](), list[str]()
    for each in imported:
        row.messages += len(each.messages)
        row.calls += each.call_count
        row.results += each.result_count
        for what, count in each.losses.items():
            row.listed[what] = row.listed.get(what, 0) + count
        for message in each.messages:
            calls |= {call.id for call in message.tool_calls}
            results |= {message.tool_call_id} if message.tool_call_id else set()
            texts.append(message.content or "")
            texts += [block.thinking for block in message.thinking]
    whole = "\n".join(texts)
    row.lost_calls = {each for each in found.calls - calls if not each.startswith(_CUT)}
    row.lost_results = {each for each in found.results - results if not each.startswith(_CUT)}
    row.lost_texts = sorted(
        text for text in found.texts if text.strip() not in whole and not text.startswith((_CUT, *_AS_FIELDS))
    )
    return row


def main(folder: Path) -> None:
    """Print the table."""
    print(f"{'format':<20}{'samples':>8}{'sessions':>9}{'messages':>9}{'calls':>7}{'results':>8}{'lost':>6}")
    for each in sorted(path for path in folder.iterdir() if path.is_dir()):
        row = measure(each)
        lost = len(row.lost_calls) + len(row.lost_results) + len(row.lost_texts)
        print(
            f"{row.name:<20}{row.samples:>8}{row.sessions:>9}{row.messages:>9}{row.calls:>7}{row.results:>8}{lost:>6}"
        )
        for what, some in (("call", row.lost_calls), ("result", row.lost_results), ("text", row.lost_texts)):
            for item in sorted(some):
                print(f"    lost {what}: {item[:100]!r}")
        for what, count in sorted(row.listed.items()):
            print(f"    has no place: {what} ({count:,})")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
