"""``aloop permissions``: list, add and remove the user's permission rules."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aloop.cli.arguments import CommandOptions, Parser, non_empty, positive_integer
from aloop.cli.console import json_line, print_line, print_note
from aloop.errors import UsageError
from aloop.formatting import display_path
from aloop.project import project_root
from aloop.sanitize import safe_line
from aloop.tools.rules.rule import Rule, parse_rule
from aloop.tools.rules.rule_file import RuleFile

PermissionsAction = Literal["list", "add", "remove"]

ACTIONS: dict[PermissionsAction, str] = {
    "list": "List the rules, each with its number and project (default)",
    "add": "Add a rule",
    "remove": "Remove the rule with this number",
}

_EPILOG = """\
A rule is allow, ask or deny; then run, unsandboxed, write or read; then a
command or a path. unsandboxed means running outside the sandbox:

  aloop permissions add --here "allow run git status *"
  aloop permissions add --here "allow unsandboxed git commit *"
  aloop permissions add --here "allow write src/**"
  aloop permissions add "deny write .env"

The rules are in ~/.config/aloop/permissions, never in a project."""


_QUOTE = 'Put quotes around the rule, as in `aloop permissions add "allow run git status *"`.'
_RULE_WIDTH = 40
_VOID = "It has no effect: no rule allows writing to .git, .hg, .svn, .aloop or the settings of aloop."


@dataclass(frozen=True, slots=True)
class PermissionsOptions(CommandOptions):
    """The options of ``aloop permissions``.

    ``rule`` is the text of a new one; ``here`` limits it to the project around the working directory.
    """

    action: PermissionsAction
    rule: str = ""
    here: bool = False
    number: int = 0
    as_json: bool = False

    def run(self) -> int:
        """List or change the rules; raises AloopError."""
        file = RuleFile.of_user()
        match self.action:
            case "list":
                _print(file, as_json=self.as_json)
            case "add":
                rule = parse_rule(self.rule, project_root(Path.cwd()) if self.here else None)
                file.add([rule])
                print_note(f"Added `{rule}` for {_place(rule)}.")
                if rule.is_void:
                    print_note(_VOID)
            case "remove":
                rules = file.read()
                if not 1 <= self.number <= len(rules):
                    raise UsageError(f"Rule {self.number} does not exist. `aloop permissions list` shows the numbers.")
                rule = rules[self.number - 1]
                file.remove(rule)
                print_note(f"Removed `{rule}` for {_place(rule)}.")
        return 0


def _print(file: RuleFile, *, as_json: bool) -> None:
    rules = file.read()
    for number, rule in enumerate(rules, 1):
        if as_json:
            print_line(json_line({"number": number, "rule": str(rule), "project": rule.project}))
        else:
            void = ", without effect" if rule.is_void else ""
            print_line(f"{number:>3}  {safe_line(str(rule)):<{_RULE_WIDTH}}  {safe_line(_place(rule))}{void}")
    if not rules and not as_json:
        print_note("There are no rules. A permission question offers them, and `aloop permissions add` adds one.")


def _place(rule: Rule) -> str:
    return "all projects" if rule.project is None else display_path(rule.project)


def add_arguments(parser: Parser) -> None:
    """Complete the parser of ``aloop permissions``."""
    parser.set_defaults(options=PermissionsOptions)
    parser.usage = "aloop permissions [COMMAND ...]"
    parser.needs_command = False
    parser.epilog = _EPILOG
    for name, action in parser.add_commands("action", {str(name): text for name, text in ACTIONS.items()}).items():
        if name == "list":
            action.add_argument("--json", dest="as_json", action="store_true", help="print one JSON object per line")
        elif name == "add":
            action.add_argument("rule", type=non_empty, metavar="RULE", help='such as "allow run git status *"')
            action.rest_advice = _QUOTE
            action.add_argument("--here", action="store_true", help="only in the project around this directory")
        else:
            action.add_argument("number", type=positive_integer, metavar="N", help="the number in the list")
        action.add_help_option()
    parser.set_defaults(action="list")
    parser.add_help_option()
