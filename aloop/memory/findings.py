"""What a check found, in records."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from aloop.memory.splice import Edit


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is odd; ``line`` and ``column`` count from 1, 0 where a whole file or folder is meant.

    ``fixable`` says that a repair is known that loses nothing, ``fixed`` that it was made.
    """

    path: Path
    line: int
    column: int
    message: str
    fixable: bool = False
    fixed: bool = False

    def __str__(self) -> str:
        place = f":{self.line}:{self.column}" if self.line else ""
        return f"{self.path}{place}: {self.message}{' (fixed)' if self.fixed else ''}"

    def mended(self) -> Finding:
        return replace(self, fixed=True)


@dataclass(slots=True)
class Report:
    """Findings about one text and, for those that can be fixed, the edits that do it."""

    findings: list[Finding] = field(default_factory=list)
    edits: list[Edit] = field(default_factory=list)
