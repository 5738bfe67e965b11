"""Unified diffs."""

from __future__ import annotations

import difflib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_CONTEXT = 3
_NO_LINE_END = "\\ No newline at end of file\n"
_Code = tuple[str, int, int, int, int]


@dataclass(frozen=True, slots=True)
class Diff:
    """A unified diff, empty if nothing changes, with its line counts."""

    text: str
    added: int
    removed: int


def make_diff(before: str | None, after: str, name: str) -> Diff:
    """Return the diff from ``before`` (None for a new file) to ``after``."""
    # Split at line feeds only: str.splitlines would also split at a form feed or U+2028.
    old, new = list(io.StringIO(before or "")), list(io.StringIO(after))
    lines = [line for hunk in _hunks(old, new) for line in hunk]
    added = sum(line.startswith("+") for line in lines)
    removed = sum(line.startswith("-") for line in lines)
    head = f"--- {'/dev/null' if before is None else name}\n+++ {name}\n" if lines else ""
    text = "".join(line if line.endswith("\n") else f"{line}\n{_NO_LINE_END}" for line in lines)
    return Diff(head + text.removesuffix("\n"), added, removed)


class _Matcher(difflib.SequenceMatcher[str]):
    """Compares only the part between the first and the last change.

    This makes small changes to long files fast.
    """

    def __init__(self, old: Sequence[str], new: Sequence[str]) -> None:
        super().__init__()
        self._old, self._new = old, new

    def get_opcodes(self) -> list[_Code]:  # type: ignore[override]  # the same tuples, without their literals
        old, new = self._old, self._new
        first = _count_equal(old, new)
        last = _count_equal(old[first:][::-1], new[first:][::-1])
        old_end, new_end = len(old) - last, len(new) - last
        between = difflib.SequenceMatcher(None, old[first:old_end], new[first:new_end])
        codes: list[_Code] = [
            (tag, a + first, b + first, c + first, d + first) for tag, a, b, c, d in between.get_opcodes()
        ]
        return [("equal", 0, first, 0, first), *codes, ("equal", old_end, len(old), new_end, len(new))]


def _hunks(old: Sequence[str], new: Sequence[str]) -> Iterator[Iterator[str]]:
    if old == new:
        return
    for group in _Matcher(old, new).get_grouped_opcodes(_CONTEXT):
        (_, a, _, c, _), (_, _, b, _, d) = group[0], group[-1]
        yield _hunk(old, new, group, f"@@ -{_range(a, b)} +{_range(c, d)} @@\n")


def _hunk(old: Sequence[str], new: Sequence[str], group: Sequence[_Code], head: str) -> Iterator[str]:
    yield head
    for tag, a, b, c, d in group:
        if tag == "equal":
            yield from (f" {line}" for line in old[a:b])
        else:
            yield from (f"-{line}" for line in old[a:b])
            yield from (f"+{line}" for line in new[c:d])


def _count_equal(old: Sequence[str], new: Sequence[str]) -> int:
    """Return the number of equal lines at the start."""
    return next((n for n, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))


def _range(start: int, end: int) -> str:
    """Return a line range in diff notation.

    Lines count from 1; an empty range names the line before it.
    """
    if end - start == 1:
        return str(start + 1)
    return f"{start + 1 if end > start else start},{end - start}"
