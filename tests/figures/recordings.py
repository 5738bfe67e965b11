"""Replay recorded responses of the Messages API and compare what is sent back.

    python -m tests.figures.recordings FOLDER

Each file in FOLDER is a JSON object with ``status``, the raw ``body`` (server-sent events), the ``content`` blocks of
the answer, ``stop_reason`` and ``model``. A recording is exact if the blocks that aloop would send back equal
``content``, apart from what the API itself does not take back: blank text and thinking at the end.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aloop.errors import AloopError
from aloop.llm.anthropic.accumulator import Accumulator
from aloop.llm.anthropic.wire import assistant_blocks
from aloop.llm.layout import THINKING_TYPES, Block


def replay(recording: Mapping[str, Any]) -> str:
    """Return an empty text for an exact replay, or what differs."""
    answer = Accumulator()
    for line in recording["body"].split("\n"):
        if line.startswith("data:"):
            answer.feed(json.loads(line.removeprefix("data:")))
    try:
        reply = answer.reply("requested-model")
    except AloopError as error:
        return str(error)
    got, expected = assistant_blocks(reply.message), _expected(recording["content"])
    if got != expected:
        return f"sent back {json.dumps(got)[:300]}, expected {json.dumps(expected)[:300]}"
    if reply.stop_reason != recording["stop_reason"]:
        return f"stop reason {reply.stop_reason}, expected {recording['stop_reason']}"
    return "" if reply.message.model == recording["model"] else f"model {reply.message.model}"


def _expected(content: list[Block]) -> list[Block]:
    blocks = []
    for block in content:
        kept = {key: value for key, value in block.items() if not _is_default(block["type"], key, value)}
        if kept["type"] != "text" or kept["text"].strip():
            # A call that was cut off is recorded with its unfinished JSON, which is kept in the session only.
            blocks.append(kept | ({"input": {}} if "__raw__" in (kept.get("input") or {}) else {}))
    while blocks and blocks[-1]["type"] in THINKING_TYPES:
        blocks.pop()
    return blocks


def _is_default(kind: str, key: str, value: object) -> bool:
    is_direct = (kind, key) == ("tool_use", "caller") and value == {"type": "direct"}
    return is_direct or ((kind, key) == ("text", "citations") and not value)


def main(folder: Path) -> int:
    """Print one line per recording and the total; return 1 if any is not exact."""
    failed = total = 0
    for path in sorted(folder.glob("*.json")):
        recording = json.loads(path.read_text(encoding="utf-8"))
        if recording.get("status") != 200:
            continue
        total += 1
        difference = replay(recording)
        failed += bool(difference)
        print(f"{'exact' if not difference else 'DIFFERS'}  {path.name}  {difference}".rstrip())
    print(f"{total - failed} of {total} recordings come back exactly")
    return 1 if failed or not total else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tests.figures.recordings FOLDER")
    sys.exit(main(Path(sys.argv[1])))
