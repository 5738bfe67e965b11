"""Lists that can not grow in their own style, as lists that can."""

from __future__ import annotations

import re
from pathlib import Path

from aloop.memory.emitter import END_MARKER, ITEM_COLUMN
from aloop.memory.nodes import Mapping, Node, Sequence
from aloop.memory.places import Places
from aloop.memory.serialization import Parsed, parse
from aloop.memory.splice import emit_node

_DEEP = re.compile(r"^[ \t]+(?=#)", re.MULTILINE)


def unfold(parsed: Parsed) -> str:
    """Return the text with its messages as a block list, and those typed below the end marker among them.

    All else stays as it is, unless the whole file is in braces: then all of it is written anew. Unknown keys stay.
    """
    items = _all_messages(parsed)
    if parsed.root.flow:
        values = {**parsed.root.values, "messages": Sequence(items)}
        return emit_node(Mapping(values), 0).lstrip("\n") + f"\n{END_MARKER}"
    return _unfold_messages(parsed, Places(parsed), items)


def as_block(parsed: Parsed, path: Path) -> Parsed:
    """Return the text with its messages as a block list: itself where they are one, or there are none to be edited."""
    messages = parsed.root.values.get("messages")
    in_brackets = isinstance(messages, Sequence) and messages.flow and bool(messages.items)
    if parsed.below or parsed.root.flow or in_brackets:
        return parse(unfold(parsed).encode(), path)
    return parsed


def _all_messages(parsed: Parsed) -> list[Node]:
    messages = parsed.root.values.get("messages")
    above = messages.items if isinstance(messages, Sequence) else []
    return above + (parsed.below.items if parsed.below else [])


def _unfold_messages(parsed: Parsed, places: Places, items: list[Node]) -> str:
    text, key = places.text, parsed.root.keys.get("messages")
    block = places.native(emit_node(Sequence(items), len(places.margin) + ITEM_COLUMN) + "\n")
    marker = places.marker()
    if parsed.below and marker:
        text = text[: marker[1]] + text[places.end_of(parsed.below) :]
    if key is None:
        place = marker[0] if marker else len(text)
        section = places.native(f"{places.gap_before(place)}\n{places.margin}messages:")
        return text[:place] + section + block + text[place:]
    node = parsed.root.values["messages"]
    end = places.end_of(node)
    # A comment behind the closing bracket stays, on the line of the key.
    is_block = isinstance(node, Sequence) and not node.flow
    comment = "" if is_block else text[node.end : end].strip()
    colon = text.index(":", key.end) + 1
    if block.endswith(places.newline * 2):
        # A block that keeps its blank lines would take those that follow for its own.
        end += places.blank_after(end)
    # Comments that stand deeper than the new texts would become part of the last.
    behind = places.behind_deep_comments(end, len(places.margin) + ITEM_COLUMN)
    notes = _DEEP.sub(places.margin, text[end:behind])
    return text[:colon] + (f" {comment}" if comment else "") + block + notes + text[behind:]
