from __future__ import annotations

import pytest

from commands.builtin import REGISTRY
from commands.context import Context
from commands.parse import Call, parse_line
from commands.registry import Argument, Command, Outcome, Registry


async def _do_nothing(_context: Context, _argument: str) -> Outcome:
    return Outcome()


def test_command_is_found_by_name_and_alias_in_any_case() -> None:
    command = Command("exit", "Leave", _do_nothing, aliases=("quit",))
    registry = Registry([command])
    assert registry.find("EXIT") is command
    assert registry.find("quit") is command
    assert registry.find("other") is None


def test_duplicate_command_names_are_refused() -> None:
    with pytest.raises(ValueError, match="/exit"):
        Registry([Command("exit", "", _do_nothing), Command("leave", "", _do_nothing, aliases=("exit",))])


def test_suggest_returns_the_closest_match_or_none() -> None:
    assert REGISTRY.suggest("resum") == "resume"
    assert REGISTRY.suggest("nosuch") is None
    assert REGISTRY.suggest("h") in {"help", "history"}
    assert REGISTRY.suggest("zzzzz") is None


def test_registry_has_the_commands_of_the_specification() -> None:
    assert {"resume", "history", "help", "clear", "stats", "exit"} <= {command.name for command in REGISTRY.commands}


def test_every_command_has_a_summary_and_a_usage_that_fits_its_argument() -> None:
    for command in REGISTRY.commands:
        assert command.summary
        assert bool(command.usage) == (command.argument is not Argument.NONE)
        assert command.invocation.startswith(f"/{command.name}")


@pytest.mark.parametrize("command", REGISTRY.commands, ids=lambda command: command.name)
def test_every_command_has_a_group_and_a_valid_example(command: Command[Context]) -> None:
    assert command.group
    call = parse_line(command.example)
    assert isinstance(call, Call)
    assert REGISTRY.find(call.name) is command
    assert command.argument is not Argument.NONE or not call.argument
