"""YamlBackend creates, lists, finds and deletes session folders."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aloop.errors import AmbiguousPrefix, InvalidPrefix, SessionFileError, SessionNotFound
from aloop.memory.codec.serialization import load_session
from aloop.memory.session import Session, SessionSummary
from aloop.memory.sessions_dir.yaml_backend import YamlBackend
from tests.memory.examples import ID, LATER, NOON, OTHER_ID, SPEC_SAMPLE, answer, call, result, session, user
from tests.memory.folders import BROKEN_ID, TWIN_ID, ids, put


def break_(backend: YamlBackend) -> Path:
    """Store a session and make its file invalid from the first line on."""
    path = put(backend, BROKEN_ID, 9)
    path.write_text('id: "never ends\n')
    return path


def test_new_session_folder_is_named_by_date_and_id(backend: YamlBackend, sessions_dir: Path) -> None:
    path = put(backend)
    assert path == sessions_dir / "2025-01-31_a1b2c3d4" / "session.yaml"
    assert load_session(path.read_bytes(), path).messages == (user("Hi"),)


def test_reading_creates_no_folder(backend: YamlBackend, sessions_dir: Path) -> None:
    assert backend.list_sessions(20) == []
    assert backend.latest() is None
    assert backend.find("a1b2") == []
    assert not sessions_dir.parent.exists()


def test_sessions_with_the_same_id_prefix_get_separate_folders(backend: YamlBackend) -> None:
    sibling = ID[:8] + OTHER_ID[8:]
    assert put(backend).parent.name == "2025-01-31_a1b2c3d4"
    assert put(backend, sibling).parent.name == f"2025-01-31_{sibling}"
    assert {entry.id for entry in backend.find("a1b2c3d4")} == {ID, sibling}


def test_empty_session_folder_is_reused(backend: YamlBackend, sessions_dir: Path) -> None:
    (sessions_dir / "2025-01-31_a1b2c3d4").mkdir(parents=True)
    assert backend.list_sessions(20) == []
    assert put(backend).parent.name == "2025-01-31_a1b2c3d4"


def test_saved_session_is_replaced(backend: YamlBackend) -> None:
    stored = backend.create(session(user("Hi")))
    for text in ("one", "two\nlines", "three"):
        grown = replace(stored.session, updated_at=LATER, messages=(*stored.session.messages, answer(text)))
        stored.save(grown, [answer(text)])
    loaded = backend.open(ID).session
    assert [message.content for message in loaded.messages] == ["Hi", "one", "two\nlines", "three"]
    assert loaded.updated_at == LATER


def test_tool_calls_round_trip(backend: YamlBackend) -> None:
    exchange = (user("2+2?"), answer(None, call()), result("4"), answer("Four."))
    put(backend, ID, 0, *exchange)
    assert backend.open(ID).session.messages == exchange


def test_listing_has_times_message_count_title_and_path(backend: YamlBackend) -> None:
    path = put(backend, ID, 30, user("What is  2+2?\nTell me."), answer("4"))
    (summary,) = backend.list_sessions(20)
    assert summary == SessionSummary(ID, NOON, NOON + timedelta(minutes=30), 2, "What is 2+2?", path)


def test_listing_is_newest_first_and_limited(backend: YamlBackend) -> None:
    many = [f"{number:08x}-5678-40ab-8def-1234567890ab" for number in range(25)]
    for minutes, identity in enumerate(many):
        put(backend, identity, minutes)
    assert ids(backend.list_sessions(20)) == many[:-21:-1]
    assert ids(backend.list_sessions(3)) == many[:-4:-1]
    assert ids(backend.list_sessions(None)) == many[::-1]
    assert backend.list_sessions(0) == []
    assert backend.latest() == many[-1]


def test_specification_sample_in_any_folder_is_a_session(backend: YamlBackend, sessions_dir: Path) -> None:
    folder = sessions_dir / "My talk"
    folder.mkdir(parents=True)
    (folder / "session.yaml").write_bytes(SPEC_SAMPLE)
    assert backend.latest() == "a1b2c3d4-5678-90ab-cdef-1234567890ab"
    assert backend.open("A1B2").session.messages[0] == user("Hello")
    assert backend.delete("a1b2").is_dir()


@pytest.mark.parametrize("prefix", ["a", "A1B2", " a1b2c3d4 ", ID, ID.upper()])
def test_unique_prefix_is_found_in_any_case(backend: YamlBackend, prefix: str) -> None:
    put(backend)
    put(backend, OTHER_ID)
    assert backend.locate(prefix).id == ID
    assert backend.open(prefix).session.id == ID


def test_ambiguous_prefix_has_candidates(backend: YamlBackend) -> None:
    put(backend)
    put(backend, TWIN_ID)
    with pytest.raises(AmbiguousPrefix, match="a1b2") as caught:
        backend.open("a1b2")
    assert caught.value.candidates == (ID, TWIN_ID)


def test_unknown_prefix_is_not_found(backend: YamlBackend) -> None:
    put(backend)
    assert backend.find("ffff") == []
    with pytest.raises(SessionNotFound, match="ffff"):
        backend.open("ffff")


@pytest.mark.parametrize("prefix", ["a", "a1", "a1b", " a1b "])
def test_delete_rejects_a_short_prefix(backend: YamlBackend, prefix: str) -> None:
    path = put(backend)
    with pytest.raises(InvalidPrefix, match="at least 4 characters"):
        backend.delete(prefix)
    assert path.exists()


def test_delete_rejects_an_ambiguous_prefix(backend: YamlBackend) -> None:
    paths = [put(backend), put(backend, TWIN_ID)]
    with pytest.raises(AmbiguousPrefix):
        backend.delete("a1b2")
    assert all(path.exists() for path in paths)


def test_deleted_session_moves_to_the_trash(backend: YamlBackend, sessions_dir: Path) -> None:
    path, other = put(backend), put(backend, OTHER_ID)
    data = path.read_bytes()
    (path.parent / "outputs.txt").write_text("mine")
    gone = backend.delete("a1b2")
    assert gone.parent == sessions_dir / ".trash"
    assert gone.name.startswith("2025-01-31_a1b2c3d4.")
    assert (gone / "session.yaml").read_bytes() == data
    assert (gone / "outputs.txt").read_text() == "mine"
    assert not path.parent.exists()
    assert ids(backend.list_sessions(20)) == [OTHER_ID]
    assert backend.find("a1b2") == []
    assert other.exists()


def test_session_can_be_deleted_twice(backend: YamlBackend) -> None:
    put(backend)
    first = backend.delete(ID)
    put(backend)
    assert first != backend.delete(ID)
    assert first.exists()


def test_broken_session_does_not_hide_others(backend: YamlBackend) -> None:
    put(backend)
    path = break_(backend)
    broken, sound = backend.list_sessions(20)
    assert (sound.id, sound.problem) == (ID, None)
    assert broken.id == "0badcafe"
    assert str(broken.problem).startswith(f"{path}:1:5: ")
    assert backend.open(ID).session.id == ID


def test_broken_session_is_found_by_folder_name(backend: YamlBackend) -> None:
    path = break_(backend)
    with pytest.raises(SessionFileError) as caught:
        backend.open("0badcafe")
    assert (caught.value.path, caught.value.line) == (path, 1)
    assert (backend.delete("0badcafe") / "session.yaml").read_text() == 'id: "never ends\n'
    assert backend.list_sessions(20) == []


def test_session_broken_after_the_header_is_listed_with_its_problem(backend: YamlBackend) -> None:
    path = put(backend)
    path.write_bytes(path.read_bytes().replace(b"role: user", b"role: robot"))
    (summary,) = backend.list_sessions(20)
    assert summary.id == ID
    assert "unknown role 'robot'" in str(summary.problem)
    with pytest.raises(SessionFileError, match="robot"):
        backend.open("a1b2")


def test_valid_copy_is_found_beside_a_broken_original(backend: YamlBackend, sessions_dir: Path) -> None:
    """The original is found by its folder name, the copy by its full ID."""
    path = put(backend)
    copy = sessions_dir / "backup_of_it"
    copy.mkdir()
    (copy / "session.yaml").write_bytes(path.read_bytes())
    path.write_text("id: [")
    assert backend.locate(ID).folder == "backup_of_it"
    assert backend.locate("a1b2c3d4").folder == path.parent.name


def test_sessions_are_found_after_the_project_moves(backend: YamlBackend, sessions_dir: Path, tmp_path: Path) -> None:
    put(backend)
    sessions_dir.parent.rename(tmp_path / "moved")
    assert backend.list_sessions(20) == []
    assert YamlBackend(tmp_path / "moved" / "sessions").locate("a1b2").id == ID


def test_session_life_cycle(backend: YamlBackend) -> None:
    stored = backend.create(session(user("Hi"), system="Be kind."))
    grown: Session = replace(stored.session, updated_at=LATER, messages=(user("Hi"), answer("Hello")))
    stored.save(grown, [answer("Hello")])
    assert backend.latest() == ID
    assert backend.list_sessions(20)[0].message_count == 2
    again = backend.open("a1b2")
    assert (again.session.messages, again.session.system_messages) == (grown.messages, grown.system_messages)
    again.save(replace(again.session, messages=(*grown.messages, user("Bye"))), [user("Bye")])
    assert backend.open(ID).session.messages[-1] == user("Bye")
    assert stored.changed_on_disk()
    backend.delete(ID)
    assert backend.list_sessions(20) == []
    with pytest.raises(SessionNotFound):
        backend.open(ID)


@pytest.mark.parametrize(
    ("header", "content", "title"),
    [
        ("", "What is 2+2?", "What is 2+2?"),
        ("", '"\\n  Two\\n lines"', "Two"),
        ("title: Plain and unquoted\n", "Hello", "Plain and unquoted"),
        ('title: "A \\"quote\\""\n', "Hello", 'A "quote"'),
        ("", "|\n" + "      long\n" * 4_000, "long"),
    ],
)
def test_title_missing_from_the_first_lines_is_found(
    backend: YamlBackend, header: str, content: str, title: str
) -> None:
    path = backend.sessions_dir / "by-hand" / "session.yaml"
    path.parent.mkdir(parents=True)
    times = 'created_at: "2025-01-31T14:30:00"\nupdated_at: "2025-01-31T14:30:00"\n'
    system = "system_messages:\n  - role: system\n    content: Be kind.\n"
    path.write_text(f"id: {ID}\n{times}{header}{system}messages:\n  - role: user\n    content: {content}\n")
    assert [row.title for row in backend.list_titles()] == [title]
    assert [row.title for row in backend.list_sessions(None)] == [title]


def test_title_is_found_without_reading_the_whole_file(backend: YamlBackend) -> None:
    path = backend.create(session(user("Hello"), answer("word\n" * 10_000))).path
    text = path.read_text().replace("title:", "x-title:")
    path.write_text(text[: len(text) // 2] + "\n  damaged: [\n")
    assert [row.title for row in backend.list_titles()] == ["Hello"]


def test_summarize_leaves_out_missing_sessions(backend: YamlBackend) -> None:
    backend.create(session(user("Hello"), answer("Hi")))
    [row] = backend.summarize([OTHER_ID, ID])
    assert (row.id, row.message_count) == (ID, 2)


def test_iterate_sessions_yields_the_listing(backend: YamlBackend) -> None:
    for number in range(3):
        identity = f"{number:08}-5678-40ab-8def-1234567890ab"
        backend.create(session(user("Hello"), identity=identity, updated_at=NOON + timedelta(minutes=number)))
    yielded = [row for rows in backend.iterate_sessions() for row in rows]
    assert yielded == backend.list_sessions(None)


def test_session_dated_in_the_future_is_the_latest_only_without_others(backend: YamlBackend) -> None:
    backend.create(replace(session(user("ahead")), updated_at=datetime(2999, 1, 1, tzinfo=UTC)))
    assert backend.latest() == ID
    put(backend, OTHER_ID, 2)
    assert backend.latest() == OTHER_ID


def test_titles_of_the_last_folders_are_read_without_the_others(backend: YamlBackend, sessions_dir: Path) -> None:
    for day in range(1, 10):
        identity = f"{day}{ID[1:]}"
        made = NOON.replace(month=2, day=day)
        backend.create(replace(session(user("Hello"), identity=identity), created_at=made, updated_at=made))
    break_(backend)
    (sessions_dir / ".index.yaml").unlink()
    assert [row.id[0] for row in backend.list_titles(3)] == ["9", "8", "7"]
    assert not (sessions_dir / ".index.yaml").exists()
