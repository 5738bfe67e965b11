"""Attachments of a message: files and command output, stored below the typed text.

In the session and in the request, a message with attachments looks like this::

    Please check @notes.txt

    <file path="notes.txt">
    the text of the file
    </file>

The typed text comes first, so that it becomes the session's title. Values are JSON strings. If the text contains the
end tag, the tag gets a number (``<file-2 …>``), so that the end stays unambiguous.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from aloop.text import quantity

Kind = Literal["file", "output"]

MOST_FILE_BYTES = 100_000
"""Bytes attached of one file; a longer file is cut, if possible at the end of a line."""

MOST_MESSAGE_BYTES = 300_000
"""Bytes of all files attached to one message."""

_LONGEST_NAME = 40  # characters of a command in a one-line summary
_NAMED: dict[Kind, str] = {"file": "path", "output": "command"}
_BLOCK = re.compile(
    r'\n\n<(?P<tag>(?P<kind>file|output)(?:-\d+)?) (?:path|command)=(?P<name>"(?:[^"\\\n]|\\.)*")'
    r'(?: note=(?P<note>"(?:[^"\\\n]|\\.)*"))?>\n(?P<text>(?:.*?\n)?)</(?P=tag)>(?=\n|\Z)',
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file, named by its path, or the output of a command.

    ``note`` has facts for the reader, such as a cut or an exit code. ``text`` has no final line feed.
    """

    kind: Kind
    name: str
    text: str
    note: str = ""

    @property
    def size(self) -> str:
        """The number of lines, in words."""
        return quantity(self.text.count("\n") + 1 if self.text else 0, "line")

    @property
    def summary(self) -> str:
        """A one-line description; not sanitized, as ``name`` may contain anything."""
        name = " ".join(self.name.split())
        if len(name) > _LONGEST_NAME and self.kind == "output":
            name = f"{name[: _LONGEST_NAME - 1]}…"
        label = name if self.kind == "file" else f"the output of {name}"
        return f"{label} ({self.size}{f'; {self.note}' if self.note else ''})"


def with_attachments(typed: str, attachments: Sequence[Attachment]) -> str:
    """Return the message: ``typed`` followed by the attachments."""
    return "".join([typed, *map(_format, attachments)])


def split_attachments(content: str) -> tuple[str, list[Attachment]]:
    """Return the typed text of a message, and the attachments at its end."""
    start = 0
    while found := _BLOCK.search(content, start):
        if (attachments := _read_to_end(content, found.start())) is not None:
            return content[: found.start()], attachments
        start = found.start() + 1
    return content, []


def folded(content: str) -> str:
    """Return a message for display: the typed text, and a line for each attachment."""
    typed, attachments = split_attachments(content)
    return "\n".join([typed, *(f"[attached {attachment.summary}]" for attachment in attachments)])


def _format(attachment: Attachment) -> str:
    tag, number = str(attachment.kind), 1
    while f"</{tag}>" in attachment.text:
        number += 1
        tag = f"{attachment.kind}-{number}"
    note = f" note={_quoted(attachment.note)}" if attachment.note else ""
    text = f"{attachment.text}\n" if attachment.text else ""
    return f"\n\n<{tag} {_NAMED[attachment.kind]}={_quoted(attachment.name)}{note}>\n{text}</{tag}>"


def _read_to_end(content: str, start: int) -> list[Attachment] | None:
    """Return the attachments from ``start`` to the end; None if other text follows."""
    attachments = []
    while found := _BLOCK.match(content, start):
        kind: Kind = "file" if found["kind"] == "file" else "output"
        name, note = _unquoted(found["name"]), _unquoted(found["note"] or '""')
        attachments.append(Attachment(kind, name, found["text"].removesuffix("\n"), note))
        start = found.end()
    return None if content[start:].strip() else attachments


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _unquoted(text: str) -> str:
    try:
        value = json.loads(text)
    except ValueError:
        return text.strip('"')  # edited by hand into invalid JSON
    return str(value)
