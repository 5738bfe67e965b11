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
    """A row of the table.

    ``files`` are below HERE, ``names`` a ``-k`` expression; ``quick`` and ``full`` are the numbers of cases.
    """

    promise: str
    expected: str
    files: tuple[str, ...]
    quick: str
    full: str
    names: str = ""


PROMISES = (
    Promise(
        "texts through the emitter and four parsers",
        "0 mismatches",
        ("codec/test_emitter.py",),
        "2,000",
        "100,000",
        "any_text_round_trips or hundred_thousand_texts",
    ),
    Promise(
        "multi-line texts of the standard library as literal blocks",
        "at least 99.5 %",
        ("codec/test_emitter.py",),
        "excerpts of 150 files",
        "excerpts of all files",
        "literal_blocks",
    ),
    Promise(
        "random byte mutations of valid sessions",
        "loads, or an error with line and column; no hang, no changed file",
        ("codec/test_mutations.py",),
        "500",
        "20,000",
    ),
    Promise(
        "damaged files, the fast parser against YAML",
        "0 disagreements",
        ("codec/test_fast_parser.py",),
        "1,500",
        "100,000",
        "mutated_files",
    ),
    Promise(
        "a session cut at every byte",
        "always detected, except for the final line end",
        ("test_serialization.py",),
        "every byte",
        "every byte",
        "cut_at_any_byte",
    ),
    Promise(
        "splices on handwritten files",
        "every other byte kept, loads as intended",
        ("codec/test_text_layout.py", "session_folder/test_session_file.py"),
        "800",
        "20,000",
        "handwritten or hand_written",
    ),
    Promise(
        "wrong indexes, prefixes and links",
        "the same result as a listing of the folders; 0 bytes read or changed outside",
        ("sessions_dir/test_index.py", "sessions_dir/test_catalog.py", "test_yaml_backend_bounds.py"),
        "all cases",
        "all cases",
    ),
    Promise("umask 000", "files 0600, folders 0700", ("",), "all cases", "all cases", "umask"),
)


def run_tests(promise: Promise, *, full: bool) -> str:
    """Run the tests of one row; return the last line of the output."""
    names = ["-k", promise.names] if promise.names else []
    marks = ["-m", "stress or not stress" if full else "not stress"]
    files = [f"{HERE}/{file}" for file in promise.files]
    command = [sys.executable, "-m", "pytest", "-q", *files, *names, *marks]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip().splitlines()[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="run the full forms")
    full = parser.parse_args().full
    print("| Promise | Cases | Expected | Tests |\n|---|---|---|---|")
    for promise in PROMISES:
        cases = promise.full if full else promise.quick
        print(f"| {promise.promise} | {cases} | {promise.expected} | {run_tests(promise, full=full)} |", flush=True)


if __name__ == "__main__":
    main()
