"""Tests of the lines that wait for the end of a turn."""

from __future__ import annotations

from repl.input.pastes import Entry
from repl.input.queue import MessageQueue


def queue_of(*lines: str) -> MessageQueue:
    queue = MessageQueue()
    for line in lines:
        queue.add(Entry(line))
    return queue


def shown(queue: MessageQueue) -> list[tuple[str, bool]]:
    return [(line.entry.typed, line.steers) for line in queue.lines]


def test_lines_are_taken_in_order_or_from_their_place() -> None:
    queue = queue_of("one", "two", "three")
    assert queue.take_next() == Entry("one")
    assert queue.take(1).entry == Entry("three")
    assert shown(queue) == [("two", False)]
    queue.add(Entry("before"), place=0)
    assert shown(queue) == [("before", False), ("two", False)]


def test_held_lines_are_not_taken_before_they_are_released() -> None:
    queue = queue_of("one", "two")
    queue.steer()
    queue.hold()
    queue.add(Entry("new"))
    assert queue.take_steering() == []
    assert queue.take_next() == Entry("new")
    assert queue.take_next() is None
    queue.release()
    assert [queue.take_next(), queue.take_next(), queue.take_next()] == [Entry("one"), Entry("two"), None]


def test_only_messages_steer() -> None:
    queue = queue_of("/stats", "!ls", "exit", "go left")
    queue.add(Entry("/clear"), steers=True)
    queue.steer()
    assert [line for line, steers in shown(queue) if steers] == ["go left"]


def test_taken_messages_return_to_the_front() -> None:
    queue = queue_of("again", "/stats")
    queue.steer()
    queue.add(Entry("again"), steers=True)
    taken = queue.take_steering()
    assert taken == [Entry("again"), Entry("again")]
    assert shown(queue) == [("/stats", False)]
    queue.put_back(taken)
    assert shown(queue) == [("again", True), ("again", True), ("/stats", False)]
