"""An answer on its way to the screen: whole blocks into the scrollback, the rest live below them.

Split Markdown that is still arriving into blocks that are whole.

A finished block can be rendered once and for all: nothing that comes later changes how it looks. A block ends at a
blank line, but a code fence only at its closing fence, and a list only where something that is no part of it begins.

What the model thinks, as it comes: whole lines dim into the scrollback, the last one live.

The end of what a running tool puts out, live above the prompt.

What a command of the user's own prints: whole lines into the scrollback as they come, the last one live.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

from aloop.sanitize import safe_text
from aloop.width import wrap
from repl.output.live import Live
from repl.output.screen import Screen
from repl.output.styled import Line, Style, line

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


FRAME = 1 / 10
"""Seconds between two looks of the screen at an answer, however fast its pieces come."""


class AnswerStream:
    """Takes pieces; ``show`` prints finished blocks, one or more."""

    def __init__(self, screen: Screen, live: Live, show: Callable[[list[str]], None]) -> None:
        self._screen = screen
        self._live = live
        self._show = show
        self._splitter = BlockSplitter()
        self._waiting: list[str] = []
        self._timer: asyncio.TimerHandle | None = None

    def add(self, text: str) -> None:
        """Take a piece; it is seen within a frame."""
        self._waiting.append(text)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FRAME, self._flush)

    def finish(self) -> None:
        """Print all that was taken, at once."""
        if self._timer is not None:
            self._timer.cancel()
        blocks = self._take()
        blocks += self._splitter.finish()
        self._live.set_tail([])
        if blocks:
            self._show(blocks)

    def _flush(self) -> None:
        blocks = self._take()
        # The tail changes before a block is printed: the print draws both, and neither is seen twice.
        self._live.set_tail(self._splitter.tail(self._live.tail_rows(self._screen.height)))
        if blocks:
            self._show(blocks)
        else:
            self._screen.refresh()

    def _take(self) -> list[str]:
        text = "".join(self._waiting)
        self._waiting.clear()
        self._timer = None
        return self._splitter.feed(text) if text else []


class ThinkingStream:
    """Takes pieces; ``show`` prints lines."""

    def __init__(self, screen: Screen, live: Live, show: Callable[[list[Line]], None]) -> None:
        self._screen = screen
        self._live = live
        self._show = show
        self._text = ""
        self._timer: asyncio.TimerHandle | None = None

    def add(self, text: str) -> None:
        """Take a piece; it is seen within a frame."""
        self._text += text
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FRAME, self._flush)

    def finish(self) -> None:
        """Print what is left, if anything was thought."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._text:
            text, self._text = self._text.rstrip(), ""
            self._live.set_tail([])
            self._print(text)

    def _flush(self) -> None:
        self._timer = None
        whole, feed, rest = self._text.rpartition("\n")
        self._text = rest
        self._live.set_tail([f"  {rest}"] if rest else [])
        if feed and whole.strip():
            self._print(whole)
        else:
            self._screen.refresh()

    def _print(self, text: str) -> None:
        rows = [row for row in wrap(safe_text(text).strip("\n"), self._screen.width - 3) if row.strip()]
        if rows:
            self._show([line((Style.QUIET, f"  {row}")) for row in rows])


_MOST_CHARACTERS = 8_000  # far more than fit into the rows that are shown


class OutputTail:
    """Takes pieces of output; of a line that was written over (as bars of progress are), the newest text counts."""

    def __init__(self, screen: Screen, live: Live) -> None:
        self._screen = screen
        self._live = live
        self._text = ""
        self._timer: asyncio.TimerHandle | None = None

    def add(self, text: str) -> None:
        """Take a piece; it is seen within a frame."""
        self._text = (self._text + text)[-_MOST_CHARACTERS:]
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FRAME, self._flush)

    def lines(self, most: int) -> list[str]:
        """Return the last lines of what there was, as unsafe as it came."""
        lines = self._text.rstrip("\n").split("\n")[-most:] if self._text.strip() else []
        return [text.rstrip("\r").rpartition("\r")[2] for text in lines]

    def clear(self) -> None:
        """Show nothing more, and begin anew."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._text:
            self._text = ""
            self._live.set_tail([])

    def _flush(self) -> None:
        self._timer = None
        self._live.set_tail(self.lines(self._live.tail_rows(self._screen.height)))
        self._screen.refresh()


MOST_LINES = 2_000
"""Printed as they come; of what is longer than that only the end is."""

_LAST_LINES = 20
_MOST_COMMAND_CHARACTERS = 8_000  # of a line that is shown
_MOST_WAITING = 1 << 17  # characters, until the next frame


class CommandOutput:
    """Takes pieces; of a line that was written over (as bars of progress are), the newest text counts."""

    def __init__(self, screen: Screen, live: Live) -> None:
        self._screen = screen
        self._live = live
        self._rest = ""
        self._printed = 0
        self._held: list[str] = []
        self._passed = 0
        self._timer: asyncio.TimerHandle | None = None

    def add(self, text: str) -> None:
        """Take a piece; it is seen within a frame."""
        self._rest += text
        if len(self._rest) > _MOST_WAITING:
            self._print_whole_lines()
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FRAME, self._flush)

    def finish(self) -> None:
        """Print what is left."""
        if self._timer is not None:
            self._timer.cancel()
        if self._rest and not self._rest.endswith("\n"):
            self._rest += "\n"
        self._live.set_tail([])
        self._print_whole_lines()
        if self._passed:
            self._screen.write(f"… {self._passed:,} lines are not shown …\n")
        self._print(self._held)

    def _flush(self) -> None:
        self._timer = None
        self._live.set_tail([])
        self._print_whole_lines()
        rows = self._live.tail_rows(self._screen.height)
        self._live.set_tail([_last_state(line) for line in [*self._held[-rows:], self._rest] if line])
        self._screen.refresh()

    def _print_whole_lines(self) -> None:
        """Print them, and of what is too much to be printed keep the last; very much of it may come at once."""
        *lines, self._rest = self._rest.split("\n", MOST_LINES - self._printed)
        self._printed += len(lines)
        self._print(lines)
        if count := self._rest.count("\n"):
            *lines, self._rest = self._rest.rsplit("\n", _LAST_LINES + 1)
            self._held += lines[-_LAST_LINES:]
            self._passed += count - len(lines[-_LAST_LINES:])
            surplus = max(0, len(self._held) - _LAST_LINES)
            self._passed += surplus
            del self._held[:surplus]
        if len(self._rest) > _MOST_COMMAND_CHARACTERS:
            self._rest = _last_state(self._rest) + ("\r" if self._rest.endswith("\r") else "")

    def _print(self, lines: list[str]) -> None:
        if lines:
            self._screen.write(safe_text("\n".join(map(_last_state, lines))) + "\n")


def _last_state(line: str) -> str:
    state = line.rstrip("\r").rpartition("\r")[2]
    return state if len(state) <= _MOST_COMMAND_CHARACTERS else f"{state[:_MOST_COMMAND_CHARACTERS]}…"
