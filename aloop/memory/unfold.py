"""Lists that can not grow in their own style, as lists that can."""

from __future__ import annotations

from aloop.memory.emitter import END_MARKER, ITEM_COLUMN
from aloop.memory.nodes import Mapping, Node, Sequence
from aloop.memory.places import Places
from aloop.memory.serialization import Parsed
from aloop.memory.splice import emit_node


def unfold(parsed: Parsed) -> str:
    """Return the text with its messages as a block list, and those typed below the end marker among them.

    All else stays as it is, unless the whole file is in braces: then all of it is written anew. Unknown keys stay.
    """
    items = _all_messages(parsed)
    if parsed.root.flow:
        values = {**parsed.root.values, "messages": Sequence(items)}
        return emit_node(Mapping(values), 0).lstrip("\n") + f"\n{END_MARKER}"
    return _unfold_messages(parsed, Places(parsed), items)


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
    return text[:colon] + (f" {comment}" if comment else "") + block + text[end:]
