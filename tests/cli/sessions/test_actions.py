"""``aloop sessions list``, ``show``, ``stats``, ``export`` and ``search``."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest

from aloop.__main__ import main
from aloop.cli.parser import parse_arguments
from aloop.cli.sessions.actions import run_sessions
from aloop.cli.sessions.command import SessionsAction as Action
from aloop.cli.sessions.command import SessionsOptions
from aloop.errors import AmbiguousPrefix, SessionFileError, SessionNotFound, StorageError, UsageError
from aloop.memory import MemoryManager, SessionLibrary
from tests.memory.session_folder.test_recovery import TURN, crash_in_a_turn
from tests.saved_sessions import FIRST, SECOND, ask, break_session, save


def test_list_shows_sessions_newest_first(sessions_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(sessions_dir, FIRST, day=1)
    save(sessions_dir, SECOND, day=2, says="Plan\na trip")
    assert ask(sessions_dir, "list") == 0
    heading, newer, older = capsys.readouterr().out.splitlines()
    assert heading.split() == ["ID", "UPDATED", "MESSAGES", "TITLE"]
    assert newer.split() == ["a1b2ffff", "2025-01-02", "09:30", "4", "Plan"]
    assert older.split() == ["a1b2c3d4", "2025-01-01", "09:30", "4", "What", "is", "2+2?"]


def test_list_notes_on_stderr_that_more_sessions_exist(sessions_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(sessions_dir, FIRST, day=1)
    save(sessions_dir, SECOND, day=2)
    assert ask(sessions_dir, "list", limit=1) == 0
    out, err = capsys.readouterr()
    assert "a1b2ffff" in out
    assert "a1b2c3d4" not in out
    assert err == "Only the first is shown; use --limit N for more.\n"


def test_list_of_no_sessions_prints_a_note_and_succeeds(sessions_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(sessions_dir, "list") == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert str(sessions_dir) in err


def test_list_and_export_name_turns_that_a_crash_interrupted(
    sessions_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    library = SessionLibrary(sessions_dir)
    memory = MemoryManager(sessions_dir=sessions_dir)
    asyncio.run(crash_in_a_turn(memory, *TURN))
    living = MemoryManager(sessions_dir=sessions_dir)

    async def list_in_a_turn() -> int:
        async with living.turn() as turn:
            await turn.add(TURN[0])
            return await asyncio.to_thread(ask, sessions_dir, "list")

    assert asyncio.run(list_in_a_turn()) == 0
    note = "A crash interrupted a turn, which is not {}. The next start of aloop here adds it to its session."
    assert note.format("listed") in capsys.readouterr().err.splitlines()
    assert main(["export", "--all", str(tmp_path / "out"), "--to", "json", "--sessions-dir", str(sessions_dir)]) == 0
    assert note.format("exported") in capsys.readouterr().err.splitlines()
    asyncio.run(library.recover())
    assert ask(sessions_dir, "list") == 0
    out, err = capsys.readouterr()
    assert memory.session_id[:8] in out
    assert "crash" not in err


def test_list_as_json_prints_a_record_per_line(sessions_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(sessions_dir, FIRST, day=1)
    path = save(sessions_dir, SECOND, day=2, says="Grüße \x9b31m")
    assert ask(sessions_dir, "list", as_json=True) == 0
    out = capsys.readouterr().out
    assert out.isascii()
    newer, older = map(json.loads, out.splitlines())
    assert older["id"] == FIRST
    assert newer["title"] == "Grüße \x9b31m"
    assert newer["updated_at"].startswith("2025-01-02T09:30:00")
    assert (newer["message_count"], newer["path"], newer["problem"]) == (4, str(path), None)


def test_empty_list_as_json_prints_nothing(sessions_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(sessions_dir, "list", as_json=True) == 0
    assert capsys.readouterr() == ("", "")


def test_list_shows_the_problem_of_a_broken_session(sessions_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(sessions_dir, FIRST)
    path = break_session(sessions_dir)
    assert ask(sessions_dir, "list") == 0
    rows = capsys.readouterr().out.splitlines()[1:]
    assert len(rows) == 2
    assert [row for row in rows if row.startswith("0badcafe") and f"{path}:3:11:" in row]


def test_control_characters_in_a_title_are_escaped(sessions_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(sessions_dir, FIRST, says="\x1b]0;owned\x07\x9b2J")
    assert ask(sessions_dir, "list") == 0
    assert ask(sessions_dir, "show", FIRST, messages=True) == 0
    out = capsys.readouterr().out
    assert not {"\x1b", "\x07", "\x9b"} & set(out)
    assert "^[]0;owned^G" in out


def test_show_prints_facts_but_no_messages(sessions_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = save(sessions_dir, FIRST)
    assert ask(sessions_dir, "show", "A1B2") == 0
    out = capsys.readouterr().out
    for fact in (FIRST, "What is 2+2?", "2025-01-01 08:00", str(path)):
        assert fact in out
    assert "It is" not in out


def test_show_messages_prints_the_conversation(sessions_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(sessions_dir, FIRST)
    assert ask(sessions_dir, "show", FIRST, messages=True) == 0
    _, conversation = capsys.readouterr().out.split("\n\n", 1)
    assert conversation == (
        "system\n    Be brief.\n\n"
        "user\n    What is 2+2?\n\n"
        'assistant\n    → calculator {"expression": "2+2"}\n\n'
        "tool calculator\n    4\n\n"
        "assistant  1,200 tokens in, 34 out\n    It is\n    4.\n"
    )


def test_show_as_json_has_the_structure_of_the_file(sessions_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(sessions_dir, FIRST)
    assert ask(sessions_dir, "show", FIRST, messages=True, as_json=True) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["id"] == FIRST
    assert record["system_messages"] == [{"role": "system", "content": "Be brief."}]
    assert record["messages"][1] == {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": "call_1",
                "type": "function",
                "function": {"name": "calculator", "arguments": '{"expression": "2+2"}'},
            }
        ],
    }
    assert record["messages"][3]["usage"]["input_tokens"] == 1200


def test_show_as_json_omits_messages_by_default(sessions_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(sessions_dir, FIRST)
    assert ask(sessions_dir, "show", FIRST, as_json=True) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["message_count"] == 4
    assert "messages" not in record


def test_stats_prints_counts(sessions_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = save(sessions_dir, FIRST)
    assert ask(sessions_dir, "stats", "a1b2c3d4") == 0
    rows = dict(line.split("  ", 1) for line in capsys.readouterr().out.splitlines())
    facts = {name.strip(): value.strip() for name, value in rows.items()}
    assert facts["messages"].startswith("4 (")
    assert "assistant 2" in facts["messages"]
    assert facts["tool calls"] == "1 (calculator 1)"
    assert facts["tokens"] == "1,200 in, 34 out"
    assert facts["size"] == f"{path.stat().st_size:,} bytes"


def test_stats_as_json_has_the_counts(sessions_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(sessions_dir, FIRST)
    assert ask(sessions_dir, "stats", FIRST, as_json=True) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["tool_calls"] == {"calculator": 1}
    assert record["usage"]["output_tokens"] == 34


@pytest.mark.parametrize("action", ["show", "stats", "delete"])
def test_unknown_id_is_an_error(sessions_dir: Path, action: Action) -> None:
    save(sessions_dir, FIRST)
    with pytest.raises(SessionNotFound, match="c0ffee"):
        ask(sessions_dir, action, "c0ffee", yes=True)


@pytest.mark.parametrize("action", ["show", "stats", "delete"])
def test_ambiguous_id_is_an_error_with_the_candidates(sessions_dir: Path, action: Action) -> None:
    save(sessions_dir, FIRST)
    save(sessions_dir, SECOND)
    with pytest.raises(AmbiguousPrefix) as caught:
        ask(sessions_dir, action, "a1b2", yes=True)
    assert caught.value.candidates == (FIRST, SECOND)


def test_show_of_a_broken_session_raises_its_file_and_line(sessions_dir: Path) -> None:
    path = break_session(sessions_dir)
    with pytest.raises(SessionFileError) as caught:
        ask(sessions_dir, "show", "0badcafe")
    assert caught.value.path == path
    assert caught.value.line == 3


@pytest.mark.parametrize("path", ["", "-"])
def test_export_without_a_path_prints_the_document(
    sessions_dir: Path, capsys: pytest.CaptureFixture[str], path: str
) -> None:
    save(sessions_dir, FIRST)
    assert run_sessions(SessionsOptions("export", sessions_dir, "a1b2", form="json", path=path)) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["id"] == FIRST
    assert err == ""


def test_export_writes_a_new_file_only(sessions_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(sessions_dir, FIRST)
    options = SessionsOptions("export", sessions_dir, FIRST, form="md", path="talk.md")
    assert run_sessions(options) == 0
    assert Path("talk.md").read_text().startswith("# What is 2+2?\n")
    assert capsys.readouterr() == ("", "Exported to ~/work/talk.md\n")
    with pytest.raises(StorageError, match="already exists"):
        run_sessions(options)


def test_export_takes_a_session_a_format_and_a_path() -> None:
    assert parse_arguments(["sessions", "export", "a1b2", "html"]) == SessionsOptions("export", id="a1b2", form="html")
    assert parse_arguments(["sessions", "export", "a1b2", "md", "-"]) == SessionsOptions(
        "export", id="a1b2", form="md", path="-"
    )
    with pytest.raises(UsageError, match="pdf"):
        parse_arguments(["sessions", "export", "a1b2", "pdf"])


def test_show_as_json_has_unknown_keys_as_an_object(sessions_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = save(sessions_dir, FIRST)
    path.write_text(f"project: {{name: x, parts: [1]}}\n{path.read_text()}")
    assert ask(sessions_dir, "show", FIRST, as_json=True) == 0
    assert json.loads(capsys.readouterr().out)["extra"] == {"project": {"name": "x", "parts": [1]}}


def find(sessions_dir: Path, *words: str, limit: int = 50, as_json: bool = False) -> int:
    return run_sessions(SessionsOptions("search", sessions_dir, words=words, limit=limit, as_json=as_json))


def test_search_prints_matches_below_their_session(sessions_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(sessions_dir, FIRST, day=1)
    save(sessions_dir, SECOND, day=2, says="Plan\na trip")
    assert find(sessions_dir, "it", "4") == 0
    assert capsys.readouterr().out.splitlines() == [
        "a1b2ffff  2025-01-02 09:30  Plan",
        "      #4  assistant  It is 4.",
        "a1b2c3d4  2025-01-01 09:30  What is 2+2?",
        "      #4  assistant  It is 4.",
    ]


def test_search_treats_an_argument_of_several_words_as_a_phrase(
    sessions_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(sessions_dir, FIRST)
    assert find(sessions_dir, "is it") == 0
    assert capsys.readouterr() == ("", "No matches.\n")
    assert find(sessions_dir, "IS 4", "it") == 0
    assert "#4" in capsys.readouterr().out
    assert find(sessions_dir, '"it is" 4') == 0
    assert "#4" in capsys.readouterr().out


def test_search_limit_counts_matches(sessions_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(sessions_dir, FIRST)
    assert find(sessions_dir, "2+2", limit=1) == 0
    out, err = capsys.readouterr()
    assert out.count("#") == 1
    assert "--limit" in err


def test_search_as_json_prints_a_match_per_line(sessions_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(sessions_dir, FIRST)
    assert find(sessions_dir, "it", as_json=True) == 0
    [record] = map(json.loads, capsys.readouterr().out.splitlines())
    assert (record["id"], record["message"], record["role"], record["context"]) == (FIRST, 4, "assistant", "It is 4.")
    assert (record["marks"], record["sessions_dir"]) == ([[0, 2]], str(sessions_dir))
    assert (record["title"], record["problem"]) == ("What is 2+2?", None)


def test_search_names_a_session_that_cannot_be_read(sessions_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = break_session(sessions_dir)
    assert find(sessions_dir, "quote") == 0
    out = capsys.readouterr().out
    assert f"{path}:" in out
    assert "a quote that never ends" in out


def test_control_characters_in_a_match_are_escaped(sessions_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(sessions_dir, FIRST, says="a needle \x1b[2J")
    find(sessions_dir, "needle")
    assert "needle ^[[2J" in capsys.readouterr().out


def test_search_requires_words() -> None:
    assert parse_arguments(["sessions", "search", "a", "b c"]) == SessionsOptions(
        "search", words=("a", "b c"), limit=50
    )
    with pytest.raises(UsageError, match="WORDS"):
        parse_arguments(["sessions", "search"])


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("sessions list", ["list"]),
        ("sessions search", ["search", "sky"]),
        ("sessions show", ["show", FIRST[:8]]),
        ("sessions stats", ["stats", FIRST[:8]]),
        ("sessions delete", ["delete", FIRST[:8], "--yes"]),
    ],
)
def test_json_records_have_the_documented_keys(
    name: str, arguments: list[str], sessions_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(sessions_dir, FIRST, says="The sky is blue.")
    assert main(["sessions", *arguments, "--json", "--sessions-dir", str(sessions_dir)]) == 0
    record = json.loads(capsys.readouterr().out.splitlines()[0])
    page = (Path(__file__).parents[3] / "docs/cli.md").read_text(encoding="utf-8")
    (row,) = re.findall(rf"^\| `{name}`[^|]*\|([^|;]*)", page, re.MULTILINE)
    named = set(re.findall("`([a-z_]+)`", row))
    assert named <= record.keys()
    assert named == record.keys() or "and others" in row
