"""How many rows text takes once a terminal was made narrower and has broken its rows anew."""

from __future__ import annotations

from collections.abc import Iterable

from repl.cells import cells


def rows_when_narrower(above: Iterable[str], x: int, columns: int) -> int:
    """Return how many rows stand above the cursor: ``above``, and the parts of its own row before column ``x``."""
    return sum(max(1, -(-cells(row) // columns)) for row in above) + x // columns
