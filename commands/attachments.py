"""What goes along with a message: files and output, written below the text that was typed, and told apart again.

In the session, and in what is sent, a message with attachments reads ::

    What is wrong with @notes.txt?

    <file path="notes.txt">
    the text of the file
    </file>

The typed text comes first, so that a title is made of it. Values are JSON strings. The tag of a text that holds the
end tag itself gets a number (``<file-2 …>``), so that an attachment ends where it ends.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["file", "output"]

_LONGEST_NAME = 40  # of a command, where it is told in a line
_NAMED: dict[Kind, str] = {"file": "path", "output": "command"}
_BLOCK = re.compile(
    r'\n\n<(?P<tag>(?P<kind>file|output)(?:-\d+)?) (?:path|command)=(?P<name>"(?:[^"\\\n]|\\.)*")'
    r'(?: note=(?P<note>"(?:[^"\\\n]|\\.)*"))?>\n(?P<text>(?:.*?\n)?)</(?P=tag)>(?=\n|\Z)',
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file by its path or the output of a command; ``note`` is what a reader must know: what was cut, how it ended.

    ``text`` has no line feed at its end.
    """

    kind: Kind
    name: str
    text: str
    note: str = ""

    @property
    def size(self) -> str:
        """How long it is, in words."""
        count = self.text.count("\n") + 1 if self.text else 0
        return f"{count:,} line{'' if count == 1 else 's'}"

    @property
    def summary(self) -> str:
        """What it is, in one line; ``name`` may hold anything."""
        name = " ".join(self.name.split())
        if len(name) > _LONGEST_NAME and self.kind == "output":
            name = f"{name[: _LONGEST_NAME - 1]}…"
        what = name if self.kind == "file" else f"the output of {name}"
        return f"{what} ({self.size}{f'; {self.note}' if self.note else ''})"


def with_attachments(typed: str, attachments: Sequence[Attachment]) -> str:
    """Return the message: ``typed``, and below it the attachments."""
    return "".join([typed, *map(_written, attachments)])


def split_attachments(content: str) -> tuple[str, list[Attachment]]:
    """Return what was typed of a message, and what is attached to it: only what reaches to its end counts as that."""
    start = 0
    while found := _BLOCK.search(content, start):
        if (attachments := _read_to_end(content, found.start())) is not None:
            return content[: found.start()], attachments
        start = found.start() + 1
    return content, []


def folded(content: str) -> str:
    """Return a message as it is shown: what was typed, and a line for each attachment."""
    typed, attachments = split_attachments(content)
    return "\n".join([typed, *(f"[attached {attachment.summary}]" for attachment in attachments)])


def _written(attachment: Attachment) -> str:
    tag, number = str(attachment.kind), 1
    while f"</{tag}>" in attachment.text:
        number += 1
        tag = f"{attachment.kind}-{number}"
    note = f" note={_quoted(attachment.note)}" if attachment.note else ""
    text = f"{attachment.text}\n" if attachment.text else ""
    return f"\n\n<{tag} {_NAMED[attachment.kind]}={_quoted(attachment.name)}{note}>\n{text}</{tag}>"


def _read_to_end(content: str, start: int) -> list[Attachment] | None:
    """Return the attachments that stand from ``start`` to the end, None when something else does."""
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
        return text.strip('"')  # edited by hand into something else
    return str(value)
