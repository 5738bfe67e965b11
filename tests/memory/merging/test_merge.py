"""Merging two versions of a session by the identity of messages."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from aloop.llm.json_values import JsonObject
from aloop.llm.message_types import LLMMessage
from aloop.memory.annotations import with_note
from aloop.memory.codec.patch import revise
from aloop.memory.codec.serialization import dump_session, load_session
from aloop.memory.context import UNANSWERED
from aloop.memory.merging.markers import split_versions
from aloop.memory.merging.merge import CannotMerge, Merged, merge_sessions
from aloop.memory.session import Session
from tests.memory.examples import LATER, NOON, NOWHERE, OTHER_ID, SPEC_SAMPLE, answer, call, result, session, user
from tests.memory.merging.branches import faults, handwritten_branches, random_branches

BASE = session(user("Hi"), answer("Hello"))
OURS = (user("A?"), answer(None, call("a")), result("4", "a"), answer("Done."))
THEIRS = (user("B?"), answer(None, call("b")), result("5", "b"), answer("Done."))


def with_messages(*messages: LLMMessage, before: Session = BASE) -> Session:
    return replace(before, messages=messages)


def merge(base: Session | None, ours: Session, theirs: Session) -> Merged:
    return merge_sessions(dump_session(base) if base else b"", dump_session(ours), dump_session(theirs), NOWHERE)


def merged(base: Session | None, ours: Session, theirs: Session) -> Session:
    done = merge(base, ours, theirs)
    assert not done.conflicts
    return load_session(done.data, NOWHERE)


def added(*messages: LLMMessage) -> Session:
    return with_messages(*BASE.messages, *messages)


def test_turns_of_both_branches_follow_each_other() -> None:
    assert merged(BASE, added(*OURS), added(*THEIRS)).messages == (*BASE.messages, *OURS, *THEIRS)


def test_turn_on_both_branches_is_kept_once() -> None:
    ours, theirs = added(*OURS, *THEIRS), added(*OURS, user("C?"), answer("C."))
    assert merged(BASE, ours, theirs).messages == (*BASE.messages, *OURS, *THEIRS, user("C?"), answer("C."))


def test_equal_turns_at_different_times_are_both_kept() -> None:
    first, second = ([replace(message, at=at) for message in OURS] for at in (NOON, LATER))
    assert merged(BASE, added(*first), added(*second)).messages == (*BASE.messages, *first, *second)
    assert merged(BASE, added(*first), added(*first)).messages == (*BASE.messages, *first)


def test_turns_on_both_branches_are_joined_without_a_common_ancestor() -> None:
    assert merged(None, added(*OURS), added(*THEIRS)).messages == (*BASE.messages, *OURS, *THEIRS)


def test_longer_version_of_a_turn_is_kept() -> None:
    assert merged(BASE, added(*OURS[:2]), added(*OURS)).messages == (*BASE.messages, *OURS)


def test_edit_on_one_branch_and_turns_on_the_other_are_both_kept() -> None:
    edited = with_messages(user("Hi!"), BASE.messages[1], *OURS)
    assert merged(BASE, edited, added(*THEIRS)).messages == (*edited.messages, *THEIRS)
    assert merged(BASE, added(*THEIRS), edited).messages == (user("Hi!"), BASE.messages[1], *THEIRS, *OURS)


def test_removed_turn_stays_removed() -> None:
    base = added(*OURS)
    assert merged(base, BASE, with_messages(*base.messages, *THEIRS)).messages == (*BASE.messages, *THEIRS)


def test_different_keys_of_one_message_are_joined() -> None:
    ours = with_messages(BASE.messages[0], replace(BASE.messages[1], content="Hello!"))
    theirs = with_messages(BASE.messages[0], replace(BASE.messages[1], skip=True))
    assert merged(BASE, ours, theirs).messages[1] == replace(answer("Hello!"), skip=True)


def test_same_message_changed_on_both_branches_is_a_readable_conflict() -> None:
    ours, theirs = with_messages(user("Hi"), answer("Hello, you")), with_messages(user("Hi"), answer("Hello, me"))
    done = merge(BASE, ours, theirs)
    assert done.conflicts == 1
    assert """\
<<<<<<< ours
  - role: assistant
    content: "Hello, you"
||||||| base
  - role: assistant
    content: "Hello"
=======
  - role: assistant
    content: "Hello, me"
>>>>>>> theirs
""" in done.data.decode()


def test_message_changed_on_one_branch_and_removed_on_the_other_is_a_conflict() -> None:
    base = added(user("More"), answer("Yes."))
    edited = with_messages(*base.messages[:3], answer("No."))
    assert merge(base, edited, BASE).conflicts == 1


def test_removed_turn_with_a_note_on_the_other_branch_is_one_conflict() -> None:
    base = added(*OURS, *THEIRS)
    noted = with_messages(*BASE.messages, *OURS[:2], with_note(OURS[2], "Look here"), OURS[3], *THEIRS)
    done = merge(base, added(*THEIRS), noted)
    assert done.conflicts == 1
    versions = split_versions(done.data.decode())
    assert versions is not None
    assert load_session(versions.ours.encode(), NOWHERE).messages == (*BASE.messages, *THEIRS)
    assert load_session(versions.theirs.encode(), NOWHERE).messages == noted.messages


def test_removed_turn_that_the_other_branch_has_continued_stays_whole() -> None:
    base = added(*OURS[:2])
    assert merged(base, BASE, added(*OURS)).messages == added(*OURS).messages
    assert merged(base, added(*OURS), BASE).messages == added(*OURS).messages


def test_later_message_with_the_same_words_is_not_taken_for_an_edited_one() -> None:
    first, edited, again = (replace(user(text), at=at) for text, at in (("Go", NOON), ("Go!", NOON), ("Go", LATER)))
    answered = replace(answer("Gone."), at=LATER)
    base, ours = with_messages(first), with_messages(edited, answered, again)
    theirs = with_messages(replace(first, content="Go?"))
    done = merge(base, ours, theirs)
    assert done.conflicts == 1
    versions = split_versions(done.data.decode())
    assert versions is not None
    assert load_session(versions.ours.encode(), NOWHERE).messages == ours.messages


def test_results_that_both_branches_gave_to_a_call_leave_one_in_use() -> None:
    base = with_messages(user("Hi"), answer(None, call("a")))
    ours = with_messages(*base.messages, result("4", "a"), answer("Four."))
    theirs = with_messages(*base.messages, result(UNANSWERED, "a"), answer("None."))
    messages = merged(base, ours, theirs).messages
    assert messages[2:] == (
        result("4", "a"),
        answer("Four."),
        replace(result(UNANSWERED, "a"), skip=True),
        answer("None."),
    )


def test_result_follows_its_call_when_the_other_branch_has_added_a_turn() -> None:
    base = with_messages(user("Hi"), answer(None, call("a")))
    theirs = with_messages(*base.messages, result("4", "a"), answer("Four."))
    messages = merged(base, with_messages(*base.messages, *THEIRS), theirs).messages
    assert messages == (*base.messages, result("4", "a"), answer("Four."), *THEIRS)


def test_call_without_result_in_the_middle_gets_a_placeholder() -> None:
    messages = merged(BASE, added(*OURS[:2]), added(*THEIRS)).messages
    assert [message.content for message in messages[4:6]] == [UNANSWERED, "B?"]


def test_header_is_that_of_the_later_version() -> None:
    ours = replace(added(*OURS), title="Ours", model="one", tools_digest="1")
    theirs = replace(added(*THEIRS), title="Theirs", tools_digest="2", updated_at=LATER)
    base = replace(BASE, title="Base", model="zero")
    done = merged(base, ours, replace(theirs, model="zero"))
    assert (done.title, done.model, done.updated_at, done.tools_digest) == ("Theirs", "one", LATER, "2")


def test_changed_keys_of_the_header_do_not_conflict() -> None:
    ours = replace(added(*OURS), extra=JsonObject({"instructions": "aa", "pinned": True}))
    theirs = replace(added(*THEIRS), extra=JsonObject({"instructions": "bb", "pinned": False}), updated_at=LATER)
    assert merged(BASE, ours, theirs).extra.as_dict() == {"instructions": "bb", "pinned": False}


def test_system_message_of_the_branch_that_changed_it_is_kept() -> None:
    base = session(*BASE.messages, system="Be kind.")
    theirs = session(*BASE.messages, *THEIRS, system="Be brief.")
    done = merged(base, replace(base, messages=(*BASE.messages, *OURS)), theirs)
    assert done.system_messages == theirs.system_messages
    assert done.messages == (*BASE.messages, *OURS, *THEIRS)


def test_style_and_comments_of_our_file_are_kept() -> None:
    text = SPEC_SAMPLE.replace(b"\n", b"\r\n").replace(
        b"messages:\r\n  - role: user", b"messages:  # all\r\n  - role: user"
    )
    base = load_session(text, NOWHERE)
    later = replace(base, messages=(*base.messages, user("More"), answer("Yes.")))
    ours = bytes(revise(text, NOWHERE, base, later, later.messages)) + b"# the end\r\n"
    theirs = dump_session(replace(base, messages=(*base.messages, *THEIRS)))
    done = merge_sessions(text, ours, theirs, NOWHERE).data
    assert load_session(done, NOWHERE).messages == (*later.messages, *THEIRS)
    assert b"messages:  # all\r\n" in done
    assert done.endswith(b"# the end\r\n")
    assert b"\n" not in done.replace(b"\r\n", b"")
    assert ours[ours.index(b"messages:  # all") : -len(b"# the end\r\n")] in done


def test_unknown_keys_and_comments_of_their_messages_are_kept() -> None:
    text = dump_session(added(*THEIRS)).replace(
        b'    content: "B?"\n', b'    # asked twice\n    content: "B?"\n    x-mood: {calm: [1, 2]}\n'
    )
    done = merge_sessions(dump_session(BASE), dump_session(added(*OURS)), text, NOWHERE).data
    assert b'    # asked twice\n    content: "B?"\n    x-mood: {calm: [1, 2]}\n' in done


def test_unknown_header_key_that_both_changed_is_a_conflict() -> None:
    ours, theirs = (dump_session(BASE).replace(b"\n\n", b"\nx-place: %s\n\n" % name, 1) for name in (b"here", b"there"))
    done = merge_sessions(dump_session(BASE), ours, theirs, NOWHERE)
    assert done.conflicts == 1
    assert "x-place: here\n||||||| base\n=======\nx-place: there\n" in done.data.decode()


def test_tags_of_both_branches_are_joined() -> None:
    ours, theirs = (dump_session(BASE).replace(b"\n\n", b"\ntags: [%s]\n\n" % tags, 1) for tags in (b"a, b", b"b, c"))
    assert b"\ntags: [a, b, c]\n" in merge_sessions(dump_session(BASE), ours, theirs, NOWHERE).data


@pytest.mark.parametrize(
    ("ours", "reason"),
    [
        (dump_session(replace(BASE, id=OTHER_ID)), "different IDs"),
        (b"id: [", "line 1"),
        (dump_session(replace(BASE, version=2)), "later version"),
    ],
)
def test_versions_that_are_not_one_session_are_refused(ours: bytes, reason: str) -> None:
    with pytest.raises(CannotMerge, match=reason):
        merge_sessions(dump_session(BASE), ours, dump_session(BASE), NOWHERE)


@pytest.mark.parametrize("seed", range(40))
def test_random_branches_lose_no_message_and_keep_calls_paired(seed: int) -> None:
    rng = random.Random(seed)
    branches = handwritten_branches(rng) if seed % 3 == 2 else random_branches(rng)
    done = merge_sessions(branches.base, branches.ours, branches.theirs, NOWHERE)
    assert not list(faults(branches, done))
