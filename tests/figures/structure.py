"""Measure the source tree and print the figures as Markdown.

    python -m tests.figures.structure

Counts files, lines, modules per folder, import cycles, prose findings and tests, and traces how many files of the
product five user actions enter.
"""

from __future__ import annotations

import asyncio
import re
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.figures.traces import TARGETS, trace_actions
from tests.test_architecture import MAX_LINES, MAX_MODULES, import_graph

ROOT = Path(__file__).parents[2]
PRODUCT = ("aloop", "commands", "repl")


def line_counts(*roots: str) -> dict[str, int]:
    """Return the lines of each Python file below ``roots``."""
    return {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for root in roots
        for path in sorted((ROOT / root).rglob("*.py"))
    }


def modules_per_folder() -> Counter[str]:
    """Return the number of modules in each folder, without ``__init__``."""
    return Counter(str(Path(name).parent) for name in line_counts(*PRODUCT) if not name.endswith("__init__.py"))


def import_cycles(graph: Mapping[str, set[str]]) -> Iterator[set[str]]:
    """Yield the sets of modules that import each other, directly or not."""
    reachable = {name: _reachable(name, graph) for name in graph}
    seen: set[str] = set()
    for name, others in reachable.items():
        cycle = {other for other in others if name in reachable.get(other, ())}
        if cycle and name not in seen:
            seen |= cycle
            yield cycle


def _reachable(name: str, graph: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = list(graph[name])
    while waiting:
        target = waiting.pop()
        if target not in found:
            found.add(target)
            waiting += graph.get(target, ())
    return found


def last_line(*command: str) -> str:
    """Run a Python program in the project and return the last line of its output."""
    done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip().splitlines()[-1]


def number_of_tests() -> int:
    """Return the number of tests that a plain ``pytest`` run collects."""
    found = re.match(r"(\d+)", last_line("-m", "pytest", "--collect-only", "-q", "-n", "0"))
    return int(found[1]) if found else 0


def main() -> None:
    print("| Files | Number | Lines | Median | Largest |\n|---|---|---|---|---|")
    for title, roots in (*((root, (root,)) for root in PRODUCT), ("product", PRODUCT), ("tests", ("tests",))):
        lines = line_counts(*roots)
        largest = max(lines, key=lines.__getitem__)
        median = statistics.median(lines.values())
        print(f"| {title} | {len(lines)} | {sum(lines.values()):,} | {median:g} | {largest}: {lines[largest]} |")

    print("\n| Folder | Modules |\n|---|---|")
    for folder, count in sorted(modules_per_folder().items()):
        print(f"| `{folder}/` | {count} |")

    print("\n| Action, after a warm-up | Files entered | Target | By new calls | Changes of file | Calls |")
    print("|---|---|---|---|---|---|")
    for action, trace in asyncio.run(trace_actions()).items():
        counts = (len(trace.files), TARGETS[action], len(trace.called), f"{trace.changes:,}", f"{trace.calls:,}")
        print(f"| {action} | {' | '.join(map(str, counts))} |")

    print("\n| Other | Found | Limit |\n|---|---|---|")
    print(f"| Import cycles, imports for types included | {len(list(import_cycles(import_graph())))} | 0 |")
    print(f"| Lines of the largest file | {max(line_counts(*PRODUCT).values())} | {MAX_LINES} |")
    others = [count for folder, count in modules_per_folder().items() if folder != "commands/builtin"]
    print(f"| Modules in the largest folder but commands/builtin | {max(others)} | {MAX_MODULES} |")
    print(f"| Prose | {last_line('.ci/prose.py')} | 0 |")
    print(f"| Tests | {number_of_tests()} | |")


if __name__ == "__main__":
    main()
