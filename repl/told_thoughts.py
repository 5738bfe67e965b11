"""What the model thinks, for streams on which nothing can be drawn over: each thought once it is whole."""

from __future__ import annotations

from collections.abc import Callable

from aloop.agent.events import AgentEvent, ThoughtDelta
from repl.sanitize import safe_text
from repl.spans import Line, line

_INDENT = "  "


class ToldThoughts:
    """Is told of every event, in order; ``width`` is asked how wide a row may be, where it may not be of any width."""

    def __init__(self, width: Callable[[], int] | None = None) -> None:
        self._text = ""
        self._width = width

    def take(self, event: AgentEvent) -> list[Line]:
        """Return the lines of a thought that ``event`` puts an end to; none, for most events."""
        if isinstance(event, ThoughtDelta):
            self._text += event.text
            return []
        text, self._text = safe_text(self._text).strip("\n"), ""
        if not text.strip():
            return []
        return [line(f"{_INDENT}{row}".rstrip()) for row in self._rows(text)]

    def _rows(self, text: str) -> list[str]:
        if self._width is None:
            return text.split("\n")
        # Imported here: what measures cells comes with prompt_toolkit, and a task needs none of it.
        from repl.cells import wrap

        return wrap(text, self._width() - len(_INDENT))
