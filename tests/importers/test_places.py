"""Folders in which tools keep their conversations."""

from __future__ import annotations

from pathlib import Path

import pytest

from aloop.export.targets import deliver, to_tool
from aloop.importers.places import files_of
from aloop.llm.message_types import LLMMessage
from tests.importers.test_round_trip import session_of


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
