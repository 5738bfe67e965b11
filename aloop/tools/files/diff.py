"""Unified diffs."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from aloop.text import lines_of

_CONTEXT = 3
_MOST_WORK = 3_000_000  # steps of difflib, which take about a second
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
    old, new = lines_of(before or ""), lines_of(after)
    lines = [line for hunk in _hunks(old, new) for line in hunk]
    added = sum(line.startswith("+") for line in lines)
    removed = sum(line.startswith("-") for line in lines)
    head = f"--- {'/dev/null' if before is None else name}\n+++ {name}\n" if lines else ""
    text = "".join(line if line.endswith("\n") else f"{line}\n{_NO_LINE_END}" for line in lines)
    return Diff(head + text.removesuffix("\n"), added, removed)


def with_kept_line_ends(before: str, after: str, line_end: str) -> str:
    """Return ``after``, whose lines end with LF, with the line endings of ``before``.

    Lines that ``before`` does not have end with ``line_end``.
    """
    if "\r\n" not in before:
        return after.replace("\n", line_end)
    old, new = lines_of(before), lines_of(after)
    flat = [f"{line[:-2]}\n" if line.endswith("\r\n") else line for line in old]
    lines: list[str] = []
    for tag, a, b, c, d in _Matcher(flat, new).get_opcodes():
        lines += old[a:b] if tag == "equal" else [line.replace("\n", line_end) for line in new[c:d]]
    return "".join(lines)


class _Bounded(difflib.SequenceMatcher[str]):
    """Compares until the work is done or too much; what is left counts as different.

    The work of one comparison is known in advance: the number of pairs of equal lines, except frequent ones.
    """

    def __init__(self, old: Sequence[str], new: Sequence[str]) -> None:
        super().__init__(None, old, new)
        places: Mapping[str, Sequence[int]] = self.b2j  # type: ignore[attr-defined]  # documented, but not in the stubs
        self._work = [0, *accumulate(1 + len(places.get(line, ())) for line in old)]
        self._left = _MOST_WORK

    def find_longest_match(
        self, alo: int = 0, ahi: int | None = None, blo: int = 0, bhi: int | None = None
    ) -> difflib.Match:
        self._left -= self._work[-1 if ahi is None else ahi] - self._work[alo]
        if self._left < 0:
            return difflib.Match(alo, blo, 0)
        return super().find_longest_match(alo, ahi, blo, bhi)


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
        between = _Bounded(old[first:old_end], new[first:new_end])
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
