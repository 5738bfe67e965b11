"""Round trips of tool arguments through their YAML form, and their readability.

    python -m tests.figures.tool_arguments [--cases N] [FOLDER ...]

Generates objects, collects more from the JSON files in the given folders, and compares what aloop and other YAML
readers read with the JSON. ``ruamel.yaml`` and ``py-yaml12``, a reader of YAML 1.2, are used if they are installed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

from aloop.llm.json_values import normal_json
from aloop.llm.message_types import LLMMessage, ToolCall
from aloop.memory.codec.serialization import dump_session, interpret, load_session, parse
from tests.memory.examples import NOWHERE, answer, session

BATCH = 100
Reader = Callable[[bytes], Any]
_TEXTS = (
    *(
        "",
        "yes",
        "no",
        "null",
        "~",
        "012",
        "1:30",
        "1e5",
        "0x1f",
        "2025-01-31",
        "=",
        "<<",
        "- a",
        "a: b",
        "# x",
        "'",
        '"',
    ),
    *("a\nb", "a\n", "\na", "  a\n b\n", "a\n\n\n", "\tx\ny", "a \n b", "def f():\n\treturn 'x'\n", "a\r\nb\r\n"),
    *(
        "é",
        "😀\n字",
        "\x00",
        "\x1b[0m\n",
        "\x85",
        "\u2028\n",
        "\ufeff",
        "\\n",
        "C:\\x\ny",
        "...\n---\n",
        "{",
        "[1]",
        "%",
        "x" * 150,
    ),
)
_NUMBERS = (0, -1, 7, 10**30, 1.5, -0.25, 1e-7, 1e22, 1.5e300, 12345.678)


def generate(rng: random.Random) -> dict[str, Any]:
    """Return a random object as tools take it."""

    def text() -> str:
        return "".join(rng.choices(_TEXTS, k=rng.choice((1, 1, 2, 4))))

    def value(depth: int) -> Any:
        kind = rng.random()
        if kind < 0.5:
            return text()
        if kind < 0.7:
            return rng.choice(_NUMBERS)
        if kind < 0.8:
            return rng.choice((True, False, None))
        if depth == 0:
            return rng.choice(([], {}))
        if kind < 0.9:
            return [value(depth - 1) for _ in range(rng.randint(0, 3))]
        return {key(): value(depth - 1) for _ in range(rng.randint(0, 3))}

    def key() -> str:
        return rng.choice(("path", "content", "old_text", "limit", "y", "a b", "is-it", text()))

    return {key(): value(3) for _ in range(rng.randint(0, 5))}


def collect(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the name and the arguments of each tool call in JSON files."""
    for path in sorted(folder.rglob("*.json*")):
        for line in (path.read_text(), *path.read_text().splitlines()):
            try:
                yield from _calls(json.loads(line))
            except ValueError:
                continue


def _calls(value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(value, str) and value.lstrip().startswith(("{", "[")):
        try:
            value = json.loads(value)
        except ValueError:
            return
    if isinstance(value, dict):
        given = value.get("input", value.get("arguments"))
        if isinstance(given, str):
            try:
                given = json.loads(given)
            except ValueError:
                given = None
        if isinstance(value.get("name"), str) and isinstance(given, dict):
            yield value["name"], given
        for each in value.values():
            yield from _calls(each)
    elif isinstance(value, list):
        for each in value:
            yield from _calls(each)


def readers() -> dict[str, Reader]:
    """Return the generic YAML readers that are installed."""
    found: dict[str, Reader] = {"PyYAML": lambda data: yaml.load(data, yaml.CSafeLoader)}
    with contextlib.suppress(ImportError):
        found["ruamel.yaml"] = import_module("ruamel.yaml").YAML(typ="safe", pure=True).load
    with contextlib.suppress(ImportError):
        yaml12 = import_module("yaml12")
        found["py-yaml12 (YAML 1.2)"] = lambda data: yaml12.parse_yaml(data.decode())
    return found


def count_differences(batch: list[dict[str, Any]], others: dict[str, Reader], wrong: dict[str, int]) -> int:
    """Add the numbers of objects read differently, and return how many are mappings."""
    texts = [json.dumps(value, ensure_ascii=False) for value in batch]
    meant = session(answer(None, *(ToolCall(f"c{number}", "tool", text) for number, text in enumerate(texts))))
    data = dump_session(meant)
    slow = interpret(parse(data, NOWHERE), NOWHERE)
    for name, read in (("aloop", load_session(data, NOWHERE)), ("aloop, strict", slow)):
        wrong[name] += sum(
            call.arguments != text for call, text in zip(read.messages[0].tool_calls, texts, strict=True)
        )
    mappings = 0
    for name, load in others.items():
        mappings = 0
        for call, value in zip(load(data)["messages"][0]["tool_calls"], batch, strict=True):
            read_value = call["function"]["arguments"]
            mappings += not isinstance(read_value, str)
            wrong[name] += _typed(json.loads(read_value) if isinstance(read_value, str) else read_value) != _typed(
                value
            )
    return mappings


def _typed(value: Any) -> str:
    """Return a text that differs for 1, 1.0, true and "1"."""
    return json.dumps(value, ensure_ascii=False, default=str)


def is_block(value: dict[str, Any]) -> bool:
    """Return True if each text of several lines is a literal block."""
    text = normal_json(json.dumps(value))
    data = dump_session(session(LLMMessage("assistant", None, (ToolCall("c", "tool", text),)))).decode()
    lines = sum("\n" in each for each in value.values() if isinstance(each, str))
    return sum(": |" in line for line in data.splitlines()) >= lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=2_000)
    parser.add_argument("folders", nargs="*", type=Path)
    options = parser.parse_args()
    rng, others = random.Random(1), readers()
    generated = [generate(rng) for _ in range(options.cases)]
    real = [call for folder in options.folders for call in collect(folder)]
    for name, values in (("generated", generated), ("real", [value for _, value in real])):
        wrong, mappings = dict.fromkeys(("aloop", "aloop, strict", *others), 0), 0
        for start in range(0, len(values), BATCH):
            mappings += count_differences(values[start : start + BATCH], others, wrong)
        print(f"{len(values):,} {name} objects, {mappings:,} as mappings; differences: {wrong}", flush=True)
    files = [
        value for _, value in real if any(isinstance(each, str) and each.count("\n") > 1 for each in value.values())
    ]
    if files:
        share = sum(map(is_block, files)) / len(files)
        print(f"{len(files):,} real calls with texts of several lines: {share:.1%} readable as blocks")


if __name__ == "__main__":
    main()
