"""Checks and repairs of stored sessions."""

from __future__ import annotations

import codecs
import errno
import math
import os
import time
from difflib import SequenceMatcher
from pathlib import Path

import pytest

from aloop.errors import SessionFileError
from aloop.llm.message_types import LLMMessage
from aloop.memory import MemoryManager, SessionLibrary
from aloop.memory.codec.serialization import load_session
from aloop.memory.disk.filesystem import SYSTEM, temporary_name
from aloop.memory.session_folder.outputs import keep_output
from aloop.memory.sessions_dir.check import Checker
from aloop.memory.sessions_dir.crash_recovery import recover_all
from aloop.memory.sessions_dir.text_check import check_text, repair_text
from tests.memory.faults import FaultyFileSystem
from tests.saved_sessions import check_all

HEAD = """\
# yaml-language-server: $schema=../.session.schema.json
id: a1b2c3d4-5678-40ab-8def-1234567890ab
created_at: "2025-01-31T14:30:00"
updated_at: "2025-01-31T15:45:00"
messages:
"""
SOUND = HEAD + "  - role: user\n    content: Hello\n  - role: assistant\n    content: Hi\n...\n"
BROKEN_TRANSCRIPT = (
    HEAD
    + """\
  - role: assistant
    content: too early
  - role: user   # a comment
    content: "Hello"
  - role: assistant
    content: null
    tool_calls:
      - {id: call_1, type: function, function: {name: calculator, arguments: '{}'}}
      - {id: call_2, type: function, function: {name: calculator, arguments: '{}'}}
  - role: tool
    content: "4"
    tool_call_id: call_2
  - role: user
    content: ""
  - role: tool
    content: "x"
    tool_call_id: call_9"""
)


ANSWER = "  - role: assistant\n    content: Hi\n"


def session_in(sessions_dir: Path, text: str, name: str = "2025-01-31_a1b2c3d4") -> Path:
    folder = sessions_dir / name
    folder.mkdir(parents=True)
    folder.chmod(0o700)
    path = folder / "session.yaml"
    path.write_text(text)
    path.chmod(0o600)
    return path


def findings(sessions_dir: Path, *, fix: bool = False) -> list[str]:
    """Return the findings as lines, relative to the sessions folder."""
    found = check_all(Checker(SYSTEM, sessions_dir, fix=fix))
    return [str(finding).removeprefix(f"{sessions_dir}/") for finding in found]


async def test_sessions_written_by_aloop_have_no_findings(sessions_dir: Path) -> None:
    memory = MemoryManager(sessions_dir=sessions_dir)
    memory.set_system_message("Be kind.")
    await memory.save_memory()
    assert await SessionLibrary(sessions_dir).check() == []


def test_invalid_yaml_is_reported_with_line_and_column(sessions_dir: Path) -> None:
    session_in(sessions_dir, "id: [\n")
    assert findings(sessions_dir)[0].startswith("2025-01-31_a1b2c3d4/session.yaml:1:5: ")


def test_unknown_role_is_reported_with_line_and_column(sessions_dir: Path) -> None:
    session_in(sessions_dir, SOUND.replace("role: assistant", "role: robot"))
    assert findings(sessions_dir)[0].startswith("2025-01-31_a1b2c3d4/session.yaml:8:11: unknown role 'robot'")


def test_transcript_problems_are_reported_by_message(sessions_dir: Path) -> None:
    session_in(sessions_dir, BROKEN_TRANSCRIPT)
    name = "2025-01-31_a1b2c3d4/session.yaml"
    assert findings(sessions_dir) == [
        f"{name}:6:5: an answer comes before any question",
        f"{name}:10:5: the tool call call_1 (calculator) has no result",
        f"{name}:18:5: the message is empty and is not sent to the model",
        f"{name}:20:5: the tool result (call_9) does not belong to an earlier tool call",
        f"{name}:22:25: the end marker (...) is missing: the file may have been cut short",
    ]


def test_many_problems_take_linear_time() -> None:
    seconds = {500: math.inf, 2_000: math.inf}
    for _ in range(5):
        for count in seconds:
            data = (HEAD + ("  - role: tool\n    content: |\n" + "      漢字🎈 in a line\n" * 50) * count).encode()
            start = time.process_time()
            report = check_text(data, Path("session.yaml"))
            # The least of several times is the one that other processes disturbed least.
            seconds[count] = min(seconds[count], time.process_time() - start)
        if seconds[2_000] < 10 * seconds[500]:  # 16 times as much is quadratic
            break
    else:
        raise AssertionError(f"4 times as many problems take too long: {seconds}")
    assert [finding.line for finding in report.findings][:-1] == [6 + 52 * number for number in range(2_000)]
    assert repair_text(data, Path("session.yaml"), report) is not None


def test_repair_loses_nothing_and_keeps_a_copy(sessions_dir: Path) -> None:
    path = session_in(sessions_dir, BROKEN_TRANSCRIPT)
    assert sum(line.endswith("(fixed)") for line in findings(sessions_dir, fix=True)) == 3
    left = findings(sessions_dir)
    assert [line.partition(": ")[2] for line in left] == [
        "an answer comes before any question",
        "the message is empty and is not sent to the model",
    ]
    repaired = path.read_text()
    changes = SequenceMatcher(None, BROKEN_TRANSCRIPT.splitlines(), repaired.splitlines()).get_opcodes()
    assert {kind for kind, *_ in changes} == {"equal", "insert"}
    messages = load_session(path.read_bytes(), path).messages
    assert [message.tool_call_id for message in messages if message.role == "tool"] == ["call_2", "call_1", "call_9"]
    assert [message.skip for message in messages] == [False] * 6 + [True]
    (copy,) = path.parent.glob("session.before-*.yaml")
    assert copy.read_text() == BROKEN_TRANSCRIPT


def test_late_result_is_moved_to_its_call_as_it_is_written(sessions_dir: Path) -> None:
    result = "  - role: tool  # mine\n    content: |\n      4\n    tool_call_id: call_1\n    extra: kept\n"
    call = "  - role: assistant\n    tool_calls:\n      - {id: call_1, function: {name: calculator, arguments: '{}'}}\n"
    text = HEAD + "  - role: user\n    content: Go\n" + call + "  - role: user\n    content: Wait\n" + result + "...\n"
    path = session_in(sessions_dir, text)
    found = "the tool result (call_1) does not directly follow its tool call"
    assert findings(sessions_dir) == [f"2025-01-31_a1b2c3d4/session.yaml:13:5: {found}"]
    assert findings(sessions_dir, fix=True) == [f"2025-01-31_a1b2c3d4/session.yaml:13:5: {found} (fixed)"]
    assert path.read_text() == text.replace(result, "").replace(call, call + result)
    assert findings(sessions_dir) == []


def test_two_calls_with_one_id_have_no_findings(sessions_dir: Path) -> None:
    call = "      - {id: call_1, function: {name: calculator, arguments: '{}'}}\n"
    result = "  - {role: tool, content: x, tool_call_id: call_1}\n"
    text = f"{HEAD}  - role: user\n    content: Go\n  - role: assistant\n    tool_calls:\n{call * 2}{result * 2}...\n"
    session_in(sessions_dir, text)
    assert findings(sessions_dir, fix=True) == []


def test_list_in_brackets_is_reported_but_not_repaired(sessions_dir: Path) -> None:
    text = SOUND.partition("messages:")[0] + "messages: [{role: user, content: a}, {role: tool, content: b}]\n...\n"
    path = session_in(sessions_dir, text)
    assert "does not belong to an earlier tool call" in findings(sessions_dir, fix=True)[0]
    assert path.read_text() == text


def test_modes_that_give_others_access_are_fixed(sessions_dir: Path) -> None:
    path = session_in(sessions_dir, SOUND)
    path.chmod(0o644)
    path.parent.chmod(0o755)
    lines = findings(sessions_dir, fix=True)
    assert lines[:2] == [
        "2025-01-31_a1b2c3d4: is accessible to other users: its mode is 0755, not 0700 (fixed)",
        "2025-01-31_a1b2c3d4/session.yaml: is accessible to other users: its mode is 0644, not 0600 (fixed)",
    ]
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_each_conflict_that_only_the_user_can_settle_is_reported(sessions_dir: Path) -> None:
    def conflict(first: str, second: str) -> str:
        return (
            f"<<<<<<< a\n  - role: assistant\n    content: {first}\n"
            f"=======\n  - role: assistant\n    content: {second}\n>>>>>>> b\n"
        )

    head, _, rest = SOUND.partition("messages:\n")
    text = f"{head}messages:\n  - role: user\n    content: A\n{conflict('b', 'c')}"
    text += f"  - role: user\n    content: D\n{conflict('e', 'f')}{rest}"
    path = session_in(sessions_dir, text)
    first, second = text.splitlines().index("<<<<<<< a") + 1, text.splitlines().index("<<<<<<< a") + 10
    for fix in (False, True):
        assert findings(sessions_dir, fix=fix)[:2] == [
            f"2025-01-31_a1b2c3d4/session.yaml:{start}:1: conflict markers of a merge, up to line {start + 6}; "
            "keep one version, and delete the lines of the markers"
            for start in (first, second)
        ]
    assert path.read_text() == text


@pytest.mark.parametrize(
    ("place", "version", "advice"),
    [
        ("...\n", "  - role: user\n    content: {}\n", "`aloop sessions check a1b2c3d4 --fix` joins the versions"),
        (ANSWER, ANSWER.replace("Hi", "{}"), "keep one version, and delete the lines of the markers"),
    ],
)
async def test_open_and_check_give_the_same_advice_about_conflict_markers(
    sessions_dir: Path, place: str, version: str, advice: str
) -> None:
    conflict = f"<<<<<<< a\n{version.format('b')}=======\n{version.format('c')}>>>>>>> b\n"
    session_in(sessions_dir, SOUND.replace(place, conflict + ("...\n" if place == "...\n" else "")))
    with pytest.raises(SessionFileError) as caught:
        await MemoryManager(sessions_dir=sessions_dir).resume("a1b2c3d4")
    assert str(caught.value).endswith(f"; {advice}")
    assert any("can be joined" in line for line in findings(sessions_dir)) == ("--fix" in advice)


@pytest.mark.parametrize("closed", [".", "..", "2025-01-31_a1b2c3d4"])
def test_modes_within_a_folder_that_others_cannot_enter_are_not_reported(sessions_dir: Path, closed: str) -> None:
    path = session_in(sessions_dir, SOUND)
    path.chmod(0o644)
    path.parent.chmod(0o755)
    (sessions_dir / closed).chmod(0o700)
    assert not [line for line in findings(sessions_dir) if "mode" in line]


def test_duplicate_ids_are_reported(sessions_dir: Path) -> None:
    session_in(sessions_dir, SOUND)
    session_in(sessions_dir, SOUND, "copy")
    assert "copy/session.yaml: has the same ID as 2025-01-31_a1b2c3d4; change the ID in one of them" in findings(
        sessions_dir
    )


def test_missing_index_is_not_a_problem(sessions_dir: Path) -> None:
    session_in(sessions_dir, SOUND)
    assert findings(sessions_dir) == []


def test_wrong_index_is_not_a_problem_and_is_rebuilt(sessions_dir: Path) -> None:
    """Every use of it corrects it."""
    session_in(sessions_dir, SOUND)
    (sessions_dir / ".index.yaml").write_text("[]\n")
    (sessions_dir / ".index.yaml").chmod(0o600)
    assert findings(sessions_dir) == []
    assert findings(sessions_dir, fix=True) == []
    assert "a1b2c3d4-5678" in (sessions_dir / ".index.yaml").read_text()


def test_temporary_files_are_no_finding_and_are_removed_if_their_writers_are_dead(sessions_dir: Path) -> None:
    path = session_in(sessions_dir, SOUND)
    dead = path.with_name(".session.yaml.4194000-0123abcd.tmp")
    living = path.with_name(temporary_name(path.name))
    dead.touch()
    living.touch()
    assert findings(sessions_dir) == []
    assert dead.exists()
    assert findings(sessions_dir, fix=True) == []
    assert living.exists()
    assert not dead.exists()


@pytest.mark.parametrize("cleaner", ["check", "start"])
def test_temporary_files_of_outputs_are_removed(sessions_dir: Path, tmp_path: Path, cleaner: str) -> None:
    def clean() -> None:
        if cleaner == "check":
            findings(sessions_dir, fix=True)
        else:
            recover_all(SYSTEM, sessions_dir)

    outputs = session_in(sessions_dir, SOUND).with_name("outputs")
    outputs.mkdir(mode=0o700)
    dead = outputs / ".0001-run_shell.txt.4194000-0123abcd.tmp"
    dead.touch()
    clean()
    assert not dead.exists()
    dead.touch()
    outputs.rename(tmp_path / "aside")
    outputs.symlink_to(tmp_path / "aside")
    clean()
    assert (tmp_path / "aside" / dead.name).exists()


RECOVERED = "session.recovered-20260101T000000.000000.yaml"
MORE = "  - role: user\n    content: More?\n  - role: assistant\n    content: More.\n"


def test_turns_beside_a_session_are_added_to_it(sessions_dir: Path) -> None:
    path = session_in(sessions_dir, SOUND)
    beside = path.with_name(RECOVERED)
    beside.write_text(SOUND.replace("...\n", f"{MORE}...\n"))
    said = f"2025-01-31_a1b2c3d4/{RECOVERED}: contains turns that are not in session.yaml"
    assert findings(sessions_dir)[0] == said
    assert beside.exists()
    assert findings(sessions_dir, fix=True)[0] == f"{said} (fixed)"
    assert path.read_text() == SOUND.replace("...\n", f"{MORE}...\n")
    assert not beside.exists()
    assert next(path.parent.glob("session.before-*")).read_text() == SOUND
    assert not [line for line in findings(sessions_dir) if "recovered" in line]


def test_turns_beside_a_continued_session_follow_its_own(sessions_dir: Path) -> None:
    def timed(text: str, hour: int) -> str:
        return f'  - role: user\n    content: {text}\n    at: "2025-02-01T{hour}:00:00.000+00:00"\n'

    path = session_in(sessions_dir, SOUND.replace("...\n", f"{timed('Later', 12)}...\n"))
    path.with_name(RECOVERED).write_text(SOUND.replace("...\n", f"{timed('Before', 10)}...\n"))
    assert findings(sessions_dir, fix=True)[0].endswith("(fixed)")
    assert path.read_text() == SOUND.replace("...\n", f"{timed('Later', 12)}{timed('Before', 10)}...\n")


def test_turns_beside_a_session_that_has_them_are_removed(sessions_dir: Path) -> None:
    path = session_in(sessions_dir, SOUND.replace("...\n", f"{MORE}...\n"))
    path.with_name(RECOVERED).write_text(SOUND)
    assert findings(sessions_dir, fix=True)[0].endswith("has no turns that session.yaml lacks (fixed)")
    assert not path.with_name(RECOVERED).exists()
    assert not list(path.parent.glob("session.before-*"))


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        (SOUND.replace("role: user", "role: [user"), "when that file can be read again, --fix adds them"),
        (
            SOUND.replace("role: user\n    content: ", "role: user\n    content: Edited, ", 1),
            "copy what you need from it, then delete it",
        ),
    ],
    ids=["unreadable", "edited"],
)
def test_turns_beside_a_session_that_does_not_fit_are_kept(sessions_dir: Path, text: str, advice: str) -> None:
    path = session_in(sessions_dir, text)
    path.with_name(RECOVERED).write_text(SOUND)
    line = next(line for line in findings(sessions_dir, fix=True) if RECOVERED in line)
    assert line.endswith(f"contains turns that are not in session.yaml; {advice}")
    assert (path.read_text(), path.with_name(RECOVERED).read_text()) == (text, SOUND)


@pytest.mark.parametrize("more", ["", MORE], ids=["same turns", "more turns"])
def test_title_beside_a_session_neither_replaces_its_own_nor_is_lost(sessions_dir: Path, more: str) -> None:
    text = SOUND.replace("messages:\n", "title: Edited\nmessages:\n", 1)
    beside = SOUND.replace("messages:\n", "title: Recovered\nmessages:\n", 1).replace("...\n", f"{more}...\n")
    path = session_in(sessions_dir, text)
    path.with_name(RECOVERED).write_text(beside)
    line = next(line for line in findings(sessions_dir, fix=True) if RECOVERED in line)
    assert line.endswith(
        "has another title or system message than session.yaml; copy what you need from it, then delete it"
    )
    assert (path.read_text(), path.with_name(RECOVERED).read_text()) == (text, beside)


def test_session_file_that_is_a_link_is_reported_but_not_opened(sessions_dir: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.yaml"
    elsewhere.write_text(BROKEN_TRANSCRIPT)
    path = session_in(sessions_dir, SOUND)
    path.unlink()
    path.symlink_to(elsewhere)
    findings = check_all(Checker(SYSTEM, sessions_dir, fix=False))
    assert f"{path}: is a link, so it is not opened" in map(str, findings)
    assert not any("elsewhere" in str(finding) for finding in findings)


def test_links_are_reported_but_not_followed(sessions_dir: Path, tmp_path: Path) -> None:
    elsewhere = session_in(tmp_path / "elsewhere", "id: [\n").parent
    session_in(sessions_dir, SOUND)
    (sessions_dir / "link").symlink_to(elsewhere)
    assert [line for line in findings(sessions_dir) if "link" in line] == [
        "link: is a link; aloop does not follow links, so its target is not listed as a session"
    ]


def test_mistyped_key_of_the_messages_is_reported(sessions_dir: Path) -> None:
    session_in(sessions_dir, SOUND.replace("\nmessages:", "\nmesages:"))
    assert "the key 'mesages' is unknown, so its messages are not read" in " ".join(findings(sessions_dir))


def test_future_date_and_newer_version_are_reported(sessions_dir: Path) -> None:
    session_in(sessions_dir, SOUND.replace('updated_at: "2025', 'version: 9\nupdated_at: "2095'))
    lines = " ".join(findings(sessions_dir))
    assert "updated_at is in the future" in lines
    assert "written by a newer version of aloop" in lines


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_file_that_cannot_be_opened_is_reported(sessions_dir: Path) -> None:
    session_in(sessions_dir, SOUND).chmod(0)
    assert "cannot be opened" in " ".join(findings(sessions_dir))


def make_unreadable(fs: FaultyFileSystem, folder: str) -> None:
    """Refuse what a folder with mode 000 refuses to all users but root."""
    fs.fail("names", number=errno.EACCES, on=folder)
    fs.fail("lstat", "read", "open_lock", "unlink", number=errno.EACCES, on=f"{folder}/")


@pytest.mark.parametrize("fix", [False, True])
def test_unreadable_folder_is_reported_and_the_others_are_checked(
    sessions_dir: Path, fs: FaultyFileSystem, fix: bool
) -> None:
    session_in(sessions_dir, SOUND, "2025-01-30_0badcafe")
    session_in(sessions_dir, "id: [\n", "2025-01-31_a1b2c3d4")
    make_unreadable(fs, "2025-01-30_0badcafe")
    found = [str(finding).removeprefix(f"{sessions_dir}/") for finding in check_all(Checker(fs, sessions_dir, fix=fix))]
    assert found[0] == "2025-01-30_0badcafe: cannot be checked: Permission denied"
    assert found[1].startswith("2025-01-31_a1b2c3d4/session.yaml:1:5: ")


def test_mode_that_cannot_be_changed_is_reported_as_not_fixed(sessions_dir: Path, fs: FaultyFileSystem) -> None:
    session_in(sessions_dir, SOUND).parent.chmod(0o755)
    fs.fail("chmod", number=errno.EPERM)
    [mode] = check_all(Checker(fs, sessions_dir, fix=True))
    assert (mode.fixable, mode.fixed) == (True, False)


def test_repair_that_fails_is_reported_and_keeps_the_file(sessions_dir: Path, fs: FaultyFileSystem) -> None:
    path = session_in(sessions_dir, BROKEN_TRANSCRIPT)
    fs.fail("create", number=errno.ENOSPC, on="2025-01-31_a1b2c3d4")
    found = Checker(fs, sessions_dir, fix=True).check_folder(path.parent.name)
    assert found[-1].message == "cannot be repaired: No space left on device"
    assert not any(finding.fixed for finding in found)
    assert path.read_text() == BROKEN_TRANSCRIPT


def test_folder_of_another_user_is_reported(sessions_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session_in(sessions_dir, SOUND)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert "belongs to another user" in findings(sessions_dir)[0]


@pytest.mark.parametrize("bom", [b"", codecs.BOM_UTF8])
@pytest.mark.parametrize("text", [SOUND, BROKEN_TRANSCRIPT])
def test_nuls_at_the_end_are_removed_and_nothing_else(sessions_dir: Path, bom: bytes, text: str) -> None:
    path = session_in(sessions_dir, "")
    path.write_bytes(bom + text.encode())
    check_all(Checker(SYSTEM, sessions_dir, fix=True))
    expected = path.read_bytes()
    for copy in path.parent.glob("session.before-*"):
        copy.unlink()
    damaged = bom + text.encode() + bytes(4096)
    path.write_bytes(damaged)
    with pytest.raises(SessionFileError, match="ends with NUL bytes"):
        load_session(damaged, path)
    found = check_all(Checker(SYSTEM, sessions_dir, fix=True))
    assert [finding.fixed for finding in found if "ends with 4,096 NUL bytes" in finding.message] == [True]
    assert path.read_bytes() == expected
    (copy,) = path.parent.glob("session.before-*.yaml")
    assert copy.read_bytes() == damaged


@pytest.mark.parametrize("data", [b"\0" * 100, b"id: [\0\0"])
def test_invalid_file_that_ends_with_nuls_is_kept(sessions_dir: Path, data: bytes) -> None:
    path = session_in(sessions_dir, "")
    path.write_bytes(data)
    assert not any("(fixed)" in line for line in findings(sessions_dir, fix=True))
    assert path.read_bytes() == data


def test_text_dropped_as_a_comment_is_reported(sessions_dir: Path) -> None:
    session_in(sessions_dir, SOUND.replace("content: Hello", "content: Fix issue #12 now"))
    assert findings(sessions_dir)[0] == (
        '2025-01-31_a1b2c3d4/session.yaml:7:24: the text after " #" is a comment and not part of the content; '
        "to keep it, quote the content"
    )


@pytest.mark.parametrize(
    ("old", "new", "place", "advice"),
    [
        (
            "content: Hello",
            "content: Fix #12",
            "7:18",
            """'#12' is a comment and not part of the content. To keep it, write content: "Fix #12\"""",
        ),
        (
            "messages:",
            "title: On #1\nmessages:",
            "5:11",
            """'#1' is a comment and not part of the title. To keep it, write title: "On #1\"""",
        ),
        (
            "content: Hi",
            "content: Hi\n    note: see #3",
            "10:15",
            """'#3' is a comment and not part of the note. To keep it, write note: "see #3\"""",
        ),
        (
            "content: Hello",
            f"content: Hello # {'x' * 50}",
            "7:20",
            f"'# {'x' * 38}…' is a comment and not part of the content. To keep it, quote the whole content",
        ),
    ],
)
async def test_text_dropped_as_a_comment_is_a_warning_when_the_session_is_opened(
    sessions_dir: Path, old: str, new: str, place: str, advice: str
) -> None:
    path = session_in(sessions_dir, SOUND.replace(old, new))
    assert (await MemoryManager(sessions_dir=sessions_dir).resume("a1b2")).warnings == (f"{path}:{place}: {advice}",)
    assert f":{place}: the text after" in findings(sessions_dir)[0]


async def test_several_texts_dropped_as_comments_are_one_warning(sessions_dir: Path) -> None:
    session_in(sessions_dir, SOUND.replace("content: Hello", "content: a #1").replace("content: Hi", "content: b #2"))
    [warning] = (await MemoryManager(sessions_dir=sessions_dir).resume("a1b2")).warnings
    assert warning.endswith('write content: "a #1" (1 more: `aloop sessions check` lists them)')


async def test_text_dropped_as_a_comment_is_a_warning_once(sessions_dir: Path) -> None:
    async def warnings() -> tuple[str, ...]:
        return (await MemoryManager(sessions_dir=sessions_dir).resume("a1b2")).warnings

    path = session_in(sessions_dir, SOUND.replace("content: Hello", "content: Hello #1"))
    assert len(await warnings()) == 1
    assert await warnings() == ()
    path.write_text(f"# above\n{path.read_text()}")
    assert await warnings() == ()
    path.write_text(path.read_text().replace("Hello #1", "Hello #2").replace("content: Hi", "content: Hi #3"))
    [warning] = await warnings()
    assert warning.endswith('write content: "Hello #2" (1 more: `aloop sessions check` lists them)')
    path.write_text(path.read_text().replace("Hi #3", "Hi #4"))
    [warning] = await warnings()
    assert warning.endswith('write content: "Hi #4"')
    assert sum("is a comment" in line for line in findings(sessions_dir)) == 2


async def test_text_dropped_as_a_comment_is_a_warning_again_if_the_state_cannot_be_written(
    sessions_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    session_in(sessions_dir, SOUND.replace("content: Hello", "content: Hello #1"))
    for _ in range(2):
        assert len((await MemoryManager(sessions_dir=sessions_dir).resume("a1b2")).warnings) == 1


@pytest.mark.parametrize("content", ['"Fix #12"', "|-\n      Fix #12", "Fix#12", "null # none"])
async def test_text_that_no_comment_cuts_brings_no_warning(sessions_dir: Path, content: str) -> None:
    session_in(sessions_dir, SOUND.replace("content: Hello", f"content: {content}"))
    assert (await MemoryManager(sessions_dir=sessions_dir).resume("a1b2")).warnings == ()


async def test_edit_that_a_comment_cuts_is_a_warning_before_the_next_turn(sessions_dir: Path) -> None:
    path = session_in(sessions_dir, SOUND)
    said: list[str] = []
    memory = MemoryManager(sessions_dir=sessions_dir)
    memory.on_notice = said.append
    await memory.resume("a1b2")
    path.write_text(SOUND.replace("content: Hello", "content: Fix #12"))
    await memory.require_writable()
    assert said[0].startswith("session.yaml was edited: ")
    assert said[1].startswith(f"{path}:7:18: '#12' is a comment")


@pytest.mark.parametrize(
    "content", ['"Fix #12"  # mine', "Fix#12", "|  # mine\n      Fix #12", "null # mine", "\n      Fix it"]
)
def test_comments_beside_quoted_and_block_contents_are_not_reported(sessions_dir: Path, content: str) -> None:
    session_in(sessions_dir, SOUND.replace("content: Hello", f"content: {content}"))
    assert not [line for line in findings(sessions_dir) if "comment" in line]


@pytest.mark.parametrize(
    "name",
    [
        "session (conflicted copy 2026-11-29).yaml",
        "session.sync-conflict-20261129-120000-ABCDEFG.yaml",
        "session (1).yaml",
        "session-LAPTOP.yaml",
    ],
)
def test_conflicting_version_by_another_program_is_reported(sessions_dir: Path, name: str) -> None:
    path = session_in(sessions_dir, SOUND)
    path.with_name(name).write_text(SOUND)
    path.with_name("session.before-20250131T123000.250000.yaml").write_text(SOUND)
    [line] = findings(sessions_dir)
    assert line.startswith(f"2025-01-31_a1b2c3d4/{name}: may be a conflicting version")


async def test_interrupted_first_turn_is_reported(sessions_dir: Path) -> None:
    memory = MemoryManager(sessions_dir=sessions_dir)
    turn = memory.turn()
    await turn.__aenter__()
    await turn.add(LLMMessage("user", "Hello"))
    memory.close()
    assert "aloop recovers it at its next start" in findings(sessions_dir)[0]


@pytest.mark.parametrize(
    "newest",
    [
        "session.recovered-20250131T123000.250000Z.yaml",
        "session.edited-20240131T123000.250000Z.yaml",
        "session (1).yaml",
    ],
)
def test_newest_copy_is_named_if_the_session_file_is_missing(sessions_dir: Path, newest: str) -> None:
    path = session_in(sessions_dir, SOUND)
    path.rename(path.with_name("session.before-20250131T123000.250000Z.yaml"))
    path.with_name(newest).write_text(SOUND.replace("T15:45:00", "T15:46:00"))
    path.with_name("session.before-20260131T123000.250000Z.yaml").write_text("broken: [")
    [line] = findings(sessions_dir, fix=True)
    assert line.startswith("2025-01-31_a1b2c3d4: has no session.yaml; ")
    assert line.endswith(f"the newest copy of the session is {newest}. Rename it to session.yaml")
    path.with_name(newest).rename(path)
    assert not any("has no session.yaml" in line for line in findings(sessions_dir))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("session.before-20250131T123000.250000Z.yaml", "no copy beside it is a valid session: session.before-2025"),
        ("session.undone-20250131T123000.250000Z.yaml", "only some turns are left, in session.undone-2025"),
        ("journal.damaged-1.yaml", "only some turns are left, in journal.damaged-1.yaml"),
        ("notes.txt", "the session was never saved. If an import was interrupted, run it again; otherwise delete"),
    ],
)
def test_rest_of_a_session_without_its_file_is_named(sessions_dir: Path, name: str, said: str) -> None:
    path = session_in(sessions_dir, "broken: [")
    path.rename(path.with_name(name))
    assert any("2025-01-31_a1b2c3d4: has no session.yaml" in line and said in line for line in findings(sessions_dir))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (None, ""),
        ("missing", "is missing: only the beginning and the end of this result are left"),
        ("altered", "is altered: it is not the complete result of the tool"),
        ("link", "is missing: only"),
        ("folder", "is missing: only"),
    ],
)
def test_missing_or_altered_output_is_reported_once(sessions_dir: Path, damage: str | None, said: str) -> None:
    path = session_in(sessions_dir, "")
    kept = keep_output(SYSTEM, path.parent, "run_shell", "A long result.\n")
    result = f"  - {{role: tool, content: 'A', tool_call_id: call_1, output_file: {kept.relative}}}\n"
    call = "{id: call_1, type: function, function: {name: run_shell, arguments: '{}'}}"
    body = SOUND.removesuffix("...\n")
    path.write_text(f"{body}    tool_calls: [{call}]\n{result}...\n")
    if damage == "altered":
        kept.path.write_text("A short result.\n")
    elif damage:
        kept.path.rename(path.with_name("moved.txt"))
    if damage == "link":
        kept.path.symlink_to(path.with_name("moved.txt"))
    elif damage == "folder":
        kept.path.mkdir()
    wanted = [f"2025-01-31_a1b2c3d4/{kept.relative}: {said}"] if damage else []
    found = findings(sessions_dir)
    assert [line[: len(text)] for line, text in zip(found, wanted, strict=True)] == wanted


@pytest.mark.parametrize("fix", [False, True])
def test_output_outside_the_session_is_not_read(sessions_dir: Path, fix: bool) -> None:
    text = SOUND.replace("content: Hi\n", "content: Hi\n    output_file: ../../secret.txt\n")
    session_in(sessions_dir, text)
    assert any("is not a path that aloop makes, so this result" in line for line in findings(sessions_dir, fix=fix))


def test_missing_folder_has_no_findings(sessions_dir: Path) -> None:
    assert findings(sessions_dir) == []
