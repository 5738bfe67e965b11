"""Merge random pairs of branches of a session, and count what went wrong.

    python -m tests.figures.merges [PAIRS]

Two thirds of the pairs are sessions with tool calls, edits, removed and interrupted turns; one third are files
that were written by hand. Prints a table; both faults must be 0.
"""

from __future__ import annotations

import random
import sys
from collections import Counter

from aloop.memory.merging.merge import CannotMerge, merge_sessions
from tests.memory.examples import NOWHERE
from tests.memory.merging.branches import faults, handwritten_branches, random_branches


def merge_pairs(pairs: int, seed: int = 0) -> Counter[str]:
    """Count the pairs by outcome, and the faults."""
    counts: Counter[str] = Counter()
    for number in range(pairs):
        rng = random.Random(seed * 1_000_003 + number)
        branches = handwritten_branches(rng) if number % 3 == 2 else random_branches(rng)
        try:
            merged = merge_sessions(branches.base, branches.ours, branches.theirs, NOWHERE)
        except CannotMerge as error:
            counts[f"not merged: {error}"] += 1
            continue
        counts["with conflicts" if merged.conflicts else "clean"] += 1
        for fault in faults(branches, merged):
            counts[fault.partition(":")[0]] += 1
    return counts


def main() -> None:
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    counts = merge_pairs(pairs)
    print(f"| {pairs:,} pairs of branches | Count |\n|---|---|")
    for outcome in sorted({"clean", "with conflicts", "lost", "not a valid transcript", *counts}):
        print(f"| {outcome} | {counts[outcome]:,} |")


if __name__ == "__main__":
    main()
