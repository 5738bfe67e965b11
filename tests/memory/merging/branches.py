"""Random pairs of branches of one session, and what must hold for their merge."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from aloop.llm.content.parts import MediaFile, part_of
from aloop.llm.content.provenance import FileChange, Permission
from aloop.llm.json_values import EMPTY, JsonObject
from aloop.llm.message_types import LLMMessage, ThinkingBlock, Usage
from aloop.memory.annotations import with_tags
from aloop.memory.codec.patch import revise
from aloop.memory.codec.serialization import dump_session, interpret, load_session, parse
from aloop.memory.merging.markers import read_marked, split_versions
from aloop.memory.merging.merge import Merged
from aloop.memory.pairing import pair_calls
from aloop.memory.session import Session
from tests.memory.examples import NOON, NOWHERE, answer, call, result, session, user
from tests.memory.handwritten import write_by_hand

_TEXTS = (
    "yes",
    "Continue.",
    "Done.",
    "What is it?",
    "two\nlines\n",
    "  indented\n\n\n",
    "a: b # c",
    "é🎈",
    "...",
    "=======",
)


@dataclass(frozen=True)
class Branches:
    """Two versions of a file and the version that both were made from."""

    base: bytes
    ours: bytes
    theirs: bytes


_ANNOTATIONS = ("note", "tags", "pinned", "x-mark")
"""Keys of ``extra`` that branches change after a message was written."""


class _Maker:
    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._calls = 0
        self._seconds = 0
        self._has_details = rng.random() < 0.6

    def text(self) -> str:
        return self._rng.choice(_TEXTS)

    def turn(self, branch: str) -> list[LLMMessage]:
        """Return a turn, which ends after a call without a result if it was interrupted."""
        messages = self._plain_turn(branch)
        return [self._detailed(message) for message in messages] if self._has_details else messages

    def _detailed(self, message: LLMMessage) -> LLMMessage:
        """Return the message with the other keys that aloop writes, and unknown ones."""
        rng = self._rng
        self._seconds += rng.randint(1, 90)
        details: dict[str, Any] = {"at": NOON + timedelta(seconds=self._seconds)}
        if rng.random() < 0.2:
            details["extra"] = JsonObject({"x-score": [rng.randrange(9), {"a b": None}], "x-text": self.text()})
        if message.role == "assistant":
            details |= {"usage": Usage(rng.randrange(9_000), 7, duration_ms=5), "cost": Decimal("0.0125")}
            details["model"] = "claude-sonnet-5-5"
            if rng.random() < 0.3:
                details["thinking"] = (ThinkingBlock(self.text(), "c2ln", prefix="0123456789abcdef"),)
        if message.role == "tool":
            reason = rng.choice(("", "git *", "no, use the other file: b"))
            details |= {"duration_ms": rng.randrange(9_000), "permission": Permission("once", "user", reason)}
            details["files"] = (FileChange("a b.py", "", f"sha256:{self._seconds:016x}"),) * rng.randint(0, 2)
        if message.role in ("user", "tool") and rng.random() < 0.2:
            image = MediaFile("a: b.png", "image/png", self._seconds.to_bytes(4, "big"))
            details["parts"] = (part_of(image, rng.randrange(9)), part_of(image, 0))[: rng.randint(1, 2)]
        return replace(message, **details)

    def _annotated(self, message: LLMMessage, branch: str) -> LLMMessage:
        """Return the message with another note, tag, pin or unknown key."""
        self._calls += 1
        key = self._rng.choice(_ANNOTATIONS)
        values = {"note": f"{branch}\n{self._calls}", "pinned": True, "x-mark": {branch: [self._calls]}}
        if key == "tags":
            return replace(message, extra=with_tags(message.extra, [f"{branch}{self._calls}"], ()))
        return replace(message, extra=message.extra.with_values(**{key: values[key]}))

    def _plain_turn(self, branch: str) -> list[LLMMessage]:
        messages = [user(self.text())]
        for _ in range(self._rng.choice((0, 0, 1, 2))):
            ids = []
            for _ in range(self._rng.randint(1, 2)):
                self._calls += 1
                ids.append(f"call_{branch}_{self._calls}")
            messages.append(answer(self._rng.choice((None, self.text())), *map(call, ids)))
            if self._rng.random() < 0.05:
                return messages
            messages += [result(self.text(), each) for each in ids]
        return [*messages, answer(self.text())]

    def turns(self, branch: str, most: int) -> list[LLMMessage]:
        return [message for _ in range(self._rng.randint(0, most)) for message in self.turn(branch)]

    def branch(self, base: Sequence[LLMMessage], name: str, shared: Sequence[LLMMessage]) -> list[LLMMessage]:
        """Return the messages of a branch: new turns, sometimes edits or a removed turn."""
        rng, messages = self._rng, list(base)
        if messages and rng.random() < 0.4:
            place = rng.randrange(len(messages))
            if messages[place].role != "tool" and not messages[place].tool_calls:
                edited = replace(messages[place], content=self.text()) if rng.random() < 0.5 else messages[place]
                messages[place] = replace(edited, skip=rng.random() < 0.5)
        if messages and rng.random() < 0.1:
            del messages[max(n for n, message in enumerate(messages) if message.role == "user") :]
        for place in range(len(messages)):
            if self._has_details and rng.random() < 0.1:
                messages[place] = self._annotated(messages[place], name)
        if messages and messages[-1].tool_calls and rng.random() < 0.7:
            messages += [result(self.text(), each.id) for each in messages[-1].tool_calls]
        return [*messages, *(shared if rng.random() < 0.8 else ()), *self.turns(name, 3)]

    def appended(self, base: Sequence[LLMMessage], name: str) -> list[LLMMessage]:
        """Return the messages of a branch that only adds turns and annotations."""
        has_more = self._has_details and self._rng.random() < 0.5
        first = [self._annotated(message, name) for message in base[:1] if has_more]
        return [*first, *base[len(first) :], *self.turns(name, 2)]


def random_branches(rng: random.Random) -> Branches:
    """Return two branches of a session with tool calls, in any style."""
    maker = _Maker(rng)
    base = session(*maker.turns("base", 4))
    shared = maker.turns("shared", 1) if rng.random() < 0.2 else []
    text = dump_session(base)
    if rng.random() < 0.3 and base.messages:
        text = _restyled(text, rng)
    sides = [_saved(text, base, maker.branch(base.messages, name, shared), rng) for name in ("ours", "theirs")]
    return Branches(text if rng.random() < 0.9 else b"", *sides)


def handwritten_branches(rng: random.Random) -> Branches:
    """Return two branches of a file that was written by hand."""
    maker = _Maker(rng)
    while True:
        hand = write_by_hand(rng, rng.choice(("block", "block", "flow", "below")))
        if not hand.bom:
            break
    base = interpret(parse(hand.data, NOWHERE), NOWHERE)
    sides = [_saved(hand.data, base, maker.appended(base.messages, name), rng) for name in ("ours", "theirs")]
    return Branches(hand.data, *sides)


def _restyled(text: bytes, rng: random.Random) -> bytes:
    lines = text.decode().splitlines(keepends=True)
    for number in range(len(lines) - 1, 0, -1):
        if lines[number].startswith("  - role") and rng.random() < 0.3 and not lines[number - 1].isspace():
            lines.insert(number, rng.choice(("\n", "  # a comment\n", "# another\n")))
    changed = "".join(lines)
    if rng.random() < 0.3:
        changed = changed.removesuffix("...\n")
    return changed.replace("\n", rng.choice(("\n", "\r\n"))).encode()


def _saved(text: bytes, base: Session, messages: list[LLMMessage], rng: random.Random) -> bytes:
    later = replace(base, messages=tuple(messages), updated_at=NOON + timedelta(seconds=rng.randrange(10_000)))
    if not base.messages:
        return dump_session(later)
    return bytes(revise(text, NOWHERE, base, later, messages))


def faults(branches: Branches, merged: Merged) -> Iterator[str]:
    """Yield the faults of a merge: what was lost, and calls without results."""
    text = merged.data.decode()
    versions = split_versions(text) if merged.conflicts else None
    texts = [versions.ours, versions.theirs] if versions else [text]
    if merged.conflicts and versions is None:
        yield "the conflict markers cannot be read"
        return
    marked = read_marked(merged.data, NOWHERE)
    if marked and marked.joined is not None:
        yield "the conflicts can be joined later, but not now"
    found = [load_session(each.encode(), NOWHERE).messages for each in texts]
    base, ours, theirs = (
        load_session(data, NOWHERE).messages if data else () for data in (branches.base, branches.ours, branches.theirs)
    )
    present = _count(found[0])
    for other in found[1:]:
        present |= _count(other)
    both = _count(ours) & _count(theirs)
    for side in (ours, theirs):
        # In both versions: once is enough, because it may be the same message.
        for message, count in (_count(side) - _count(base)).items():
            if present[message] < max(1, count - both[message]):
                yield f"lost: {message}"
    kept_in = [_count(base) & _count(side) for side in (ours, theirs)]
    for message, count in _count(base).items():
        # Of two equal messages, each version may have removed another one.
        if present[message] < sum(counts[message] for counts in kept_in) - count:
            yield f"lost from the base: {message}"
    kept = set().union(*map(_annotations, found))
    yield from (f"lost: {key}: {value}" for key, value in (_annotations((*ours, *theirs)) - _annotations(base)) - kept)
    if not any(map(_is_invalid, (ours, theirs))) and any(map(_is_invalid, found)):
        yield "not a valid transcript"


def _count(messages: Sequence[LLMMessage]) -> Counter[LLMMessage]:
    without = dict.fromkeys(_ANNOTATIONS)
    return Counter(
        replace(message, skip=False, extra=message.extra.with_values(**without) or EMPTY) for message in messages
    )


def _annotations(messages: Sequence[LLMMessage]) -> set[tuple[str, str]]:
    """Return the notes, pins and other values, and each tag; nearly all are unique."""
    found = set()
    for message in messages:
        for key in _ANNOTATIONS:
            value = message.extra.get(key)
            values = value if key == "tags" and isinstance(value, list) else [value]
            found |= {(key, repr(each)) for each in values if each is not None}
    return found


def _is_invalid(messages: Sequence[LLMMessage]) -> bool:
    """Return True if a result has no call or is late, or a call has no result.

    The last call needs none.
    """
    pairing = pair_calls(messages)
    open_calls = [number for number, calls in pairing.open_calls.items() if calls]
    is_open = any(pairing.last_result(number) < len(messages) - 1 for number in open_calls)
    orphans = any(
        message.role == "tool" and not message.skip and number not in pairing.callers
        for number, message in enumerate(messages)
    )
    return bool(is_open or pairing.late or orphans)
