"""How many tokens the answers of a turn have taken so far: estimated as they stream, counted once they are whole."""

from __future__ import annotations

from aloop.llm.message_types import Usage
from repl.toolbar import thousands

_CHARACTERS_PER_TOKEN = 4


class TokenCount:
    """Is told of each piece of an answer, and of what the API counted in the end."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Count from nothing."""
        self._counted = self._heard = 0

    def hear(self, text: str) -> None:
        """Take a piece of an answer or a thought."""
        self._heard += len(text)

    def count(self, usage: Usage | None) -> None:
        """Take what the API counted for the answer that was heard; without it the estimate stays."""
        if usage is not None and usage.output_tokens:
            self._counted += usage.output_tokens
            self._heard = 0

    @property
    def text(self) -> str:
        """The count in words, empty as long as there is none."""
        estimated = self._heard // _CHARACTERS_PER_TOKEN
        total = self._counted + estimated
        return f"{'~' if estimated else ''}{thousands(total)} tokens" if total else ""
