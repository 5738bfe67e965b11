"""Run the tests behind each promise of the session format, and print a table.

    python -m tests.figures.session_format [--full]

The quick form takes about a minute, the full form several.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
HERE = "tests/memory"


@dataclass(frozen=True, slots=True)
class Promise:
    """A row; ``tests`` are pytest arguments, ``quick`` and ``full`` name the cases."""

    promise: str
    expected: str
    tests: tuple[str, ...]
    quick: str
    full: str


PROMISES = (
    Promise(
        "Any text survives the emitter and three readers; real texts stay literal blocks",
        "0 mismatches, at least 99.5 % literal",
        ("codec/test_emitter.py",),
        "2,000 texts, pieces of 150 files",
        "100,000 texts, pieces of all files",
    ),
    Promise(
        "Random byte mutations of valid sessions",
        "loads, or an error with a position; no hang, no changed file",
        ("codec/test_mutations.py",),
        "500",
        "20,000",
    ),
    Promise(
        "The fast parser agrees with YAML on damaged files",
        "0 disagreements",
        ("codec/test_fast_parser.py",),
        "1,500",
        "100,000",
    ),
    Promise(
        "A session cut off at any byte",
        "never taken for complete, except for the final line end",
        ("test_serialization.py",),
        "every byte",
        "every byte",
    ),
    Promise(
        "Saves into hand-written files",
        "every untouched byte kept, loads as intended",
        ("codec/test_text_layout.py", "session_folder/test_session_file.py"),
        "800",
        "20,000",
    ),
    Promise(
        "A wrong index, odd prefixes, links to elsewhere",
        "the same list as without an index; nothing outside read or changed",
        ("sessions_dir/test_index.py", "sessions_dir/test_catalog.py", "test_yaml_backend_bounds.py"),
        "all cases",
        "all cases",
    ),
    Promise("umask 000", "files 0600, folders 0700", (".", "-k", "umask"), "all cases", "all cases"),
)


def run_tests(promise: Promise, *, full: bool) -> str:
    """Run the tests of one row and return the last line of pytest."""
    arguments = [name if name.startswith("-") or name == "umask" else f"{HERE}/{name}" for name in promise.tests]
    marks = ["-m", "stress or not stress"] if full else []
    command = [sys.executable, "-m", "pytest", "-q", *arguments, *marks]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip().splitlines()[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="run the long versions, too")
    full = parser.parse_args().full
    print("| Promise | Cases | Expected | Tests |\n|---|---|---|---|")
    for promise in PROMISES:
        cases = promise.full if full else promise.quick
        print(f"| {promise.promise} | {cases} | {promise.expected} | {run_tests(promise, full=full)} |", flush=True)


if __name__ == "__main__":
    main()
