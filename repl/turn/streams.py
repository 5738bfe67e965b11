"""Text that arrives in pieces: finished parts are printed, the rest is shown live."""

from __future__ import annotations

import asyncio
import re
from abc import ABC, abstractmethod
from collections.abc import Callable

from aloop.sanitize import safe_text
from aloop.width import wrap
from repl.output.live import Live
from repl.output.screen import Screen
from repl.output.styled import Line, line
from repl.output.theme import Style

_FENCE = re.compile(r"\s*(`{3,}|~{3,})(.*)")
_ITEM = re.compile(r"\s*(?:[-*+]|\d{1,9}[.)])(?:\s|$)")
_HEADING = re.compile(r" {0,3}#{1,6}(?:\s|$)")

MOST_LINES = 2_000
"""Lines of a command that are printed as they arrive; of the lines after that only the last are printed."""

_FRAME = 1 / 10  # seconds
_LAST_LINES = 20
_MOST_CHARACTERS = 8_000  # of a line that is printed, and of the output that is shown live
_MOST_WAITING = 1 << 17  # characters, until the next frame


class BlockSplitter:
    """Splits Markdown that arrives in pieces into blocks.

    Nothing that follows a finished block changes how it looks, so it is rendered once. A block ends at a blank line, a
    code block at its closing fence, and a list before the first line that does not belong to it.
    """

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._partial: list[str] = []
        self._fence = ""
        self._in_list = False
        self._finished: list[str] = []

    def feed(self, text: str) -> list[str]:
        """Add ``text`` and return the blocks that it completes."""
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
        """Return the rest as blocks, complete or not, and start over."""
        if self._partial:
            self._add("".join(self._partial))
            self._partial = []
        self._close()
        return self._take()

    def tail(self, count: int) -> list[str]:
        """Return the last ``count`` lines of the open block, with the unfinished line."""
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


class _LiveStream(ABC):
    """A stream of text whose changes are shown once per frame."""

    def __init__(self, screen: Screen, live: Live) -> None:
        self._screen = screen
        self._live = live
        self._text = ""
        self._timer: asyncio.TimerHandle | None = None

    def add(self, text: str) -> None:
        """Add a piece; it appears within a frame."""
        self._text += text
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_FRAME, self._flush)

    def _flush(self) -> None:
        self._timer = None
        self._update()

    @abstractmethod
    def _update(self) -> None:
        """Print the finished part of the text and show the rest live."""

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    @property
    def _tail_rows(self) -> int:
        return self._live.tail_rows(self._screen.height)


class AnswerStream(_LiveStream):
    """An answer: ``show`` prints its finished blocks, at least one per call."""

    def __init__(self, screen: Screen, live: Live, show: Callable[[list[str]], None]) -> None:
        super().__init__(screen, live)
        self._show = show
        self._splitter = BlockSplitter()

    def finish(self) -> None:
        """Print the rest at once."""
        self._stop_timer()
        blocks = [*self._take(), *self._splitter.finish()]
        self._live.set_tail([])
        if blocks:
            self._show(blocks)

    def _update(self) -> None:
        blocks = self._take()
        # The tail changes before a block is printed, because printing draws both: nothing appears twice.
        self._live.set_tail(self._splitter.tail(self._tail_rows))
        if blocks:
            self._show(blocks)
        else:
            self._screen.refresh()

    def _take(self) -> list[str]:
        text, self._text = self._text, ""
        return self._splitter.feed(text) if text else []


class ThinkingStream(_LiveStream):
    """The thinking of a model: ``show`` prints its finished lines."""

    def __init__(self, screen: Screen, live: Live, show: Callable[[list[Line]], None]) -> None:
        super().__init__(screen, live)
        self._show = show

    def finish(self) -> None:
        """Print the rest at once."""
        self._stop_timer()
        if self._text:
            text, self._text = self._text.rstrip(), ""
            self._live.set_tail([])
            self._print(text)

    def _update(self) -> None:
        whole, feed, self._text = self._text.rpartition("\n")
        self._live.set_tail([f"  {self._text}"] if self._text else [])
        if feed and whole.strip():
            self._print(whole)
        else:
            self._screen.refresh()

    def _print(self, text: str) -> None:
        rows = [row for row in wrap(safe_text(text).strip("\n"), self._screen.width - 3) if row.strip()]
        if rows:
            self._show([line((Style.QUIET, f"  {row}")) for row in rows])


class OutputTail(_LiveStream):
    """The last lines of a tool's output, which are only shown live."""

    def add(self, text: str) -> None:
        super().add(text)
        self._text = self._text[-_MOST_CHARACTERS:]

    def lines(self, most: int) -> list[str]:
        """Return the last lines of the output, which are not made safe."""
        lines = self._text.rstrip("\n").split("\n")[-most:] if self._text.strip() else []
        return [_last_state(text) for text in lines]

    def clear(self) -> None:
        """Drop the output and show nothing."""
        self._stop_timer()
        if self._text:
            self._text = ""
            self._live.set_tail([])

    def _update(self) -> None:
        self._live.set_tail(self.lines(self._tail_rows))
        self._screen.refresh()


class CommandOutput(_LiveStream):
    """The output of a command of the user: whole lines are printed as they arrive."""

    def __init__(self, screen: Screen, live: Live) -> None:
        super().__init__(screen, live)
        self._printed = 0
        self._held: list[str] = []
        self._left_out = 0

    def add(self, text: str) -> None:
        super().add(text)
        if len(self._text) > _MOST_WAITING:
            self._print_whole_lines()

    def finish(self) -> None:
        """Print the rest at once."""
        self._stop_timer()
        if self._text and not self._text.endswith("\n"):
            self._text += "\n"
        self._live.set_tail([])
        self._print_whole_lines()
        if self._left_out:
            self._screen.write(f"… {self._left_out:,} lines are not shown …\n")
        self._print(self._held)

    def _update(self) -> None:
        self._live.set_tail([])
        self._print_whole_lines()
        self._live.set_tail([_last_state(text) for text in [*self._held[-self._tail_rows :], self._text] if text])
        self._screen.refresh()

    def _print_whole_lines(self) -> None:
        """Print finished lines up to MOST_LINES, and hold the last lines of any more."""
        *lines, self._text = self._text.split("\n", MOST_LINES - self._printed)
        self._printed += len(lines)
        self._print(lines)
        if count := self._text.count("\n"):
            # Only the last lines are split off: very much text may arrive at once.
            *lines, self._text = self._text.rsplit("\n", _LAST_LINES + 1)
            self._held += lines[-_LAST_LINES:]
            surplus = max(0, len(self._held) - _LAST_LINES)
            self._left_out += count - len(lines[-_LAST_LINES:]) + surplus
            del self._held[:surplus]
        if len(self._text) > _MOST_CHARACTERS:
            self._text = _last_state(self._text) + ("\r" if self._text.endswith("\r") else "")

    def _print(self, lines: list[str]) -> None:
        if lines:
            self._screen.write(safe_text("\n".join(map(_last_state, lines))) + "\n")


def _last_state(text: str) -> str:
    """Return a line as it looks after its carriage returns, as of progress bars."""
    state = text.rstrip("\r").rpartition("\r")[2]
    return state if len(state) <= _MOST_CHARACTERS else f"{state[:_MOST_CHARACTERS]}…"
