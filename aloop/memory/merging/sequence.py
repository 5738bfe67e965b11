"""Join two versions of a list of messages.

Messages are aligned by their identity and time. Messages that both versions have added at one place are joined by
turns, so that a turn keeps its order. Nothing that only one version has is lost, except messages that the other
version has removed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from aloop.memory.conversation import align
from aloop.memory.merging.document import Item
from aloop.memory.pairing import pair_calls


@dataclass(frozen=True, slots=True)
class Conflict:
    """Messages changed in both versions, or changed in one and removed in the other."""

    ours: tuple[Item, ...]
    base: tuple[Item, ...]
    theirs: tuple[Item, ...]

    @property
    def shown(self) -> tuple[Item, ...]:
        """The messages that stand for the conflict where tool calls are paired."""
        return self.ours or self.theirs or self.base


Entry = Item | Conflict
Combine = Callable[[Item | None, Item, Item], Item | None]
"""Returns one message for two changed versions of it, or None if they contradict each other."""


@dataclass(slots=True)
class _Side:
    """One version compared with the base.

    ``versions`` has for each message of the base the message now, or None if it was removed; ``added`` what comes
    before each message of the base, and last what comes after all.
    """

    versions: list[Item | None]
    added: list[list[Item]]
    answered: set[int] = field(default_factory=set)
    """The messages of the base to whose calls this version has added results."""


def merge_items(
    base: Sequence[Item] | None, ours: Sequence[Item], theirs: Sequence[Item], combine: Combine
) -> list[Entry]:
    """Return the joined list; ``base`` None means that it is not known."""
    if base is None:
        return list(_join(ours, theirs, combine, has_base=False))
    one, other = _compare(base, ours), _compare(base, theirs)
    entries: list[Entry] = []
    first = 0
    while first < len(base):
        entries += _join(one.added[first], other.added[first], combine)
        end = _end_of_removal(base, first, one, other)
        if end > first:
            entries += _settle_removal(base, range(first, end), one, other)
        elif (mine := one.versions[first]) and (yours := other.versions[first]):
            entries.append(_settle(base[first], mine, yours, combine))
        first = max(end, first + 1)
    return [*entries, *_join(one.added[-1], other.added[-1], combine)]


def _settle(before: Item, ours: Item, theirs: Item, combine: Combine) -> Entry:
    if ours.meaning == theirs.meaning or theirs.meaning == before.meaning:
        return ours
    if ours.meaning == before.meaning:
        return theirs
    return combine(before, ours, theirs) or Conflict((ours,), (before,), (theirs,))


def _end_of_removal(base: Sequence[Item], first: int, one: _Side, other: _Side) -> int:
    """Return the end of the messages of one turn that only one version has removed.

    It is ``first`` if there are none.
    """
    for remover, keeper in ((one, other), (other, one)):
        end = first
        while end < len(base) and remover.versions[end] is None and keeper.versions[end] is not None:
            if end > first and (base[end].message.role == "user" or remover.added[end]):
                break
            end += 1
        if end > first:
            return end
    return first


def _settle_removal(base: Sequence[Item], numbers: range, one: _Side, other: _Side) -> Iterator[Entry]:
    """Yield what stays of messages that only one version has removed.

    All of them stay together, so that no choice leaves a part of a turn.
    """
    keeper = one if one.versions[numbers[0]] else other
    added = {number: keeper.added[number] for number in numbers[1:]}
    kept = [item for number in numbers for item in (*added.get(number, ()), keeper.versions[number]) if item]
    if keeper.answered.intersection(numbers):
        yield from kept  # This version has continued the turn.
    elif any((now := keeper.versions[number]) and now.meaning != base[number].meaning for number in numbers):
        before = tuple(base[number] for number in numbers)
        yield Conflict(tuple(kept), before, ()) if keeper is one else Conflict((), before, tuple(kept))
    else:
        yield from _flat(list(added.values()))


def _compare(base: Sequence[Item], side: Sequence[Item]) -> _Side:
    result = _Side([None] * len(base), [[] for _ in range(len(base) + 1)])
    places: dict[int, int] = {}
    for first, end, start, stop in _blocks(base, side):
        old, new = base[first:end], side[start:stop]
        edited = _edited(old, new)
        result.versions[first : first + edited] = new[:edited]
        places |= {start + offset: first + offset for offset in range(edited)}
        result.added[end] += new[edited:]
    new_results = set(range(len(side))) - places.keys()
    callers = pair_calls([item.message for item in side]).callers
    result.answered = {
        places[caller] for number, caller in callers.items() if number in new_results and caller in places
    }
    return result


def _edited(old: Sequence[Item], new: Sequence[Item]) -> int:
    """Return the number of first messages that are edited versions of each other.

    A message with another role, time, other tool calls or another model's usage is a new one.
    """
    shorter = min(len(old), len(new))
    return next((n for n in range(shorter) if _origin(old[n]) != _origin(new[n])), shorter)


def _origin(item: Item) -> tuple[object, ...]:
    message = item.message
    return (message.role, message.at, message.tool_call_id, message.tool_calls, message.model, message.usage)


def _blocks(old: Sequence[Item], new: Sequence[Item]) -> Iterator[tuple[int, int, int, int]]:
    """Yield matching half-open ranges, whose messages are equal or differ, in order."""
    shorter = min(len(old), len(new))
    head = next((n for n in range(shorter) if _mark(old[n]) != _mark(new[n])), shorter)
    rest = shorter - head
    tail = next((n for n in range(rest) if _mark(old[-1 - n]) != _mark(new[-1 - n])), rest)
    names: dict[object, int] = {}
    sides = (
        [names.setdefault(_mark(item), len(names)) for item in side[head : len(side) - tail]] for side in (old, new)
    )
    yield 0, head, 0, head
    for _, first, end, start, stop in align(*sides):
        yield first + head, end + head, start + head, stop + head
    yield len(old) - tail, len(old), len(new) - tail, len(new)


def _join(ours: Sequence[Item], theirs: Sequence[Item], combine: Combine, *, has_base: bool = True) -> Iterator[Entry]:
    """Yield what two versions have added at one place."""
    if not ours or not theirs:
        yield from (*ours, *theirs)
        return
    one, other = _turns(ours), _turns(theirs)
    names: dict[object, int] = {}
    matched = [
        (first, end, start, stop)
        for kind, first, end, start, stop in align(*(_named(turns, names) for turns in (one, other)))
        if kind == "equal"
    ]
    first, start = 0, 0
    for equal_from, equal_to, their_from, their_to in [*matched, (len(one), len(one), len(other), len(other))]:
        is_last = equal_from == len(one)
        yield from _join_apart(
            one[first:equal_from], other[start:their_from], combine, is_last=is_last, has_base=has_base
        )
        pairs = zip(_flat(one[equal_from:equal_to]), _flat(other[their_from:their_to]), strict=True)
        yield from (_same(ours, theirs, combine) for ours, theirs in pairs)
        first, start = equal_to, their_to


def _join_apart(
    ours: list[list[Item]], theirs: list[list[Item]], combine: Combine, *, is_last: bool, has_base: bool
) -> Iterator[Entry]:
    """Yield turns of two versions that have no turn in common."""
    if not ours or not theirs:
        yield from _flat([*ours, *theirs])
        return
    one, other = ours[0], theirs[0]
    shorter = min(len(one), len(other))
    if list(map(_mark, one[:shorter])) == list(map(_mark, other[:shorter])):
        # One version has more of the same turn.
        yield from (_same(a, b, combine) for a, b in zip(one[:shorter], other[:shorter], strict=True))
        yield from (*one[shorter:], *other[shorter:])
        yield from _join_apart(ours[1:], theirs[1:], combine, is_last=is_last, has_base=has_base)
        return
    starts = one[0].message.role == "user", other[0].message.role == "user"
    is_new = is_last and all(starts) and one[0].identity != other[0].identity
    if not has_base and not is_new:
        # Added messages, or two versions of the same? Only a common ancestor could tell.
        yield Conflict(tuple(_flat(ours)), (), tuple(_flat(theirs)))
    elif not starts[1] and starts[0]:
        # It continues the turn before, so it comes first.
        yield from (*other, *_flat(ours), *_flat(theirs[1:]))
    else:
        yield from _flat([*ours, *theirs])


def _flat(turns: Sequence[Sequence[Item]]) -> list[Item]:
    return [item for turn in turns for item in turn]


def _same(ours: Item, theirs: Item, combine: Combine) -> Entry:
    if ours.meaning == theirs.meaning:
        return ours
    return combine(None, ours, theirs) or Conflict((ours,), (), (theirs,))


def _turns(items: Sequence[Item]) -> list[list[Item]]:
    """Split messages before each question."""
    turns: list[list[Item]] = []
    for item in items:
        if item.message.role == "user" or not turns:
            turns.append([])
        turns[-1].append(item)
    return turns


def _mark(item: Item) -> tuple[object, ...]:
    """Return what is the same for one message on two branches, and only for one."""
    return item.identity, item.message.at


def _named(turns: list[list[Item]], names: dict[object, int]) -> list[int]:
    """Return a number for each turn, the same for the same turn.

    The same words may be said twice, so messages with different times differ. A question alone needs a time.
    """
    numbers = []
    for turn in turns:
        is_marked = len(turn) > 1 or "at" in turn[0].node.values or turn[0].message.role != "user"
        key = tuple(map(_mark, turn)) if is_marked else object()
        if len(turn) == 1 and "at" in turn[0].node.values:
            key = turn[0].meaning
        numbers.append(names.setdefault(key, len(names)))
    return numbers
