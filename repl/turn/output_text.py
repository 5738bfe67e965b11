"""The output of running calls as text, for a screen that is never redrawn."""

from __future__ import annotations

import re
from collections import deque

from aloop.agent.events import ToolOutput
from aloop.formatting import quantity
from aloop.llm.message_types import ToolCall
from aloop.sanitize import safe_text
from repl.output.styled import to_text
from repl.turn.lines import output_head
from repl.turn.outcomes import OUTPUT_LINES


class OutputText:
    """The output of running calls as text, for a screen that is never redrawn.

    Of a long output, the first lines appear as they come, and the last ones when its call ends.
    """

    def __init__(self) -> None:
        self._last = ""
        self._is_inside = False  # a line
        self._running: dict[str, tuple[ToolCall, _LongOutput]] = {}

    def add(self, event: ToolOutput, *, is_whole: bool = False) -> str:
        """Return a piece of output as safe text, below the name of another call.

        Unless the output ``is_whole``, only its first lines are returned.
        """
        text = safe_text(event.text)
        if is_whole:
            return self._below_name(event.call, text)
        _, output = self._running.setdefault(event.call.id, (event.call, _LongOutput()))
        return self._below_name(event.call, output.add(text))

    def finish(self, call: ToolCall) -> str:
        """Return the last lines of the output of a call that has ended."""
        _, output = self._running.pop(call.id, (call, None))
        return (self._below_name(call, output.ending()) if output else "") + self.end()

    def finish_all(self) -> str:
        """Return the last lines of all calls, which the end of the turn has stopped."""
        return "".join([self.finish(call) for call, _ in [*self._running.values()]])

    def end(self) -> str:
        """Return the end of a line, if the output so far lacks one.

        The next output is named again, because it is below another text.
        """
        end = "\n" * self._is_inside
        self._last, self._is_inside = "", False
        return end

    def _below_name(self, call: ToolCall, text: str) -> str:
        if not text:
            return ""
        if call.id != self._last:
            head = to_text([output_head(call)])
            text = f"{self.end()}{head}{text}"
            self._last = call.id
        self._is_inside = not text.endswith("\n")
        return text


_LINES = re.compile(r"[^\n]*\n|[^\n]+")


class _LongOutput:
    """The output of a call, of which only the first and the last lines are shown."""

    def __init__(self) -> None:
        self._shown = 0
        self._left_out = 0
        self._last: deque[str] = deque()

    def add(self, text: str) -> str:
        """Take a piece of the output, and return the part that belongs to the first lines."""
        first = []
        for piece in _LINES.findall(text):
            if self._shown < OUTPUT_LINES:
                first.append(piece)
                self._shown += piece.endswith("\n")
            elif self._last and not self._last[-1].endswith("\n"):
                self._last[-1] += piece
            else:
                self._last.append(piece)
        while len(self._last) > OUTPUT_LINES:
            self._last.popleft()
            self._left_out += 1
        return "".join(first)

    def ending(self) -> str:
        """Return the last lines, below the number of those that are left out."""
        more = f"… {quantity(self._left_out, 'more line')}\n" if self._left_out else ""
        return more + "".join(self._last)
