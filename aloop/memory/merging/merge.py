"""Merge two versions of a session file, and keep the style of the first one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from aloop.errors import SessionFileError
from aloop.memory.codec.emitter import ITEM_COLUMN, emit_messages, emit_word
from aloop.memory.codec.nodes import MappingNode, Node, ScalarNode, SequenceNode
from aloop.memory.codec.schema import KNOWN_VERSION
from aloop.memory.codec.splice import Edit, emit_node, splice
from aloop.memory.codec.text_layout import section_edit
from aloop.memory.context import answer_for
from aloop.memory.merging.document import (
    Item,
    Section,
    SessionText,
    emit_item,
    indented,
    is_same_session,
    item_of,
    value_of,
)
from aloop.memory.merging.sequence import Entry, merge_items
from aloop.memory.pairing import pair_calls

MARKER_SIZE = 7
_LISTS = ("messages", "system_messages")
_JOINED = ("tags",)
"""Lists of words, of which both versions' words are kept."""
_LATEST = ("updated_at", "title", "model", "system_digest", "tools_digest", "instructions", "skills", "pinned")
"""Keys of the header for which the version that was saved last counts."""

# A block with "+" includes the blank lines after it.
_ENDS_BLANK = re.compile(r"\n\r?\n\Z")
_BLANK_LINES = re.compile(r"\A(?:[ \t]*\r?\n)+")


@dataclass(frozen=True, slots=True)
class Labels:
    """The names of the versions beside conflict markers, and the markers' length."""

    ours: str = "ours"
    base: str = "base"
    theirs: str = "theirs"
    size: int = MARKER_SIZE


@dataclass(frozen=True, slots=True)
class Merged:
    """The text of a merged session, and the number of conflicts marked in it."""

    data: bytes
    conflicts: int = 0


class CannotMerge(Exception):
    """The versions cannot be merged as sessions; the text is the reason."""


def merge_sessions(base: bytes | None, ours: bytes, theirs: bytes, path: Path, labels: Labels | None = None) -> Merged:
    """Return both versions as one; raises CannotMerge.

    ``base`` is the version that both were made from, None if it is not known. The result has the text of ``ours``, or
    of ``theirs`` if ``ours`` has no messages, with the messages of the other version added in place.
    """
    one, other = _read(ours, path, "this branch"), _read(theirs, path, "the other branch")
    if not is_same_session(one.parsed, other.parsed):
        raise CannotMerge("the two branches have sessions with different IDs in this file")
    try:
        common = SessionText(base, path) if base and base.strip() else None
    except SessionFileError:
        common = None
    if common is not None and not is_same_session(one.parsed, common.parsed):
        common = None
    return _Merge(common, one, other, path, labels or Labels()).run()


def _read(data: bytes, path: Path, name: str) -> SessionText:
    try:
        text = SessionText(data, path)
    except SessionFileError as error:
        raise CannotMerge(f"the version of {name} cannot be read: line {error.line}: {error.reason}") from error
    if text.session.version > KNOWN_VERSION:
        raise CannotMerge(f"the version of {name} was written by a later version of aloop")
    return text


class _Merge:
    def __init__(
        self, base: SessionText | None, ours: SessionText, theirs: SessionText, path: Path, labels: Labels
    ) -> None:
        self._base, self._ours, self._theirs = base, ours, theirs
        self._path, self._labels = path, labels
        # The version whose text is kept.
        self._frame = theirs if theirs.messages.items and not ours.messages.items else ours
        self._conflicts = 0

    def run(self) -> Merged:
        lists = {key: self._entries(key) for key in _LISTS}
        lists["messages"] = list(_paired(lists["messages"], (self._ours.messages, self._theirs.messages)))
        for rewrite in (False, True):
            self._conflicts = 0
            edits = [edit for key, entries in lists.items() for edit in self._list_edits(key, entries, rewrite=rewrite)]
            edits += self._header_edits()
            source = self._frame.parsed.source
            text = b"".join(splice(source.text.encode(), edits)).decode()
            if self._conflicts or self._reads_as(text, lists):
                return Merged(source.encode(text), self._conflicts)
        raise CannotMerge("the merged text would not be read back as it was written")

    def _entries(self, key: str) -> list[Entry]:
        base = None if self._base is None else _section(self._base, key).items
        return merge_items(base, _section(self._ours, key).items, _section(self._theirs, key).items, self._combine)

    def _reads_as(self, text: str, lists: Mapping[str, Sequence[Entry]]) -> bool:
        try:
            merged = SessionText(text.encode(), self._path)
        except SessionFileError:
            return False
        if any(self._is_foreign(key, node) for key, node in merged.parsed.root.values.items()):
            return False
        return all(
            [item.meaning for item in _section(merged, key).items]
            == [entry.meaning for entry in entries if isinstance(entry, Item)]
            for key, entries in lists.items()
        )

    def _is_foreign(self, key: str, node: Node) -> bool:
        """Return True for a value of the header that is of neither version."""
        values = [text.parsed.root.values.get(key) for text in (self._ours, self._theirs)]
        return key not in _LISTS and all(_is_changed(node, each) for each in (*values, _joined(*values)))

    # The messages.

    def _list_edits(self, key: str, entries: Sequence[Entry], *, rewrite: bool) -> Iterator[Edit]:
        section, layout = _section(self._frame, key), self._frame.layout
        if [item.meaning for item in section.items] == [isinstance(entry, Item) and entry.meaning for entry in entries]:
            return
        own = {id(item) for item in section.items}
        column = section.column
        pieces: list[str] = []
        for entry in entries:
            if isinstance(entry, Item) and id(entry) in own and not rewrite:
                pieces.append(entry.raw)
            else:
                pieces.append(layout.native(self._written(entry, column, rewrite=rewrite)))
        for number, piece in enumerate(pieces[:-1]):
            if not piece.endswith(("\n", "\r")):
                pieces[number] += layout.newline
            if _ENDS_BLANK.search(piece):
                pieces[number + 1] = _BLANK_LINES.sub("", pieces[number + 1])
        text = "".join(pieces)
        if section.end > section.start and text:
            end = section.end + (layout.blank_after(section.end) if _ENDS_BLANK.search(text) else 0)
            yield Edit(layout.at(section.start), layout.at(end), text.encode())
        elif text or section.items:
            lines = f"{key}:\n{text}" if text else f"{key}: []\n"
            yield section_edit(self._frame.parsed, key, lines)

    def _written(self, entry: Entry, column: int, *, rewrite: bool = False) -> str:
        if isinstance(entry, Item):
            lines = emit_item(entry.node, column) if rewrite else entry.lines_at(column)
            return f"{entry.gap}{lines}"
        self._conflicts += 1
        sides = (entry.ours, entry.base, entry.theirs)
        texts = ("".join(item.lines_at(column) for item in side) for side in sides)
        return self._marked(*texts)

    def _marked(self, ours: str, base: str, theirs: str) -> str:
        labels, size = self._labels, self._labels.size
        # Without an ancestor, as git does by default: an empty one would mean that both have added something.
        middle = f"{'|' * size} {labels.base}\n{base}" if self._base is not None else ""
        return f"{'<' * size} {labels.ours}\n{ours}{middle}{'=' * size}\n{theirs}{'>' * size} {labels.theirs}\n"

    def _combine(self, before: Item | None, ours: Item, theirs: Item) -> Item | None:
        """Return a message with the changes of both, or None if they changed the same key."""
        chosen = _choose_keys(before.node if before else None, ours.node, theirs.node)
        if chosen is None:
            return None
        node = MappingNode({key: _node(value, ours.node, theirs.node, key) for key, value in chosen.items()})
        text = self._combined_text(chosen, ours, theirs)
        wanted = value_of(node)
        item = ours.with_text(text) if text else None
        if item is None or item.meaning != wanted:
            item = ours.with_text(emit_item(node, ours.column))
        return item if item is not None and item.meaning == wanted else None

    def _combined_text(self, chosen: Mapping[str, str], ours: Item, theirs: Item) -> str | None:
        """Return our lines with keys of theirs, or None if that needs another layout."""
        if ours.node.flow or theirs.node.flow:
            return None
        inner = ours.column + 2
        copies, their_copies = item_of(ours.text, ours.column), item_of(theirs.text, theirs.column)
        if copies is None or their_copies is None:
            return None
        return _with_keys(copies, their_copies, chosen, inner)

    # The header.

    def _header_edits(self) -> Iterator[Edit]:
        frame = self._frame
        other = self._theirs if frame is self._ours else self._ours
        base = self._base.parsed.root if self._base else None
        mine, others = frame.parsed.root, other.parsed.root
        is_older = frame.session.updated_at < other.session.updated_at
        for key in dict.fromkeys((*mine.values, *others.values)):
            if key in _LISTS:
                continue
            values = mine.values.get(key), others.values.get(key)
            before = base.values.get(key) if base else None
            if key in _LATEST and value_of(values[0]) != value_of(values[1]):
                is_theirs = (
                    is_older
                    if key == "updated_at" or _both_changed(before, *values)
                    else _is_changed(before, values[1])
                )
                choice = "theirs" if is_theirs else "ours"
            else:
                choice = _choose(key, before, *values) or "conflict"
            lines = other.key_lines(others, key) if key in others.values else ""
            if choice == "both":
                lines = f"{key}:{_emit_list(_joined(*values))}\n"
            if choice == "conflict":
                self._conflicts += 1
                sides = frame.key_lines(mine, key) if key in mine.values else "", lines
                ours, theirs = sides if frame is self._ours else sides[::-1]
                before_lines = self._base.key_lines(base, key) if self._base and base and key in base.values else ""
                lines = self._marked(ours, before_lines, theirs)
            if choice != "ours":
                yield self._set_key(key, lines)

    def _set_key(self, key: str, lines: str) -> Edit:
        layout, root = self._frame.layout, self._frame.parsed.root
        lines = layout.indented(lines) if not lines.startswith("<") else lines
        if key in root.keys:
            return layout.edit(layout.line_start(root.keys[key].start), layout.end_of(root.values[key]), lines)
        known = [name for name in ("id", "created_at", "updated_at", "title", "model") if name in root.values]
        end = max(layout.end_of(root.values[name]) for name in known)
        return layout.edit(end, end, layout.gap_before(end) + lines)


def _section(text: SessionText, key: str) -> Section:
    return text.messages if key == "messages" else text.system


def _is_changed(before: Node | None, now: Node | None) -> bool:
    return value_of(before) != value_of(now)


def _both_changed(before: Node | None, ours: Node | None, theirs: Node | None) -> bool:
    return _is_changed(before, ours) and _is_changed(before, theirs)


def _choose_keys(before: MappingNode | None, ours: MappingNode, theirs: MappingNode) -> dict[str, str] | None:
    """Return the version that counts for each key.

    None if both versions changed one of them differently.
    """
    chosen = {}
    for key in dict.fromkeys((*ours.values, *theirs.values)):
        base = before.values.get(key) if before else None
        choice = _choose(key, base, ours.values.get(key), theirs.values.get(key))
        if choice is None:
            return None
        if (ours if choice == "ours" else theirs).values.get(key) is not None:
            chosen[key] = choice
    return chosen


def _choose(key: str, before: Node | None, ours: Node | None, theirs: Node | None) -> str | None:
    """Return "ours", "theirs", "both" for a joined list, or None for a contradiction."""
    if not _is_changed(ours, theirs) or not _is_changed(before, theirs):
        return "ours"
    if not _is_changed(before, ours):
        return "theirs"
    return "both" if key in _JOINED and isinstance(ours, SequenceNode) and isinstance(theirs, SequenceNode) else None


def _node(choice: str, ours: MappingNode, theirs: MappingNode, key: str) -> Node:
    if choice == "both":
        return _joined(ours.values[key], theirs.values[key])
    return (ours if choice == "ours" else theirs).values[key]


def _joined(ours: Node | None, theirs: Node | None) -> SequenceNode:
    items = [item for node in (ours, theirs) if isinstance(node, SequenceNode) for item in node.items]
    unique = {value_of(item): item for item in reversed(items)}
    return SequenceNode([item for item in items if unique.pop(value_of(item), None) is not None])


def _emit_list(words: SequenceNode) -> str:
    """Return a list as a value, in brackets if it is of words only."""
    items = [item for item in words.items if isinstance(item, ScalarNode)]
    if len(items) < len(words.items) or not items:
        return emit_node(words, ITEM_COLUMN)
    return f" [{', '.join(emit_word(item.text, ITEM_COLUMN) for item in items)}]"


def _with_keys(ours: Item, theirs: Item, chosen: Mapping[str, str], inner: int) -> str | None:
    """Return the lines of ``ours`` with the ``chosen`` keys.

    Both messages were parsed from their lines alone.
    """
    one, other = SessionText(_lonely(ours), Path()), SessionText(_lonely(theirs), Path())
    mine, others = one.messages.items[0].node, other.messages.items[0].node
    layout = one.layout
    first = next(iter(mine.keys))
    if chosen.get(first) != "ours" or "both" in chosen.values():
        return None
    start = layout.item_start(mine, ours.column)
    pieces = []
    for key in mine.values:
        begin = start if key == first else layout.line_start(mine.keys[key].start)
        end = layout.end_of(mine.values[key])
        if chosen.get(key) == "ours":
            pieces.append(layout.text[begin:end])
        elif key in chosen:
            pieces.append(indented(other.key_lines(others, key), inner))
    pieces += [indented(other.key_lines(others, key), inner) for key in chosen if key not in mine.values]
    return "".join(pieces)


def _lonely(item: Item) -> bytes:
    """Return a session with only this message, so that its offsets are known."""
    return f"id: 00000000-0000-0000-0000-000000000000\nmessages:\n{item.text}".encode()


def _paired(entries: Sequence[Entry], sections: Iterable[Section]) -> Iterator[Entry]:
    """Yield ``entries`` as a valid transcript, as far as each version was one.

    A second result of a call is kept, but not sent. A result that is separated from its call moves to it, and a call
    that has lost its result gets a placeholder.
    """
    had_call: set[int] = set()
    was_open: set[int] = set()
    for section in sections:
        pairing = pair_calls([item.message for item in section.items])
        had_call |= {id(section.items[number]) for number in pairing.callers}
        was_open |= {
            id(section.items[caller])
            for caller, calls in pairing.open_calls.items()
            if calls and pairing.last_result(caller) < len(section.items) - 1
        }
    flat: list[tuple[Item, Entry | None]] = []
    for entry in entries:
        shown = (entry,) if isinstance(entry, Item) else entry.shown
        flat += [(item, entry if number == 0 else None) for number, item in enumerate(shown)]
    messages = [item.message for item, _ in flat]
    pairing = pair_calls(messages)
    behind: dict[int, list[Entry]] = {}
    for number in sorted(pairing.late):
        late = flat[number][1]
        if isinstance(late, Item):
            behind.setdefault(pairing.last_result(pairing.callers[number]), []).append(late)
    moved = {number for number in pairing.late if isinstance(flat[number][1], Item)}
    last = len(flat) - 1
    for caller, calls in pairing.open_calls.items():
        place = pairing.last_result(caller)
        if calls and place != last and id(flat[caller][0]) not in was_open:
            column = flat[caller][0].column
            texts = (emit_messages([answer_for(call)], column) for call in calls)
            added = (item_of(text, column) for text in texts)
            behind.setdefault(place, []).extend(item for item in added if item is not None)
    for number, (item, whole) in enumerate(flat):
        if whole is not None and number not in moved:
            is_orphan = item.message.role == "tool" and number not in pairing.callers and not item.message.skip
            yield _skipped(item) if is_orphan and whole is item and id(item) in had_call else whole
        yield from behind.get(number, ())


def _skipped(item: Item) -> Item:
    values: dict[str, Node] = {**item.node.values, "skip": ScalarNode("true", plain=True)}
    text = f"{item.text}{' ' * (item.column + 2)}skip: true\n"
    changed = None if item.node.flow else item.with_text(text)
    wanted = value_of(MappingNode(values))
    if changed is None or changed.meaning != wanted:
        changed = item.with_text(emit_item(MappingNode(values), item.column))
    return changed or replace(item)
