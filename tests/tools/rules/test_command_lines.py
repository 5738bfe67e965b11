"""The table of command lines against the rules: no line runs that should ask."""

from __future__ import annotations

from pathlib import Path

import pytest

from aloop.permissions import PermissionRequest
from aloop.tools.rules.rule import Rule, parse_rule
from aloop.tools.rules.rule_set import RuleSet
from tests.tools.rules.command_lines import ALLOWED, ASKED, RULES


class Rules:
    """Rules in memory."""

    def __init__(self, *texts: str) -> None:
        self.rules = [parse_rule(text) for text in texts]

    def read(self) -> list[Rule]:
        return self.rules

    def add(self, rules: object) -> None:
        raise NotImplementedError


RULE_SET = RuleSet(Rules(*RULES), Path("/project"))


def verdict(command: str, rules: RuleSet = RULE_SET) -> str:
    decision = rules.decide(PermissionRequest(("shell",), "run_shell", command))
    return decision.verdict if decision else "ask"


def test_table_has_at_least_300_command_lines() -> None:
    assert len(ALLOWED) + len(ASKED) >= 300
    assert len({*ALLOWED, *ASKED}) == len(ALLOWED) + len(ASKED)


def test_no_line_is_allowed_that_should_have_asked() -> None:
    assert [command for command in ASKED if verdict(command) != "ask"] == []


def test_plain_lines_are_allowed() -> None:
    assert [command for command in ALLOWED if verdict(command) != "allow"] == []


def test_offered_rules_can_be_stored_and_then_allow_the_line() -> None:
    for command in (*ALLOWED, *ASKED):
        offered = RuleSet(Rules(), Path("/project")).offer(PermissionRequest(("shell",), "run_shell", command))
        assert [parse_rule(str(rule), rule.project) for rule in offered] == list(offered)
        assert not offered or verdict(command, RuleSet(Rules(*map(str, offered)), Path("/project"))) == "allow", command


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("git push", "deny"),
        ("git push --force origin main", "deny"),
        ("git status && git push", "deny"),
        ("env GIT_DIR=x git push", "deny"),
        ("bash -c 'git push'", "deny"),
        ("(git push)", "deny"),
        ("x=$(git push)", "deny"),
        ("git status\ngit push", "deny"),
        ("git commit -m 'git push'", "allow"),
        ("git pushy", "ask"),
    ],
)
def test_rule_that_denies_also_counts_after_other_syntax(command: str, expected: str) -> None:
    rules = RuleSet(Rules("deny run git push *", "allow run git commit *"), Path("/project"))
    assert verdict(command, rules) == expected


def test_strictest_rule_wins() -> None:
    rules = RuleSet(Rules("allow run git *", "ask run git commit *", "deny run git commit --amend *"), Path("/"))
    commands = ("git log", "git commit", "git commit --amend", "git commit -m --amend")
    assert [verdict(command, rules) for command in commands] == ["allow", "ask", "deny", "ask"]


@pytest.mark.parametrize(
    "command", ["git -c alias.x=!rm x", "git -C .. log", "git submodule foreach rm", "git config alias.x !rm"]
)
def test_rule_for_a_whole_program_does_not_cover_what_defines_commands(command: str) -> None:
    assert verdict(command, RuleSet(Rules("allow run git *"), Path("/"))) == "ask"


@pytest.mark.parametrize(
    ("command", "offered"),
    [
        ("git diff --stat src", ["git diff *"]),
        ("git diff | head -5", ["git diff *", "head -5"]),
        ("git push --force", ["git push --force"]),
        ("git -c alias.x=!rm x", ["git -c alias.x=!rm x"]),
        ("pytest -p plugin", ["pytest -p plugin"]),
        ("make CC=gcc", ["make CC=gcc"]),
        ("npm run test:unit -- --watch", ["npm run test:unit *"]),
        ("python -m pytest -q", ["python -m pytest *"]),
        ("python3 build.py", ["python3 build.py"]),
        (".venv/bin/pytest -q", [".venv/bin/pytest *"]),
        ("rm -rf build", ["rm -rf build"]),
        ("cat *.py", []),
        ("sudo make install", ["sudo make install"]),
        ("cd src && make", []),
        ("echo 'two words'", []),
        ("make; ls; pwd; date", []),
        ("cat <<EOF\nx\nEOF", []),
    ],
)
def test_offer_is_the_narrowest_useful_rule(command: str, offered: list[str]) -> None:
    rules = RuleSet(Rules(), Path("/project"))
    request = PermissionRequest(("shell",), "run_shell", command)
    assert [rule.pattern for rule in rules.offer(request)] == offered


def test_offer_leaves_out_what_is_allowed_already() -> None:
    rules = RuleSet(Rules("allow run git diff *"), Path("/project"))
    request = PermissionRequest(("shell",), "run_shell", "git diff | wc -l")
    assert [rule.pattern for rule in rules.offer(request)] == ["wc -l"]
