from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from repl.completion.completers import FileCompleter
from repl.completion.file_and_model_sources import FileCatalog


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("src", "my files", "node_modules", ".git"):
        (tmp_path / name).mkdir()
    for name in ("README.md", "readings.txt", "src/main.py", "my files/a.txt", ".env", 'a"b', "a\nb"):
        (tmp_path / name).touch()
    return tmp_path


def lines(folder: Path, typed: str, *, tab: bool = False) -> list[str]:
    """Return what the line would become, for each completion."""
    catalog = FileCatalog(lambda: None)
    completer, document = FileCompleter(catalog, lambda: folder), Document(typed)
    event = CompleteEvent(text_inserted=not tab, completion_requested=tab)
    list(completer.get_completions(document, event))
    catalog.wait()
    found = completer.get_completions(document, event)
    return [typed[: len(typed) + completion.start_position] + completion.text for completion in found]


def test_an_at_sign_offers_folders_first_and_nothing_hidden(folder: Path) -> None:
    assert lines(folder, "see @") == ['see @"my files/', "see @src/", "see @readings.txt", "see @README.md"]


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
        ("@nothing/", []),
        ("@~nobody/", []),
        ("me@R", []),
        ("R", []),
        ("!cat R", []),
    ],
)
def test_what_is_typed_completes_to_paths(folder: Path, typed: str, expected: list[str]) -> None:
    assert lines(folder, typed) == expected


def test_tab_completes_the_arguments_of_a_command(folder: Path) -> None:
    assert lines(folder, "!cat READ", tab=True) == ["!cat readings.txt", "!cat README.md"]
    assert lines(folder, "!cat my", tab=True) == ['!cat "my files/']
    assert lines(folder, "cat R", tab=True) == []


def test_home_is_completed_as_it_was_typed(folder: Path, private_home: Path) -> None:
    (private_home / "mine.txt").touch()
    assert lines(folder, "@~/mi") == ["@~/mine.txt"]


def test_a_folder_is_never_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, told, scan = threading.Event(), threading.Event(), os.scandir
    (tmp_path / "a").touch()

    def slow(path: Path) -> object:
        gate.wait(20)
        return scan(path)

    monkeypatch.setattr(os, "scandir", slow)
    catalog = FileCatalog(told.set)
    assert catalog.find(tmp_path, "") == []
    assert catalog.is_reading
    gate.set()
    assert told.wait(20)
    assert [entry.name for entry in catalog.find(tmp_path, "")] == ["a"]


def test_a_folder_is_read_again_once_it_may_have_changed(tmp_path: Path) -> None:
    now = 0.0
    catalog = FileCatalog(lambda: None, lambda: now)
    for step, expected in ((0.0, []), (1.0, []), (5.0, ["new"])):
        now += step
        catalog.find(tmp_path, "")
        catalog.wait()
        assert [entry.name for entry in catalog.find(tmp_path, "")] == expected
        (tmp_path / "new").touch()
