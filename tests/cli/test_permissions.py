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
    (project / ".git" / "objects").mkdir(parents=True)
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


@pytest.mark.parametrize("pattern", [".git/**", "a/.Git/config", "/**/.aloop/**", "~/.config/aloop/**"])
def test_rule_that_would_allow_a_guarded_file_is_said_to_have_no_effect(
    capsys: pytest.CaptureFixture[str], pattern: str
) -> None:
    permissions("add", f"allow write {pattern}")
    assert "It has no effect: no rule allows writing to .git" in capsys.readouterr().err
    permissions()
    assert capsys.readouterr().out.rstrip().endswith("all projects, without effect")


@pytest.mark.parametrize("rule", ["allow write /**", "allow write git/**", "deny write .git/**", "allow read .git/**"])
def test_rule_with_an_effect_is_added_without_a_warning(capsys: pytest.CaptureFixture[str], rule: str) -> None:
    permissions("add", rule)
    permissions()
    assert "effect" not in "".join(capsys.readouterr())


def test_rule_that_is_wrong_or_missing_is_an_error() -> None:
    with pytest.raises(UsageError, match="runs other programs"):
        permissions("add", "allow run env *")
    with pytest.raises(UsageError, match="Rule 1 does not exist"):
        permissions("remove", "1")
    with pytest.raises(UsageError, match="N: 'one' is not a positive integer"):
        permissions("remove", "one")


@pytest.mark.parametrize("rest", [["run", "git", "status", "*"], ["run", "git", "log", "--oneline"]])
def test_rule_without_quotes_is_refused_with_an_example(rest: list[str]) -> None:
    with pytest.raises(UsageError) as error:
        permissions("add", "allow", *rest)
    example = 'aloop permissions add "allow run git status *"'
    assert str(error.value) == f"Unexpected argument 'run'. Put quotes around the rule, as in `{example}`."
