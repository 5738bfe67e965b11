"""The file that an export for another tool consists of, and new IDs for it."""

from __future__ import annotations

import json
import shlex
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from aloop.export.base import left_out_text
from aloop.formatting import display_path
from aloop.memory.session import Session


@dataclass(frozen=True, slots=True)
class ToolExport:
    """A document for another tool.

    ``path`` is where the tool looks for it, or only a name if the tool copies a file into its database. ``command``
    resumes it, in the folder of the project; ``{path}`` in it is the file.
    """

    text: str
    path: Path
    command: str
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def losses(self) -> str:
        """A sentence about what was left out, or an empty text."""
        return left_out_text(self.left_out)

    def command_for(self, path: Path) -> str:
        """Return the command that resumes the session from ``path``.

        It is empty if the tool does not look there.
        """
        if "{path}" not in self.command and path.resolve() != self.path.resolve():
            return ""
        return self.command.format(path=shlex.quote(str(path)))

    @property
    def advice(self) -> str:
        """An instruction for a file that ``command_for`` has no command for."""
        return f"To resume it with `{self.command}`, move the file to {display_path(self.path)}"


def new_uuid() -> str:
    """Return a new random ID."""
    return str(uuid.uuid4())


def timed_uuid(moment: datetime) -> str:
    """Return a new ID that sorts by time (UUID version 7)."""
    milliseconds = int(moment.timestamp() * 1000) & (2**48 - 1)
    value = milliseconds << 80 | uuid.uuid4().int & (2**80 - 1)
    value = value & ~(0xF << 76) | 0x7 << 76
    return str(uuid.UUID(int=value & ~(0x3 << 62) | 0x2 << 62))


ORIGIN = "aloop"
"""The key for what only aloop reads: in the first line of an export, the session that it was made of."""


def marked_lines(session: Session, values: Sequence[dict[str, Any]], *, within: str = "") -> str:
    """Return the values as JSON Lines, of which the first names the session.

    ``within`` is a key of the first value.
    """
    first = values[0]
    mark = {ORIGIN: {"session": session.id}}
    first = {**first, within: {**first[within], **mark}} if within else {**first, **mark}
    return json_lines([first, *values[1:]])


def json_lines(values: Iterable[Mapping[str, Any]]) -> str:
    """Return the values as JSON Lines."""
    return "".join(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n" for value in values)


def input_of(arguments: str) -> dict[str, Any]:
    """Return the arguments of a call as an object."""
    try:
        value = json.loads(arguments)
    except (ValueError, RecursionError):
        value = None
    return value if isinstance(value, dict) else {"input": arguments if value is None else value}
