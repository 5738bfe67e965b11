"""Random session files in every style, indentation and order that YAML allows."""

from __future__ import annotations

import codecs
import json
import random
from dataclasses import dataclass, field, replace
from typing import Literal

from aloop.llm.json_values import JsonObject
from aloop.llm.message_types import LLMMessage, Role
from tests.memory.examples import ID

Form = Literal["block", "flow", "braces", "empty", "null", "missing", "below"]
FORMS: tuple[Form, ...] = ("block", "block", "block", "block", "flow", "braces", "empty", "null", "missing", "below")

_WORDS = (
    "Hello",
    "what is it",
    "don't",
    "a: b",
    "# no comment",
    "no",
    "10:30",
    "é🎈",
    "- dash",
    'say "hi"',
    "back\\slash",
)
_ROLES: tuple[Role, ...] = ("user", "assistant")


@dataclass
class Handwritten:
    """A file's bytes, its meaning, and the values that a save has to replace."""

    data: bytes
    messages: tuple[LLMMessage, ...]
    form: Form
    newline: str
    encoding: str
    bom: bytes
    stamp: str | None
    """The text of the value of ``updated_at``; None if there is no such key."""
    empty: str | None = None
    """The text of the value of ``messages`` if it is empty."""
    root: int = 0
    """The column of the session's own keys."""

    @property
    def text(self) -> str:
        return self.data[len(self.bom) :].decode(self.encoding)


@dataclass
class _Writer:
    rng: random.Random
    root: int = 0
    column: int = 2
    messages: list[LLMMessage] = field(default_factory=list)

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def comment(self, before: str, column: int) -> str:
        """Return ``before``, perhaps followed by blank lines or a comment line."""
        choice = self.rng.random()
        # More blank lines would become part of a block with "+".
        if choice < 0.75 or before.endswith("\n\n"):
            return before
        if choice < 0.85:
            return before + "".join(self.rng.choices(("\n", "\n", "  \n"), k=self.rng.randint(1, 3)))
        return f"{before}{' ' * self.rng.choice((0, column, column + 2))}# a note: {self.rng.choice(_WORDS)}\n"

    def aside(self) -> str:
        """Return the rest of a line after a value: nothing, spaces or a comment."""
        return self.rng.choice(("", "", "", "", "  ", " # aside: [x]"))

    def message(self) -> LLMMessage:
        lines = self.rng.choices(_WORDS, k=self.rng.randint(1, 3))
        text = "\n".join(lines) + self.rng.choice(("", "", "\n", "\n\n\n"))
        return LLMMessage(self.rng.choice(_ROLES), text)

    def flow_item(self) -> str:
        message = replace(self.message(), extra=JsonObject({"mood": ["x", "y"]}))
        self.messages.append(message)
        content = json.dumps(message.content, ensure_ascii=False)
        if self.chance(0.5):
            content = content.replace("é", "\\u00e9").replace("🎈", "\\U0001f388")
        return f"{{role: {message.role}, content: {content}, mood: [x, 'y']}}"

    def block_item(self) -> str:
        if self.chance(0.15):
            return f"{' ' * self.column}- {self.flow_item()}{self.aside()}\n"
        message = self.message()
        extra: dict[str, object] = {}
        gap = self.rng.choice((1, 1, 1, 2, 4))
        inner = self.column + 1 + gap
        pairs = [f"role: {message.role}{self.aside()}\n", self.content(message.content or "", inner)]
        if self.chance(0.3):
            pairs.append(f"x-mood:{self.aside()}\n{' ' * (inner + 2)}- [calm, {{deep: yes}}]\n{' ' * (inner + 2)}- z\n")
            extra["x-mood"] = [["calm", {"deep": "yes"}], "z"]
        if self.chance(0.2):
            pairs.append(f"x-nothing:{self.aside()}\n")
            extra["x-nothing"] = None
        self.rng.shuffle(pairs)
        order = [key for pair in pairs if (key := pair.partition(":")[0]) in extra]
        self.messages.append(replace(message, extra=JsonObject({key: extra[key] for key in order})))
        margin = " " * inner
        start = f"{' ' * self.column}-" + (f"\n{margin}" if self.chance(0.1) else " " * gap)
        return self.comment(start + margin.join(pairs), self.column)

    def content(self, text: str, column: int) -> str:
        """Return ``content:`` and the text in a random style that can represent it."""
        margin = " " * (column + self.rng.choice((1, 2, 2, 4)))
        styles = ["double", "folded double"]
        if text.strip("\n") and not text.startswith((" ", "\n")):
            styles += ["literal", "literal"]
        if "\n" not in text:
            styles.append("single")
            if text in {"Hello", "what is it", "don't", "no", "10:30", "é🎈"}:
                styles += ["plain", "folded"]
        match self.rng.choice(styles):
            case "double":
                return f"content: {json.dumps(text, ensure_ascii=False)}{self.aside()}\n"
            case "folded double":
                quoted = json.dumps(text, ensure_ascii=False).replace(" ", f"\n{margin}")
                return f"content: {quoted}{self.aside()}\n"
            case "single":
                quoted = text.replace("'", "''")
                return f"content: '{quoted}'{self.aside()}\n"
            case "plain":
                return f"content: {text}{self.aside()}\n"
            case "folded":
                return f"content: >-{self.aside()}\n{margin}{text}\n"
        stripped = text.rstrip("\n")
        ending = len(text) - len(stripped)
        chomp = "+" if ending > 1 else "" if ending else "-"
        lines = "".join(f"{margin}{line}\n" for line in stripped.split("\n"))
        return f"content: |{chomp}{self.aside()}\n{lines}{chr(10) * max(0, ending - 1)}"


def write_by_hand(rng: random.Random, form: Form | None = None) -> Handwritten:
    """Return a random valid file, of the given form if any."""
    kind = rng.choice(FORMS) if form is None else form
    root = rng.choice((0, 0, 0, 0, 0, 2, 3)) if kind not in {"below", "braces"} else 0
    writer = _Writer(rng, root, root + rng.choice((0, 1, 2, 2, 2, 4, 7)))
    stamp = rng.choice((None, "", "null", '"2025-01-31T15:45:00"', "2025-01-31T15:45:00+01:00", "'2025-01-31 15:45'"))
    newline = rng.choice(("\n", "\n", "\r\n"))
    empty = {"empty": "[]", "null": rng.choice(("", "null", "~"))}.get(kind)
    text = _braces(writer, stamp) if kind == "braces" else _lines(writer, stamp, kind, empty)
    # Without its last newline a literal block would lose the final newline of its text.
    if not (
        text.endswith("\n\n") or (writer.messages and (writer.messages[-1].content or "").endswith("\n"))
    ) and writer.chance(0.2):
        text = text.removesuffix("\n")
    encoding, bom = rng.choice(
        (("utf-8", b""),) * 6
        + (("utf-8", codecs.BOM_UTF8), ("utf-16-le", codecs.BOM_UTF16_LE), ("utf-16-be", codecs.BOM_UTF16_BE))
    )
    data = bom + text.replace("\n", newline).encode(encoding)
    return Handwritten(data, tuple(writer.messages), kind, newline, encoding, bom, stamp, empty, root)


def _braces(writer: _Writer, stamp: str | None) -> str:
    items = ", ".join(writer.flow_item() for _ in range(writer.rng.randint(1, 3)))
    time = f"updated_at: {json.dumps('2025-01-31T15:45:00')}, " if stamp is not None else ""
    return f"# all in one\n{{id: {ID}, {time}x-kept: 'it''s',\n messages: [{items}]}}{writer.aside()}\n"


def _lines(writer: _Writer, stamp: str | None, form: Form, empty: str | None) -> str:
    rng, margin = writer.rng, " " * writer.root
    sections = [f"{margin}id: {rng.choice((ID, ID.upper(), json.dumps(ID)))}{writer.aside()}\n"]
    if writer.chance(0.8):
        sections.append(f'{margin}created_at: "2025-01-31T14:30:00"{writer.aside()}\n')
    if stamp is not None:
        sections.append(f"{margin}updated_at: {stamp}".rstrip() + f"{writer.aside()}\n")
    if writer.chance(0.5):
        sections.append(
            f"{margin}x-extra:\n{margin}  - {{a: [1, 2]}}\n{margin}  - |\n{margin}    messages:\n{margin}    ...\n"
        )
    if writer.chance(0.5):
        sections.append(f"{margin}system_messages:\n{margin}  - content: >\n{margin}      Be\n{margin}      kind.\n")
    rng.shuffle(sections)
    messages = f"{margin}messages:{writer.aside()}\n"
    if form in {"block", "below"}:
        messages += "".join(writer.block_item() for _ in range(rng.randint(1, 3)))
    elif form == "flow":
        gap = rng.choice((" ", f"\n{margin}  "))
        items = f",{gap}".join(writer.flow_item() for _ in range(rng.randint(1, 3)))
        messages = f"{margin}messages: [{items}]{writer.aside()}\n"
    elif empty is not None:
        messages = f"{margin}messages: {empty}".rstrip() + f"{writer.aside()}\n"
    if form != "missing":
        # Usually last, as in the specification, and always if more messages are below the end marker.
        sections.insert(
            len(sections) if form == "below" else rng.choice((rng.randrange(len(sections) + 1), len(sections))),
            messages,
        )
    text = "---\n" if writer.chance(0.1) else ""
    text += "".join(writer.comment(section, writer.root) for section in sections)
    if form == "below" or writer.chance(0.4):
        marker = f"...{writer.aside()}\n"
        text += writer.comment(marker, 0) if form == "below" else marker
    if form == "below":
        text += "".join(writer.block_item() for _ in range(rng.randint(1, 2)))
    return text
