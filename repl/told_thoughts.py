"""What the model thinks, for streams on which nothing can be drawn over: each thought once it is whole."""

from __future__ import annotations

from aloop.agent.events import AgentEvent, ThoughtDelta
from repl.sanitize import safe_text
from repl.spans import Line, line


class ToldThoughts:
    """Is told of every event, in order."""

    def __init__(self) -> None:
        self._text = ""

    def take(self, event: AgentEvent) -> list[Line]:
        """Return the lines of a thought that ``event`` puts an end to; none, for most events."""
        if isinstance(event, ThoughtDelta):
            self._text += event.text
            return []
        text, self._text = safe_text(self._text).strip("\n"), ""
        return [line(f"  {row}".rstrip()) for row in text.split("\n")] if text.strip() else []
