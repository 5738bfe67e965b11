"""``aloop permissions``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aloop.cli.parser import parse_arguments
from aloop.errors import UsageError


def permissions(*arguments: str) -> int:
    options = parse_arguments(["permissions", *arguments])
    return options.run()  # type: ignore[union-attr] # the options of a subcommand


def test_rules_are_added_listed_and_removed(
    private_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project = private_home / "project"
    (project / ".git").mkdir(parents=True)
    (project / "src").mkdir()
    monkeypatch.chdir(project / "src")
    permissions("add", "deny write .env")
    permissions("add", "--here", "allow run git status *")
    capsys.readouterr()
    permissions()
    rows = [row.split() for row in capsys.readouterr().out.splitlines()]
    assert rows == [
        ["1", "deny", "write", ".env", "all", "projects"],
        ["2", "allow", "run", "git", "status", "*", "~/project"],
    ]
    permissions("remove", "1")
    capsys.readouterr()
    permissions("list", "--json")
    record = json.loads(capsys.readouterr().out)
    assert record == {"number": 1, "rule": "allow run git status *", "project": str(project.resolve())}


def test_rule_that_is_wrong_or_missing_is_an_error() -> None:
    with pytest.raises(UsageError, match="runs other programs"):
        permissions("add", "allow run env *")
    with pytest.raises(UsageError, match="There is no rule 1"):
        permissions("remove", "1")
