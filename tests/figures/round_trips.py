"""Export imported samples in each format, import that, and count differences.

``python -m tests.figures.round_trips FOLDER`` prints a table. FOLDER has one subfolder for each tool, as for
``tests.figures.imports``. Messages that exports leave out on purpose, and thinking, are not compared, and neither are
properties that a format cannot hold: IDs in ShareGPT, failures in Codex, OpenAI and ShareGPT, interruptions in OpenAI,
Anthropic's and ShareGPT, several system messages in Anthropic's. ShareGPT cannot tell a text and a call of one answer
from those of two.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aloop.export.document import render
from aloop.export.formats import TOOLS
from aloop.export.targets import to_tool
from aloop.export.transcript import transcript
from aloop.importers.run import Scan, Selection, find_files
from aloop.importers.storing.store import ImportStore
from aloop.llm.content.parts import marked_text
from aloop.llm.message_types import LLMMessage
from aloop.memory.session import Session

_DOCUMENTS = ("openai", "anthropic", "sharegpt", "json")
_WITHOUT_FAILURES = {"codex", "openai", "sharegpt"}
_WITHOUT_INTERRUPTIONS = {"openai", "anthropic", "sharegpt"}


@dataclass
class Row:
    """The counts of one format."""

    sessions: int = 0
    messages: int = 0
    calls: int = 0
    results: int = 0
    differences: int = 0


def _essence(messages: tuple[LLMMessage, ...], form: str) -> list[Any]:
    """Return what the format has to keep of each message.

    Results are in the order of their calls.
    """
    found: list[Any] = []
    if form == "anthropic":  # a request has one system prompt
        prompt = [_text_of(message) for message in messages if message.role == "system"]
        found.append("\n\n".join(prompt) if len(prompt) < len(messages) else "")
        messages = tuple(message for message in messages if message.role != "system")
    order: dict[str | None, int] = {}
    group: list[tuple[int, Any]] = []
    for message in messages:
        if message.role == "tool":
            place = order.get(message.tool_call_id, len(order))
            failed = message.is_error and form not in _WITHOUT_FAILURES
            group.append((place, ("tool", place, _text_of(message), failed)))
            continue
        found += [entry for _, entry in sorted(group, key=lambda each: each[0])]
        group = []
        order |= {call.id: len(order) + number for number, call in enumerate(message.tool_calls)}
        calls = [(call.name, json.loads(call.arguments)) for call in message.tool_calls]
        stopped = message.interrupted and form not in _WITHOUT_INTERRUPTIONS
        found.append((message.role, _text_of(message), calls, stopped))
    return found + [entry for _, entry in sorted(group, key=lambda each: each[0])]


def _text_of(message: LLMMessage) -> str:
    return marked_text(message.content, message.parts).strip()


def _difference(before: str, after: str) -> str:
    """Return the first place where two texts differ."""
    at = next((at for at, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), 0)
    return f"{before[max(0, at - 60) : at + 60]!r} != {after[max(0, at - 60) : at + 60]!r}"


def _again(session: Session, form: str, folder: Path) -> Session | None:
    """Return the session after an export and an import into ``folder``."""
    if form in TOOLS:
        exported = to_tool(session, form, Path("/work/project"))
        path, text = folder / exported.path.name, exported.text
    else:
        path, text = folder / "talk.json", render(session, form)
    path.write_text(text, "utf-8")
    found = list(_stored([path], folder / "again"))
    path.unlink()
    return found[0] if len(found) == 1 else None


def _stored(paths: list[Path], sessions_dir: Path) -> Iterator[Session]:
    """Import files and yield the sessions."""
    store = ImportStore(sessions_dir)
    for imported in Scan(Selection(branches=True)).read(paths):
        session_id = store.put(imported).session_id
        yield store.backend.read(store.backend.locate(session_id)).session


def main() -> None:
    rows = {form: Row() for form in (*TOOLS, *_DOCUMENTS)}
    for tool in sorted(Path(sys.argv[1]).iterdir()):
        with tempfile.TemporaryDirectory() as folder:
            for session in list(_stored(find_files(tool), Path(folder) / "sessions")) if tool.is_dir() else ():
                for form, row in rows.items():
                    with tempfile.TemporaryDirectory() as inner:
                        _compare(session, form, row, Path(inner))
    print("| Format | Sessions | Messages | Calls | Results | Differences |\n|---|---|---|---|---|---|")
    for form, row in rows.items():
        print(f"| {form} | {row.sessions} | {row.messages:,} | {row.calls} | {row.results} | {row.differences} |")


def _compare(session: Session, form: str, row: Row, folder: Path) -> None:
    entries = transcript(session, with_system=form in _DOCUMENTS).entries
    expected = session.messages if form == "json" else tuple(entry.message for entry in entries)
    if form in TOOLS and not expected:
        return  # not exported
    found = _again(session, form, folder)
    got = found.messages if found else ()
    if form != "json" and found:
        # Without the message about the origin.
        found = replace(found, messages=found.messages[1:])
        got = tuple(entry.message for entry in transcript(found, with_system=form in _DOCUMENTS).entries)
    before, after = _essence(expected, form), _essence(got, form)
    row.sessions += 1
    row.messages += len(expected)
    row.calls += sum(len(each.tool_calls) for each in expected)
    row.results += sum(each.role == "tool" for each in expected)
    if form == "json" and found != replace(session, path=found.path if found else session.path):
        print("json: not equal", session.title, file=sys.stderr)
        row.differences += 1
    elif before != after:
        row.differences += 1
        pairs = enumerate(zip(before, after, strict=False))
        first = next((f"{n}: {_difference(str(a), str(b))}" for n, (a, b) in pairs if a != b), "length")
        print(f"{form} {session.title!r} {len(before)} {len(after)} {first}", file=sys.stderr)


if __name__ == "__main__":
    main()
