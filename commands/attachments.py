"""Attachments of a message: files, folders and outputs, below the typed text.

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
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from aloop.formatting import quantity
from aloop.sanitize import one_line

Kind = Literal["file", "folder", "output"]

MOST_FILE_BYTES = 100_000
"""Bytes attached of one file; a longer file is cut, if possible at the end of a line."""

MOST_MESSAGE_BYTES = 300_000
"""Bytes of all files attached to one message."""

_LONGEST_NAME = 40  # characters of a command in a one-line summary
_NAMED: dict[Kind, str] = {"file": "path", "folder": "path", "output": "command"}
# The tags of a block. The text between them is not part of a pattern, because a search for blocks without an end tag
# would take quadratic time.
_START = re.compile(
    r'\n\n<(?P<tag>(?P<kind>file|folder|output)(?:-\d+)?) (?:path|command)=(?P<name>"(?:[^"\\\n]|\\.)*")'
    r'(?: note=(?P<note>"(?:[^"\\\n]|\\.)*"))?>(?=\n)',
    re.DOTALL,
)
_END = re.compile(r"^</((?:file|folder|output)(?:-\d+)?)>$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file or the names in a folder, named by its path, or the output of a command.

    ``note`` has facts for the reader, such as a cut or an exit code. ``text`` has no final line feed.
    """

    kind: Kind
    name: str
    text: str
    note: str = ""

    @property
    def size(self) -> str:
        """The number of lines or names, in words."""
        if self.kind == "folder":
            return quantity(sum(map(bool, self.text.split("\n"))), "name")
        return quantity(self.text.count("\n") + 1 if self.text else 0, "line")

    @property
    def summary(self) -> str:
        """A one-line description; not sanitized, as ``name`` may contain anything."""
        name = " ".join(self.name.split())
        if len(name) > _LONGEST_NAME and self.kind == "output":
            name = f"{name[: _LONGEST_NAME - 1]}…"
        label = f"the output of {name}" if self.kind == "output" else name
        return f"{label} ({self.size}{f'; {self.note}' if self.note else ''})"


def with_attachments(typed: str, attachments: Sequence[Attachment]) -> str:
    """Return the message: ``typed`` followed by the attachments."""
    return "".join([typed, *map(_format, attachments)])


def split_attachments(content: str) -> tuple[str, list[Attachment]]:
    """Return the typed text of a message, and the attachments at its end."""
    blocks = {block.start: block for block in _find_blocks(content)}
    end = len(content.rstrip())
    # The blocks from which on there is nothing but blocks up to the end. They can overlap.
    complete: list[int] = []
    for block in reversed(blocks.values()):
        if block.end >= end or (block.end in blocks and blocks[block.end].is_complete):
            block.is_complete = True
            complete.append(block.start)
    if not complete:
        return content, []
    first = place = complete[-1]
    attachments = []
    while place in blocks:
        attachments.append(blocks[place].read(content))
        place = blocks[place].end
    return content[:first], attachments


@dataclass(slots=True)
class _Block:
    """The start and end tag of an attachment in a message."""

    opening: re.Match[str]
    closing: re.Match[str]
    is_complete: bool = False

    @property
    def start(self) -> int:
        return self.opening.start()

    @property
    def end(self) -> int:
        return self.closing.end()

    def read(self, content: str) -> Attachment:
        kind: Kind = self.opening["kind"]  # type: ignore[assignment] # one of the three in the pattern
        name, note = _unquoted(self.opening["name"]), _unquoted(self.opening["note"] or '""')
        text = content[self.opening.end() + 1 : self.closing.start()]
        return Attachment(kind, name, text.removesuffix("\n"), note)


def _find_blocks(content: str) -> Iterator[_Block]:
    """Yield each start tag with the first end tag of its name after it."""
    closings: dict[str, list[re.Match[str]]] = {}
    for closing in _END.finditer(content):
        closings.setdefault(closing[1], []).append(closing)
    for opening in _START.finditer(content):
        later = closings.get(opening["tag"], [])
        number = bisect_left(later, opening.end() + 1, key=re.Match.start)
        if number < len(later):
            yield _Block(opening, later[number])


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


def _quoted(text: str) -> str:
    # Hidden characters in the name of a file must not be hidden from the user or the model.
    return one_line(json.dumps(text, ensure_ascii=False))


def _unquoted(text: str) -> str:
    try:
        value = json.loads(text)
    except ValueError:
        return text.strip('"')  # edited by hand into invalid JSON
    return str(value)
