"""Rows of the result table, and verdicts about a start."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; ``kept`` is True if the result is as required."""

    name: str
    cases: int
    result: str
    required: str
    kept: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """Counts of problems after a start; ``lost`` and ``doubled`` count messages."""

    unreadable: int = 0
    lost: int = 0
    doubled: int = 0
    misplaced: int = 0
    unsendable: int = 0
    leftovers: int = 0
    repeated_notices: int = 0

    def __add__(self, other: Verdict) -> Verdict:
        return Verdict(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))

    def __str__(self) -> str:
        # The two worst are always shown.
        shown = [
            f"{value} {field.name.replace('_', ' ')}"
            for number, (field, value) in enumerate(zip(fields(self), astuple(self), strict=True))
            if value or number < 2
        ]
        return ", ".join(shown)

    @property
    def is_clean(self) -> bool:
        return self == Verdict()


def verdict_row(name: str, verdicts: Iterable[Verdict]) -> Row:
    """Return the row of a trial that passes if every verdict is clean."""
    every = list(verdicts)
    total = sum(every, Verdict())
    return Row(name, len(every), str(total), "0 of everything", total.is_clean and bool(every))


HEAD = "| trial | cases | result | required |\n|---|---|---|---|"


def as_line(row: Row) -> str:
    """Return a row as a line of a Markdown table."""
    return f"| {row.name} | {row.cases} | {row.result}{'' if row.kept else ' ✗'} | {row.required} |"
