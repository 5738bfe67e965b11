"""Split Markdown that is still arriving into blocks that are whole.

A finished block can be rendered once and for all: nothing that comes later changes how it looks. A block ends at a
blank line, but a code fence only at its closing fence, and a list only where something that is no part of it begins.
"""

from __future__ import annotations

import re

_FENCE = re.compile(r"\s*(`{3,}|~{3,})(.*)")
_ITEM = re.compile(r"\s*(?:[-*+]|\d{1,9}[.)])(?:\s|$)")
_HEADING = re.compile(r" {0,3}#{1,6}(?:\s|$)")


class BlockSplitter:
    """Takes pieces of text in any size, gives whole blocks."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._partial: list[str] = []
        self._fence = ""
        self._in_list = False
        self._finished: list[str] = []

    def feed(self, text: str) -> list[str]:
        """Add ``text`` and return the blocks that it finished."""
        *whole, rest = text.split("\n")
        for piece in whole:
            self._partial.append(piece)
            line = "".join(self._partial).removesuffix("\r")
            self._partial = []
            self._add(line)
        if rest:
            self._partial.append(rest)
        return self._take()

    def finish(self) -> list[str]:
        """Return what is left as blocks, whole or not, and begin anew."""
        if self._partial:
            self._add("".join(self._partial))
            self._partial = []
        self._close()
        return self._take()

    def tail(self, count: int) -> list[str]:
        """Return the last ``count`` lines of the block that is still open, the unfinished line included."""
        partial = "".join(self._partial)
        if len(self._partial) > 1:
            self._partial = [partial]
        lines = self._lines[-count:]
        return [*lines, partial][-count:] if partial else lines

    def _take(self) -> list[str]:
        blocks, self._finished = self._finished, []
        return blocks

    def _add(self, line: str) -> None:
        if self._fence:
            self._add_inside_fence(line)
        elif not line.strip():
            self._add_blank(line)
        else:
            self._add_text(line)

    def _add_inside_fence(self, line: str) -> None:
        self._lines.append(line)
        found = _FENCE.match(line)
        if found and found[1].startswith(self._fence) and not found[2].strip():
            self._fence = ""
            if not self._in_list:
                self._close()

    def _add_blank(self, line: str) -> None:
        if self._in_list:
            self._lines.append(line)
        else:
            self._close()

    def _add_text(self, line: str) -> None:
        item = bool(_ITEM.match(line))
        after_blank = bool(self._lines) and not self._lines[-1].strip()
        if self._in_list and after_blank and not item and not line.startswith((" ", "\t")):
            self._close()
        found = _FENCE.match(line)
        heading = bool(_HEADING.match(line))
        if (found or heading) and not (self._in_list and line.startswith((" ", "\t"))):
            self._close()
        self._lines.append(line)
        self._in_list = self._in_list or (item and not found)
        if found and not (found[1].startswith("`") and "`" in found[2]):
            self._fence = found[1]
        elif heading and not self._in_list:
            self._close()

    def _close(self) -> None:
        block = "\n".join(self._lines).strip("\n")
        if block.strip():
            self._finished.append(block)
        self._lines = []
        self._fence = ""
        self._in_list = False
