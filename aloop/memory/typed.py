"""Messages in the lines in which they stood in a file, with comments and unknown keys: what records do not hold."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from aloop.errors import SessionFileError, UnstorableValue
from aloop.llm.message_types import LLMMessage
from aloop.memory.edits import MessageEdits
from aloop.memory.emitter import emit_messages
from aloop.memory.readback import check_lines
from aloop.memory.serialization import Parsed
from aloop.memory.unfold import as_block

_LINE_START = re.compile(r"^(?=[^\n])", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class TypedMessages:
    """``lines`` are what ``messages`` looked like; their dashes stand at ``column``. Line ends are line feeds."""

    messages: tuple[LLMMessage, ...]
    lines: str
    column: int

    @classmethod
    def cut_from(cls, parsed: Parsed, messages: tuple[LLMMessage, ...], first: int) -> TypedMessages | None:
        """Return ``messages``, which a text holds from number ``first`` (from 0) on; None where it takes new lines."""
        lines, column = MessageEdits(as_block(parsed, Path())).lines(first)
        lines = lines.replace("\r\n", "\n")
        typed = cls(messages, lines if lines.endswith("\n") else f"{lines}\n", column)
        return typed if typed._holds(typed.lines) else None

    def at(self, column: int) -> str:
        """Return lines for a list whose dashes stand at ``column``; anew where moving them changes what they say."""
        moved = self.lines
        if column > self.column:
            moved = _LINE_START.sub(" " * (column - self.column), moved)
        elif column < self.column:
            moved = re.sub(rf"^ {{1,{self.column - column}}}", "", moved, flags=re.MULTILINE)
        return moved if self._holds(moved) else emit_messages(self.messages, column)

    def _holds(self, lines: str) -> bool:
        try:
            check_lines(lines, self.messages, Path())
        except (UnstorableValue, SessionFileError):
            return False
        return True
