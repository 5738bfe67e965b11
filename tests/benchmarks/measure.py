"""Timing in pairs, so that changes of machine speed affect both measurements."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: median seconds of ours and of the floor, and their bound.

    The row is kept if the ratio is at most ``bound`` or ours takes at most ``slack`` seconds more than the floor.
    """

    name: str
    floor_name: str
    ours: float
    floor: float
    bound: float
    slack: float = 0.0

    @property
    def ratio(self) -> float:
        return self.ours / self.floor

    @property
    def kept(self) -> bool:
        return self.ratio <= self.bound or self.ours - self.floor <= self.slack


def compare(
    name: str,
    ours: Callable[[], object],
    floor_name: str,
    floor: Callable[[], object],
    *,
    bound: float,
    runs: int = 7,
    slack: float = 0.0,
    settle: Callable[[], object] = lambda: None,
) -> Row:
    """Run ours and the floor alternately, after one unmeasured run of each.

    ``settle`` waits, unmeasured, for background work of ours, so that it does not slow down the floor.
    """

    def pair() -> tuple[float, float]:
        mine = _seconds(ours)
        settle()
        return mine, _seconds(floor)

    pair()
    times = [pair() for _ in range(runs)]
    return Row(
        name,
        floor_name,
        statistics.median(mine for mine, _ in times),
        statistics.median(least for _, least in times),
        bound,
        slack,
    )


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def table(rows: list[Row]) -> str:
    """Return the rows as a Markdown table."""
    lines = [
        "| measured | compared with | ours, ms | floor, ms | ratio | at most |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        bound = f"{row.bound:g}" + (f", or {row.slack * 1000:g} ms more" if row.slack else "")
        mark = "" if row.kept else " ✗"
        lines.append(
            f"| {row.name} | {row.floor_name} | {row.ours * 1000:.2f} | {row.floor * 1000:.2f} "
            f"| {row.ratio:.2f}{mark} | {bound} |"
        )
    return "\n".join(lines)
