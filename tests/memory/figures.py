"""The promises of the session format, each put to the proof and printed as a row of a table.

``python -m tests.memory.figures`` takes the quick forms of the tests behind them, ``--full`` the full ones, which take
some minutes.
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
    """A row: what is tried, how often in each form, what must come out, and the tests that do it.

    A name in ``tests`` stands for all tests that begin with it; ``quick`` and ``full`` are their parameters.
    """

    what: str
    must: str
    tests: tuple[str, ...]
    quick: str
    full: str


PROMISES = (
    Promise(
        "texts through the emitter and four readers",
        "0 mismatches",
        ("test_scalars.py::test_any_text_comes_back", "test_scalars.py::test_a_hundred_thousand_texts"),
        "2,000",
        "100,000",
    ),
    Promise(
        "multi-line texts of the standard library as literal blocks",
        "at least 99.5 %",
        ("test_scalars.py::test_real_texts_stay_literal_blocks",),
        "pieces of 150 files",
        "pieces of all files",
    ),
    Promise(
        "random byte mutations of valid sessions",
        "loads, or an error with a place; no hang, no changed file",
        ("test_mutations.py",),
        "500",
        "20,000",
    ),
    Promise(
        "damaged files, the fast reader against YAML",
        "0 disagreements",
        ("test_canonical.py::test_mutated_files_mean_the_same",),
        "1,500",
        "100,000",
    ),
    Promise(
        "a session cut at every byte",
        "0 silent acceptances, but for the final line end",
        ("test_serialization.py::test_a_file_cut_at_any_byte",),
        "every byte",
        "every byte",
    ),
    Promise(
        "splices on hand-written files",
        "every untouched byte kept, loads to what was meant",
        ("test_anchors.py::test_a_save_leaves_every_byte", "test_stored.py::test_hand_written_files_grow"),
        "800",
        "20,000",
    ),
    Promise(
        "index, prefixes and links that lie",
        "the folders' own listing; 0 bytes read or changed outside",
        ("test_index.py", "test_catalog.py", "test_yaml_backend_bounds.py"),
        "all cases",
        "all cases",
    ),
    Promise("umask 000", "files 0600, folders 0700", ("-k umask",), "all cases", "all cases"),
)


def prove(promise: Promise, *, full: bool) -> str:
    """Run the tests of one row; return what their last line says."""
    wanted: list[str] = []
    for name in promise.tests:
        file, _, test = name.partition("::")
        if name.startswith("-k "):
            wanted += [HERE, "-k", name.removeprefix("-k ")]
        else:
            wanted += [f"{HERE}/{file}", *(["-k", test] if test and len(promise.tests) == 1 else [])]
    if len(promise.tests) > 1 and all("::" in name for name in promise.tests):
        wanted += ["-k", " or ".join(name.partition("::")[2] for name in promise.tests)]
    marks = ["-m", "stress or not stress"] if full else []
    command = [sys.executable, "-m", "pytest", "-q", *wanted, *marks]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip().splitlines()[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="the full forms")
    full = parser.parse_args().full
    print("| what | cases | must be | tests |\n|---|---|---|---|")
    for promise in PROMISES:
        cases = promise.full if full else promise.quick
        print(f"| {promise.what} | {cases} | {promise.must} | {prove(promise, full=full)} |", flush=True)


if __name__ == "__main__":
    main()
