"""Tests of the completers of commands and paths."""

from __future__ import annotations

import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prompt_toolkit.completion import CompleteEvent, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import to_plain_text

from aloop.memory import SessionSummary, SessionTitle
from commands.builtin import REGISTRY
from repl.completion.completers import CommandCompleter, FileCompleter
from repl.completion.file_and_model_sources import FileCatalog, ModelCatalog
from repl.completion.session_source import OFFERED, SessionCatalog, SessionTable

NOW = datetime(2025, 6, 15, 12, tzinfo=UTC)
NEWEST = "a1b2c3d4-5678-40ab-8def-1234567890ab"
TWIN = "a1b2c3d4-9999-40ab-8def-1234567890ab"
MODELS = ModelCatalog(lambda: ("claude-sonnet-5-5", "claude-opus-5-5", "offline"), lambda: None)
GONE = "99999999-5678-40ab-8def-1234567890ab"
OTHER = "0badcafe-5678-40ab-8def-1234567890ab"


def title(session_id: str, hours: int, text: str = "A title") -> SessionTitle:
    return SessionTitle(session_id, NOW - timedelta(hours=hours), text)


class Catalogs:
    """Saved sessions, and one deleted session."""

    def __init__(self, titles: list[SessionTitle]) -> None:
        self.saved, self.deleted = SessionCatalog(), SessionCatalog()
        self.saved.replace(SessionTable(titles))
        self.deleted.replace(SessionTable([title(GONE, 4, "Gone for now")]))

    def sessions(self) -> SessionCatalog:
        return self.saved

    def trash(self) -> SessionCatalog:
        return self.deleted

    def tags(self) -> list[str]:
        return ["bug", "build", "parser"]


@pytest.fixture
def completer() -> CommandCompleter:
    catalogs = Catalogs([title(NEWEST, 1, "Newest \x1b[2J"), title(OTHER, 2), title(TWIN, 3, "")])
    catalogs.saved.counted([SessionSummary(NEWEST, NOW, NOW - timedelta(hours=1), 1234, "", Path())])
    return CommandCompleter(lambda: REGISTRY, catalogs, MODELS, lambda: NOW)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [("/tag b", ["bug", "build"]), ("/tag 3 parser bu", ["bug", "build"]), ("/tag -p", ["-parser"]), ("/tag x", [])],
)
def test_tags_are_completed(completer: CommandCompleter, typed: str, expected: list[str]) -> None:
    assert [each.text for each in complete(completer, typed)] == expected


def complete(completer: CommandCompleter, text: str) -> list[Completion]:
    return list(completer.get_completions(Document(text), CompleteEvent(completion_requested=True)))


def applied(text: str, completion: Completion) -> str:
    return text[: len(text) + completion.start_position] + completion.text


def meta(completion: Completion) -> str:
    return to_plain_text(completion.display_meta)


def test_command_prefix_completes_with_the_summary(completer: CommandCompleter) -> None:
    [completion] = complete(completer, "/resu")
    assert applied("/resu", completion) == "/resume"
    assert meta(completion) == REGISTRY.commands[0].summary


def test_slash_offers_every_command_in_order(completer: CommandCompleter) -> None:
    assert [found.text for found in complete(completer, "/")] == [f"/{command.name}" for command in REGISTRY.commands]


def test_alias_prefix_completes_to_the_alias(completer: CommandCompleter) -> None:
    assert [found.text for found in complete(completer, "/qu")] == ["/quit"]


@pytest.mark.parametrize(
    "text", ["", "re", "hello /re", " /re", "/zzz", "/re\n/re", "/clear ", "/nope a", "/resume a b", "/model a b"]
)
def test_text_without_a_match_offers_nothing(completer: CommandCompleter, text: str) -> None:
    assert complete(completer, text) == []


@pytest.mark.parametrize("text", ["/resume ", "/history "])
def test_sessions_are_offered_newest_first_with_age_and_title(completer: CommandCompleter, text: str) -> None:
    found = complete(completer, text)
    assert [completion.text[:8] for completion in found] == ["a1b2c3d4", "0badcafe", "a1b2c3d4"]
    assert meta(found[0]) == "1 h ago     1,234  Newest ^[[2J"
    assert meta(found[2]) == "3 h ago            (no title)"


@pytest.mark.parametrize("typed", ["title", "A ti", "  TIT a"])
def test_words_of_a_title_complete_to_the_id(completer: CommandCompleter, typed: str) -> None:
    [completion] = complete(completer, f"/resume {typed}")
    assert applied(f"/resume {typed.lstrip()}", completion) == "/resume 0badcafe"


def test_deleted_sessions_are_offered_only_to_restore(completer: CommandCompleter) -> None:
    assert [found.text for found in complete(completer, "/restore gone")] == ["99999999"]
    assert complete(completer, "/resume gone") == []


def test_id_prefix_completes_to_eight_characters(completer: CommandCompleter) -> None:
    [completion] = complete(completer, "/resume 0B")
    assert applied("/resume 0B", completion) == "/resume 0badcafe"


def test_ids_with_a_common_prefix_complete_to_unique_prefixes(completer: CommandCompleter) -> None:
    assert [completion.text for completion in complete(completer, "/resume a1")] == ["a1b2c3d4-5", "a1b2c3d4-9"]


def test_help_completes_command_names_with_and_without_slash(completer: CommandCompleter) -> None:
    assert [applied("/help resu", found) for found in complete(completer, "/help resu")] == ["/help resume"]
    assert [applied("/help /resu", found) for found in complete(completer, "/help /resu")] == ["/help /resume"]


def test_models_are_offered_by_prefix(completer: CommandCompleter) -> None:
    complete(completer, "/model ")
    MODELS.wait()
    assert [found.text for found in complete(completer, "/model claude-o")] == ["claude-opus-5-5"]
    assert len(complete(completer, "/model ")) == 3


def test_menu_of_many_sessions_is_limited_but_all_are_found() -> None:
    many = Catalogs([title(f"{number:08x}-5678-40ab-8def-1234567890ab", number) for number in range(5000)])
    completer = CommandCompleter(lambda: REGISTRY, many, MODELS, lambda: NOW)
    assert len(complete(completer, "/resume ")) == OFFERED
    assert [found.text for found in complete(completer, "/resume 00001387")] == ["00001387"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("src", "my files", "node_modules", ".git"):
        (tmp_path / name).mkdir()
    for name in ("README.md", "readings.txt", "src/main.py", "my files/a.txt", ".env", 'a"b', "a\nb"):
        (tmp_path / name).touch()
    return tmp_path


def lines(folder: Path, typed: str, *, tab: bool = False) -> list[str]:
    """Return the completed line for each completion."""
    catalog = FileCatalog(lambda: None)
    completer, document = FileCompleter(catalog, lambda: folder), Document(typed)
    event = CompleteEvent(text_inserted=not tab, completion_requested=tab)
    list(completer.get_completions(document, event))
    catalog.wait()
    found = completer.get_completions(document, event)
    return [typed[: len(typed) + completion.start_position] + completion.text for completion in found]


def test_at_sign_offers_folders_first_and_no_hidden_files(folder: Path) -> None:
    assert lines(folder, "see @") == [
        'see @"my files/',
        "see @src/",
        'see @"a\\"b"',
        "see @readings.txt",
        "see @README.md",
    ]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("@rea", ["@readings.txt", "@README.md"]),
        ("@src/", ["@src/main.py"]),
        ("@./src/m", ["@./src/main.py"]),
        ("@.e", ["@.env"]),
        ("@node", ["@node_modules/"]),
        ('@"my', ['@"my files/']),
        ('@"my files/', ['@"my files/a.txt"']),
        ("@my\\ f", ['@"my files/']),
        ("見て@src/", ["見て@src/main.py"]),
        ("@src/mnpy", ["@src/main.py"]),
        ("@adme", ["@README.md"]),
        ("@a", ['@"a\\"b"']),
        ('@a\\"', ['@"a\\"b"']),
        ('@a"', ['@"a\\"b"']),
        ('@"a\\"', ['@"a\\"b"']),
        ("@nothing/", []),
        ("@~no-such-user/", []),
        ("me@R", []),
        ("R", []),
        ("!cat R", []),
    ],
)
def test_typed_text_completes_to_paths(folder: Path, typed: str, expected: list[str]) -> None:
    assert lines(folder, typed) == expected


def test_completion_finds_a_name_in_a_large_folder(tmp_path: Path) -> None:
    for number in range(12_000):
        os.close(os.open(tmp_path / f"file{number:06}", os.O_CREAT))
    (tmp_path / "zebra.txt").touch()
    assert lines(tmp_path, "@zeb") == ["@zebra.txt"]
    assert lines(tmp_path, "@zbrtxt") == ["@zebra.txt"]


def test_tab_completes_arguments_of_a_shell_command(folder: Path) -> None:
    assert lines(folder, "!cat READ", tab=True) == ["!cat readings.txt", "!cat README.md"]
    assert lines(folder, "!cat my", tab=True) == ['!cat "my files/']
    (folder / "c$HOME`x`").touch()
    for typed in ("!cat c", '!cat "c\\$', "!cat c\\$"):
        assert lines(folder, typed, tab=True) == ['!cat "c\\$HOME\\`x\\`"']
    assert lines(folder, "cat R", tab=True) == []


def test_tilde_is_kept_in_a_completed_path(folder: Path, private_home: Path) -> None:
    (private_home / "mine.txt").touch()
    assert lines(folder, "@~/mi") == ["@~/mine.txt"]


def test_completion_does_not_wait_for_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, loaded, scan = threading.Event(), threading.Event(), os.scandir
    (tmp_path / "a").touch()

    def slow(path: Path) -> object:
        gate.wait(20)
        return scan(path)

    monkeypatch.setattr(os, "scandir", slow)
    catalog = FileCatalog(loaded.set)
    assert catalog.find(tmp_path, "") == []
    assert catalog.is_reading
    gate.set()
    assert loaded.wait(20)
    assert [entry.name for entry in catalog.find(tmp_path, "")] == ["a"]


def test_folder_is_read_again_after_two_seconds(tmp_path: Path) -> None:
    now = 0.0
    catalog = FileCatalog(lambda: None, lambda: now)
    for step, expected in ((0.0, []), (1.0, []), (5.0, ["new"])):
        now += step
        catalog.find(tmp_path, "")
        catalog.wait()
        assert [entry.name for entry in catalog.find(tmp_path, "")] == expected
        (tmp_path / "new").touch()
