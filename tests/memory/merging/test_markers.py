"""Session files with conflict markers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aloop.memory.codec.serialization import dump_session, load_session
from aloop.memory.merging.markers import read_marked, split_versions
from aloop.memory.merging.merge import merge_sessions
from tests.memory.examples import LATER, NOWHERE, answer, session, user

BASE = session(user("Hi"), answer("Hello"))
MARKED = (
    dump_session(BASE)
    .replace(b"...\n", b"")
    .replace(
        b'updated_at: "2025-01-31T12:00:00.000+00:00"\n',
        b'<<<<<<< HEAD\nupdated_at: "2025-01-31T12:00:00.000+00:00"\n'
        b'=======\nupdated_at: "2025-01-31T12:30:00.000+00:00"\n>>>>>>> topic\n',
    )
    + b'<<<<<<< HEAD\n  - role: user\n    content: "A?"\n=======\n  - role: user\n    content: "B?"\n>>>>>>> topic\n'
    + b"...\n"
)


def joined(data: bytes) -> bytes | None:
    """Return the text that --fix would write."""
    marked = read_marked(data, NOWHERE)
    return marked.joined if marked else None


def test_messages_that_both_branches_added_are_joined() -> None:
    marked = read_marked(MARKED, NOWHERE)
    assert marked is not None
    assert marked.joined is not None
    assert (marked.left, [last - first for first, last in marked.lines]) == (0, [4, 6])
    done = load_session(marked.joined, NOWHERE)
    assert done.messages == (*BASE.messages, user("A?"), user("B?"))
    assert done.updated_at.minute == 30


def test_message_that_both_branches_changed_is_left_to_the_user() -> None:
    ours, theirs = (replace(BASE, messages=(user("Hi"), answer(text), user("?"))) for text in ("one", "two"))
    base = replace(BASE, messages=(*BASE.messages, user("?")))
    driver = merge_sessions(dump_session(base), dump_session(ours), dump_session(theirs), NOWHERE)
    assert driver.conflicts
    assert joined(driver.data) is None
    without_base = driver.data.replace(b'||||||| base\n  - role: assistant\n    content: "Hello"\n', b"")
    assert without_base != driver.data
    assert joined(without_base) is None


def test_conflict_of_lines_is_reduced_to_messages_that_differ() -> None:
    base, ours, theirs = (
        replace(BASE, messages=(user("Hi"), answer(text), user(f"{text}?"))) for text in ("none", "one", "two")
    )
    start, end = b"messages:\n", b"...\n"
    head = dump_session(base).partition(start)[0]
    sides = tuple(dump_session(side).partition(start)[2].removesuffix(end) for side in (ours, base, theirs))
    text = head + start + b"<<<<<<< a\n%s||||||| b\n%s=======\n%s>>>>>>> c\n" % sides + end
    marked = read_marked(text, NOWHERE)
    assert marked is not None
    assert marked.joined is not None
    assert (marked.left, marked.joined.count(b'"Hi"'), marked.joined.count(b'"one?"')) == (2, 1, 1)
    assert joined(marked.joined) is None


@pytest.mark.parametrize(
    "data",
    [dump_session(BASE), MARKED.replace(b">>>>>>> topic\n...", b"..."), MARKED.replace(b"role: user", b"role: [")],
)
def test_file_without_two_readable_versions_is_left_alone(data: bytes) -> None:
    assert joined(data) is None


def test_labels_and_line_ends_of_the_versions_are_kept() -> None:
    versions = split_versions("a\r\n<<<<<<< HEAD\r\nb\r\n||||||| 1234\r\n=======\r\nc\r\n>>>>>>> topic\r\n")
    assert versions is not None
    assert (versions.ours, versions.base, versions.theirs) == ("a\r\nb\r\n", "a\r\n", "a\r\nc\r\n")
    assert (versions.labels.ours, versions.labels.base, versions.labels.theirs) == ("HEAD", "1234", "topic")


def test_files_in_another_encoding_are_joined() -> None:
    text = MARKED.decode().encode("utf-16-le")
    done = joined(b"\xff\xfe" + text)
    assert done is not None
    assert load_session(done, NOWHERE).updated_at.replace(microsecond=0) == LATER.replace(microsecond=0)
