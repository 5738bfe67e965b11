"""Measure the time and the peak memory of imports of large folders and files.

    python -m tests.figures.import_speed [--claude-code 1000] [--chatgpt 200] [--write]

It makes a folder of Claude Code and an export of ChatGPT with that many megabytes, whose lines have the shape and the
proportions of real ones: half of the bytes of Claude Code repeat a result for its screen, a third of its lines report
progress. A dry run reads everything and writes nothing; with ``--write`` the sessions are written too. Seconds are of
the processor. The floor is ``json.loads`` of the same bytes in the same run, without looking at the values. If orjson
is installed, each import is measured with it and without.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from tests.figures.memory import MEGABYTE, run_measured
from tests.saved_sessions import ROOT

_FOLDER = "-home-user-shop"
_CWD = "/home/user/shop"
_START = datetime(2026, 1, 22, 17, 51, tzinfo=UTC)
_WORDS = """
def return import self value index total order price customer cart list of the and a to in is with for each raise
assert None True False "quoted" \\n {key: value} [0] (x, y) -> str: # comment café naïve — ok
"""


class _Text:
    """Cuts texts out of one long one, so that making a gigabyte takes seconds."""

    def __init__(self, chance: random.Random) -> None:
        words = _WORDS.split()
        lines = (" ".join(chance.choices(words, k=chance.randint(1, 16))) for _ in range(20_000))
        self._text = "\n".join(lines)
        self._end = len(self._text)
        self._text *= 2
        self._chance = chance

    def piece(self, median: int, limit: int) -> str:
        """Return a text; half of them are shorter than ``median``, few are much longer."""
        size = min(limit, int(median * self._chance.lognormvariate(0, 1.1)) + 1)
        start = self._chance.randrange(self._end)
        return self._text[start : start + size]


def claude_code_lines(size: int, session: str, chance: random.Random, texts: _Text) -> Iterator[bytes]:
    """Yield the lines of one session."""
    parent: str | None = None
    written = number = 0

    def line(kind: str, **more: Any) -> bytes:
        nonlocal parent, written, number
        number += 1
        own = str(uuid.UUID(int=chance.getrandbits(128)))
        at = (_START + timedelta(seconds=number)).isoformat(timespec="milliseconds")
        head = {"parentUuid": parent, "isSidechain": False, "userType": "external", "cwd": _CWD, "sessionId": session}
        value = {**head, "version": "2.1.7", "gitBranch": "main", "type": kind}
        screen = more.pop("toolUseResult", None)
        value |= {**more, "uuid": own, "timestamp": at}
        if screen is not None:
            value |= {"toolUseResult": screen, "sourceToolAssistantUUID": parent}
        parent = own
        raw = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        written += len(raw)
        return raw

    def answer(key: str, block: dict[str, Any]) -> bytes:
        usage = {
            "input_tokens": 10,
            "cache_read_input_tokens": 42_000,
            "output_tokens": 300,
            "service_tier": "standard",
        }
        facts = {"model": "claude-opus-4-5-20251101", "id": key, "type": "message", "role": "assistant"}
        message = {**facts, "content": [block], "stop_reason": None, "stop_sequence": None, "usage": usage}
        return line("assistant", message=message, requestId="req_011CX")

    while written < size:
        prompt = {"role": "user", "content": texts.piece(200, 20_000)}
        yield line("user", message=prompt, thinkingMetadata={"level": "high"}, todos=[])
        for step in range(chance.randint(1, 30)):
            key, call = f"msg_{number:08}", f"toolu_{number:08}"
            if step % 3 == 0:
                signature = texts.piece(600, 4_000)
                yield answer(key, {"type": "thinking", "thinking": texts.piece(400, 8_000), "signature": signature})
                yield answer(key, {"type": "text", "text": texts.piece(150, 4_000)})
            inputs = {"file_path": f"{_CWD}/src/orders.py", "old_string": texts.piece(300, 20_000)}
            yield answer(key, {"type": "tool_use", "id": call, "name": "Edit", "input": inputs})
            for _ in range(chance.randint(0, 4)):
                yield line("progress", data={"type": "hook_progress", "hookName": "PreToolUse"}, toolUseID=call)
            output = texts.piece(5_000, 400_000)
            result = {"tool_use_id": call, "type": "tool_result", "content": output, "is_error": False}
            screen = {"stdout": output, "stderr": "", "originalFile": texts.piece(1_500, 100_000)}
            yield line("user", message={"role": "user", "content": [result]}, toolUseResult=screen)
        yield answer(f"msg_{number:08}", {"type": "text", "text": texts.piece(800, 20_000)})
        snapshot: dict[str, Any] = {
            "messageId": parent,
            "trackedFileBackups": {},
            "timestamp": "2026-01-22T17:51:05.248Z",
        }
        yield line("file-history-snapshot", messageId=parent, snapshot=snapshot)


def write_claude_code(root: Path, size: int) -> int:
    """Write sessions of up to 60 MB, most of which are small; return the size of all."""
    chance = random.Random(5)
    texts = _Text(chance)
    folder = root / "projects" / _FOLDER
    folder.mkdir(parents=True)
    written = 0
    while written < size:
        session = str(uuid.UUID(int=chance.getrandbits(128), version=4))
        wanted = min(60 * MEGABYTE, int(MEGABYTE * chance.lognormvariate(0, 1.6)), size - written)
        with (folder / f"{session}.jsonl").open("wb") as file:
            file.writelines(claude_code_lines(wanted, session, chance, texts))
            written += file.tell()
    return written


def write_chatgpt(path: Path, size: int) -> int:
    """Write an export with conversations of 10 KB to some megabytes; return its size."""
    chance = random.Random(6)
    texts = _Text(chance)
    with path.open("w", encoding="utf-8") as file:
        file.write("[")
        number = 0
        while file.tell() < size:
            file.write((", " if number else "") + json.dumps(_chat(number, chance, texts)))
            number += 1
        file.write("]")
    return path.stat().st_size


def _chat(number: int, chance: random.Random, texts: _Text) -> dict[str, Any]:
    key = str(uuid.UUID(int=chance.getrandbits(128), version=4))
    started = 1_700_000_000 + number * 900
    nodes: dict[str, dict[str, Any]] = {"root": {"id": "root", "message": None, "parent": None, "children": []}}
    last = "root"
    for turn in range(2 * max(1, int(chance.lognormvariate(2, 1)))):
        role = "assistant" if turn % 2 else "user"
        own = str(uuid.UUID(int=chance.getrandbits(128), version=4))
        message = {
            "id": own,
            "author": {"role": role, "name": None, "metadata": {}},
            "create_time": started + turn * 20.5,
            "update_time": None,
            "content": {"content_type": "text", "parts": [texts.piece(1_800 if turn % 2 else 400, 100_000)]},
            "status": "finished_successfully",
            "end_turn": True,
            "weight": 1.0,
            "metadata": {"model_slug": "gpt-5", "request_id": own, "timestamp_": "absolute"} if turn % 2 else {},
            "recipient": "all",
        }
        nodes[last]["children"].append(own)
        nodes[own] = {"id": own, "message": message, "parent": last, "children": []}
        last = own
    facts = {"title": texts.piece(20, 60), "create_time": started, "update_time": started + 600, "mapping": nodes}
    return facts | {"moderation_results": [], "current_node": last, "conversation_id": key, "id": key}


def floor(what: Path) -> float:
    """Return the seconds that ``json.loads`` takes for a file, or a folder's lines."""
    start = time.process_time()
    if what.is_file():
        json.loads(what.read_bytes())
        return time.process_time() - start
    for path in what.rglob("*.jsonl"):
        with path.open("rb") as file:
            for line in file:
                json.loads(line)
    return time.process_time() - start


def _row(name: str, size: int, project: Path, modules: Path, arguments: list[str]) -> None:
    result = run_measured(["import", *arguments], project, None, (modules, ROOT))
    _print_row(name, size, result.seconds, f"{result.peak / MEGABYTE:,.0f}", f"{result.code} {result.last_line[:70]}")


def _print_row(name: str, size: int, seconds: float, peak: str, outcome: str) -> None:
    megabytes = size / MEGABYTE
    print(
        f"| {name} | {megabytes:,.0f} | {seconds:.1f} | {megabytes / seconds:,.0f} | {peak} | {outcome} |", flush=True
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.figures.import_speed", description=__doc__)
    parser.add_argument("--claude-code", type=int, default=1_000, metavar="MB")
    parser.add_argument("--chatgpt", type=int, default=200, metavar="MB")
    parser.add_argument("--write", action="store_true", help="also write the sessions")
    options = parser.parse_args()
    print("| Import | MB | Seconds | MB/s | Peak, MB | Exit code, last line |")
    print("|---|---:|---:|---:|---:|---|")
    for name, size in (("claude-code", options.claude_code), ("chatgpt", options.chatgpt)):
        if not size:
            continue
        with tempfile.TemporaryDirectory() as scratch:
            project = Path(scratch)
            what = project / ("claude" if name == "claude-code" else "conversations.json")
            make = write_claude_code if name == "claude-code" else write_chatgpt
            actual = make(what, size * MEGABYTE)
            # In a separate process, because the peak of processes started later would include its memory.
            with ProcessPoolExecutor(1, get_context("spawn")) as pool:
                _print_row(f"{name}, floor", actual, pool.submit(floor, what).result(), "", "")
            for decoder in ("orjson", "json") if find_spec("orjson") else ("json",):
                modules = project / f"modules-{decoder}"
                modules.mkdir()
                if decoder == "json":
                    (modules / "orjson.py").write_text("raise ImportError\n", "utf-8")
                _row(f"{name}, dry run, {decoder}", actual, project, modules, [str(what), "--dry-run"])
                if options.write:
                    _row(f"{name}, written, {decoder}", actual, project, modules, [str(what)])
                    _row(f"{name}, again, {decoder}", actual, project, modules, [str(what)])
                    shutil.rmtree(project / ".aloop")


if __name__ == "__main__":
    main()
