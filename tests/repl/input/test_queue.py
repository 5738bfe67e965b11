"""Tests of the lines that wait for the end of a turn."""

from __future__ import annotations

from repl.input.pastes import Entry
from repl.input.queue import MessageQueue, joined


def queue_of(*lines: str) -> MessageQueue:
    queue = MessageQueue()
    for line in lines:
        queue.add(Entry(line))
    return queue


def shown(queue: MessageQueue) -> list[tuple[str, bool]]:
    return [(line.entry.typed, line.steers) for line in queue.lines]


def test_lines_are_taken_from_both_ends() -> None:
    queue = queue_of("one", "two", "three")
    assert queue.take_next() == Entry("one")
    assert queue.take_last() == Entry("three")
    assert queue.take_all() == [Entry("two")]
    assert not queue
    assert queue.take_next() is queue.take_last() is None


def test_only_messages_steer() -> None:
    queue = queue_of("/stats", "!ls", "exit", "go left")
    queue.add(Entry("/clear"), steers=True)
    assert queue.steer()
    assert not queue.steer()
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


def test_joined_lines_keep_their_pastes() -> None:
    entry = joined([Entry("see [pasted 20 lines]", {"[pasted 20 lines]": "text"}), Entry(""), Entry("and this")])
    assert entry.typed == "see [pasted 20 lines]\nand this"
    assert entry.text == "see text\nand this"
