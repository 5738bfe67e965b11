"""Folders in which tools keep their conversations."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aloop.export.targets import deliver, to_tool
from aloop.export.tools.folders import claude_slug
from aloop.importers.places import files_of
from aloop.llm.message_types import LLMMessage
from tests.importers.test_round_trip import session_of


def refusing(folder: Path, real: Callable[[Path], Iterator[Path]]) -> Callable[[Path], Iterator[Path]]:
    """Return ``real``, but for ``folder``, which cannot be listed even by root."""

    def list_folder(path: Path) -> Iterator[Path]:
        if path == folder:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return real(path)

    return list_folder


@pytest.mark.parametrize("name", ["a[b] *", "😀 dir", "c:d"])
@pytest.mark.parametrize("tool", ["claude-code", "codex", "pi"])
def test_exports_are_found_in_the_folder_of_their_project(tmp_path: Path, tool: str, name: str) -> None:
    path = deliver(to_tool(session_of((LLMMessage("user", "Hi"),)), tool, tmp_path / name), tmp_path)
    assert files_of(tool, tmp_path / name) == [path]


@pytest.mark.parametrize(
    ("tool", "variable"),
    [("claude-code", "CLAUDE_CONFIG_DIR"), ("codex", "CODEX_HOME"), ("pi", "PI_CODING_AGENT_DIR")],
)
def test_exports_are_put_into_the_folder_that_a_variable_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tool: str, variable: str
) -> None:
    monkeypatch.setenv(variable, str(tmp_path / "agent"))
    path = deliver(to_tool(session_of((LLMMessage("user", "Hi"),)), tool, tmp_path), tmp_path)
    assert path.is_relative_to(tmp_path / "agent")
    assert files_of(tool, tmp_path) == [path]


def test_folders_that_cannot_be_read_are_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODEX_HOME", str(tmp_path))
    for day in ("28", "29"):
        (tmp_path / "sessions/2026/11" / day).mkdir(parents=True)
        (tmp_path / "sessions/2026/11" / day / "rollout-1.jsonl").write_text("{}")
    locked = tmp_path / "sessions/2026/11/28"
    monkeypatch.setattr(Path, "iterdir", refusing(locked, Path.iterdir))
    errors: list[OSError] = []
    found = files_of("codex", tmp_path, on_error=errors.append)
    assert found == [tmp_path / "sessions/2026/11/29/rollout-1.jsonl"]
    assert {error.filename for error in errors} == {str(locked)}


def test_files_that_vanish_or_are_no_regular_files_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path))
    folder = tmp_path / "projects" / claude_slug(str(tmp_path))
    folder.mkdir(parents=True)
    (folder / "a.jsonl").write_text("{}")
    (folder / "b.jsonl").symlink_to("gone")
    (folder / "c.jsonl").mkdir()
    os.mkfifo(folder / "d.jsonl")
    (folder / "e").symlink_to(folder)
    errors: list[OSError] = []
    assert files_of("claude-code", tmp_path, on_error=errors.append) == [folder / "a.jsonl"]
    assert not errors
