"""The options parsed from arguments, and the one-line error for wrong usage."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aloop import __version__
from aloop.cli.arguments import Parser
from aloop.cli.options import STDIN, RunOptions
from aloop.cli.parser import COMMANDS, Options, parse_arguments, program_help
from aloop.cli.sessions.command import ACTIONS, SessionsAction, SessionsOptions
from aloop.errors import UsageError
from tests.properties import scaled


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ([], RunOptions()),
        (["--resume"], RunOptions(resume="")),
        (["--resume", "a1b2"], RunOptions(resume="a1b2")),
        (["--task", "Hello"], RunOptions(task="Hello")),
        (["--task", "-"], RunOptions(task=STDIN)),
        (["--resume", "--task", "Hello"], RunOptions(resume="", task="Hello")),
        (["--task", "Hello", "--resume"], RunOptions(resume="", task="Hello")),
        (["--resume", "a1b2", "--task", "Hello"], RunOptions(resume="a1b2", task="Hello")),
        (["-r"], RunOptions(resume="")),
        (["-r", "a1b2", "-p", "Hello"], RunOptions(resume="a1b2", task="Hello")),
        (["-c"], RunOptions(resume="")),
        (["--continue", "-p", "- Hello"], RunOptions(resume="", task="- Hello")),
        (["-m", "offline"], RunOptions(model="offline")),
        (["Who are you?"], RunOptions(question="Who are you?")),
        (["Question?"], RunOptions(question="Question?")),
        (["-c", "为什么"], RunOptions(resume="", question="为什么")),
        (["-c", "Who are you?", "-m", "offline"], RunOptions(resume="", model="offline", question="Who are you?")),
        (["-r", "a1b2", "Who are you?", "--plain"], RunOptions(resume="a1b2", plain=True, question="Who are you?")),
        (["--model", "offline"], RunOptions(model="offline")),
        (["--sessions-dir", "here"], RunOptions(sessions_dir=Path("here"))),
        (["--system", "Be brief."], RunOptions(system="Be brief.")),
        (["--max-steps", "3"], RunOptions(max_steps=3)),
        (["--plain"], RunOptions(plain=True)),
        (["--task", "Hi", "--output-format", "json"], RunOptions(task="Hi", output_format="json")),
        (["--task", "Hi", "--output-format=stream-json"], RunOptions(task="Hi", output_format="stream-json")),
    ],
)
def test_arguments_of_a_conversation_become_run_options(arguments: list[str], options: RunOptions) -> None:
    assert parse_arguments(arguments) == options


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        (["list"], SessionsOptions("list")),
        (["list", "--limit", "5", "--json"], SessionsOptions("list", limit=5, as_json=True)),
        (["show", "a1b2"], SessionsOptions("show", id="a1b2")),
        (["show", "--messages", "a1b2"], SessionsOptions("show", id="a1b2", messages=True)),
        (["stats", "a1b2", "--json"], SessionsOptions("stats", id="a1b2", as_json=True)),
        (["check"], SessionsOptions("check")),
        (["check", "a1b2", "--fix"], SessionsOptions("check", id="a1b2", fix=True)),
        (["delete", "a1b2", "--yes"], SessionsOptions("delete", id="a1b2", yes=True)),
        (["trash", "--json"], SessionsOptions("trash", as_json=True)),
        (["restore", "a1b2"], SessionsOptions("restore", id="a1b2")),
        (["purge", "--yes"], SessionsOptions("purge", yes=True)),
        (["purge", "a1b2"], SessionsOptions("purge", id="a1b2")),
    ],
)
def test_arguments_of_sessions_become_sessions_options(arguments: list[str], options: SessionsOptions) -> None:
    assert parse_arguments(["sessions", *arguments]) == options


@pytest.mark.parametrize(
    "arguments",
    [
        ["--sessions-dir", "X", "sessions", "list", "--json"],
        ["sessions", "--sessions-dir", "X", "list", "--json"],
        ["sessions", "list", "--sessions-dir", "X", "--json"],
        ["sessions", "list", "--json", "--sessions-dir=X"],
    ],
)
def test_sessions_dir_is_accepted_in_any_position(arguments: list[str]) -> None:
    assert parse_arguments(arguments) == SessionsOptions("list", sessions_dir=Path("X"), as_json=True)


def test_tilde_in_sessions_dir_is_expanded(private_home: Path) -> None:
    assert parse_arguments(["--sessions-dir=~/saved"]) == RunOptions(sessions_dir=private_home / "saved")


@pytest.mark.parametrize("text", ["-x", "-1 + 2", "x=--", "--- a/file", "--nonsense"])
def test_task_may_start_with_a_dash(text: str) -> None:
    assert parse_arguments(["--task", text]) == RunOptions(task=text)


@pytest.mark.parametrize("option", ["--resume", "--model=x", "--help", "-h", "--"])
def test_task_followed_by_an_option_is_an_error(option: str) -> None:
    with pytest.raises(UsageError, match="--task"):
        parse_arguments(["--task", option])


def test_task_equals_option_is_a_task() -> None:
    assert parse_arguments(["--task=--resume"]) == RunOptions(task="--resume")


def test_double_dash_is_not_a_task() -> None:
    with pytest.raises(UsageError, match="the value '--'"):
        parse_arguments(["--task=--"])


@pytest.mark.parametrize(
    "arguments",
    [
        ["--resume", ""],
        ["--task", ""],
        ["--task", " \n"],
        ["--model", ""],
        ["--sessions-dir", ""],
        ["sessions", "show", ""],
        ["sessions", "delete", " ", "--yes"],
        ["sessions", "purge", "", "--yes"],
        ["sessions", "check", ""],
    ],
)
def test_empty_value_is_an_error(arguments: list[str]) -> None:
    with pytest.raises(UsageError, match="the value is empty"):
        parse_arguments(arguments)


@pytest.mark.parametrize("amount", ["0", "-1", "x", "NaN", "sNaN", "inf", "1e999"])
def test_amount_that_is_not_positive_or_not_finite_is_rejected(amount: str) -> None:
    with pytest.raises(UsageError, match=r"--max-cost: .* is not a positive amount"):
        parse_arguments(["--max-cost", amount])


@pytest.mark.parametrize("limit", ["0", "-1", "abc", "1.5", "", "²"])
def test_limit_must_be_a_positive_integer(limit: str) -> None:
    with pytest.raises(UsageError, match=r"--limit: .* is not a positive integer"):
        parse_arguments(["sessions", "list", "--limit", limit])


@pytest.mark.parametrize(
    "arguments",
    [
        ["--resume", "sessions", "list"],
        ["--resume", "a1b2", "sessions", "list"],
        ["sessions", "list", "--task", "Hello"],
        ["--model", "offline", "sessions", "list"],
    ],
)
def test_options_of_a_conversation_cannot_be_used_with_sessions(arguments: list[str]) -> None:
    with pytest.raises(UsageError, match="cannot be used with `sessions`"):
        parse_arguments(arguments)


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["session", "list", "--json"], "Did you mean `aloop sessions list --json`?"),
        (["sessions", "lst"], "Did you mean `aloop sessions list`?"),
        (["list"], "Did you mean `aloop sessions list`?"),
        (["show", "a1b2"], "Did you mean `aloop sessions show a1b2`?"),
        (["history"], "Did you mean `aloop sessions list`?"),
        (["help"], "Did you mean `aloop --help`?"),
        (["2+2?"], "To run a task, use `aloop --task '2+2?'`."),
        (["--modle", "x"], "Did you mean '--model'?"),
        (["ls", "--json"], "Did you mean `aloop sessions list --json`?"),
        (["rm", "a1b2"], "Did you mean `aloop sessions delete a1b2`?"),
        (["remove", "a1b2"], "Did you mean `aloop sessions delete a1b2`?"),
        (["delete", "a1b2"], "Did you mean `aloop sessions delete a1b2`?"),
        (
            ["search", "line", "numbers"],
            "Did you mean `aloop sessions search line numbers`? To ask a question, put it in",
        ),
        (["what", "is", "this"], "To ask a question, put it in quotes: `aloop 'what is this'`."),
        (["check"], "Did you mean `aloop sessions check`?"),
        (["usage"], "Did you mean `aloop sessions stats`?"),
        (["login"], "Did you mean `aloop key set`?"),
        (["resume", "a1b2"], "Did you mean `aloop --resume a1b2`?"),
        (["help", "sessions"], "Did you mean `aloop sessions --help`?"),
        (["run", "fix it"], "Did you mean `aloop --task 'fix it'`?"),
        (["sessions", "remove", "a1b2"], "Did you mean `aloop sessions delete`?"),
        (["permissions", "delete", "1"], "Did you mean `aloop permissions remove`?"),
        (["key", "add"], "Did you mean `aloop key set`?"),
        (["--chek"], "Unknown option '--chek'. Run `aloop --help` for usage."),
        (["--res"], "Did you mean '--resume'?"),
        (["--zzz"], "Run `aloop --help` for usage."),
        (["sessions"], "trash, restore, purge or git-setup."),
        (["sessions", "frobnicate"], "Run `aloop sessions --help` for usage."),
        (["sessions", "show"], "Run `aloop sessions show --help` for usage."),
        (["sessions", "show", "a1b2", "c3d4"], "Run `aloop sessions show --help` for usage."),
        (["sessions", "--json", "list"], "--json must come after `aloop sessions list`."),
        (["sessions", "list", "--yes"], "Run `aloop sessions list --help` for usage."),
        (["sessions", "trash", "a1b2"], "Run `aloop sessions trash --help` for usage."),
        (["purge"], "Did you mean `aloop sessions purge`?"),
        (["hello"], "Did you mean `aloop --help`? To run a task, use `aloop --task hello`."),
        (["hello", "world"], "To ask a question, put it in quotes: `aloop 'hello world'`."),
        (["hi"], "Unknown command 'hi'. To run a task, use `aloop --task hi`."),
    ],
)
def test_error_suggests_the_intended_usage(arguments: list[str], hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_arguments(arguments)
    assert hint in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("word", ["sesions", "imprt", "histroy", "lst", "login", "--?", "-é"])
def test_misspelled_command_or_option_is_not_taken_for_a_question(word: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_arguments([word])
    assert "--task" not in str(caught.value)


def test_version_option_prints_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse_arguments(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"aloop {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["-h"],
        ["sessions", "-h"],
        *([command, "--help"] for command in COMMANDS),
        *(["sessions", action, "--help"] for action in ACTIONS),
        *(["local", action, "--help"] for action in ("install", "status", "remove")),
    ],
)
def test_help_fits_a_terminal_of_80_columns(
    arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as caught:
        parse_arguments(arguments)
    assert caught.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("usage: aloop")
    assert max(map(len, lines)) <= 80


def test_help_names_every_option() -> None:
    for option in ("--resume", "--task", "--model", "--sessions-dir", "--version", "--help"):
        assert f"\n  {option}" in program_help() or f"-h, {option}" in program_help()


@pytest.mark.parametrize("action", ACTIONS)
def test_every_sessions_command_is_in_both_helps(action: SessionsAction, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_arguments(["sessions", "--help"])
    assert f"\n  {action:<12}  {ACTIONS[action]}\n" in capsys.readouterr().out
    assert action in program_help()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--output-format", "json"], "needs --task"),
        (
            ["--allow", "shel"],
            r"'shel' is not one of write, shell, outside\. Did you mean 'shell'\? Run `aloop --help`",
        ),
        (["--task", "Hi", "--output-format", "xml"], "is not one of text, json, stream-json"),
        (["-p", "a", "-p", "b"], "^--task can be given only once"),
        (["--task=a", "-p=b"], "^--task can be given only once"),
        (["--system", "a", "--system", "b"], "^--system can be given only once"),
        (["-c", "-r", "a1b2"], "^--resume or --continue can be given only once"),
        (["--max-steps", "0"], "not a positive integer"),
        (["sessions", "list", "--max-steps", "3"], "--max-steps cannot be used with `sessions`"),
    ],
)
def test_invalid_combination_or_value_is_an_error(arguments: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_arguments(arguments)


WORDS = (
    "--resume --task --task=x - -- --task=-- --json --limit 5 -1 -h --help --version --model --sessions-dir --nope -z"
)
ARGUMENTS = st.lists(st.sampled_from(["", *WORDS.split(), *COMMANDS, *ACTIONS, "install", "bash", "a1b2"]), max_size=6)


@given(ARGUMENTS)
@settings(max_examples=scaled(100))
def test_any_arguments_give_options_or_help_or_a_one_line_error(arguments: list[str]) -> None:
    outcome: object = None
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            outcome = parse_arguments(arguments)
    except (SystemExit, UsageError) as error:
        outcome = error
    assert isinstance(outcome, Options | UsageError) or (isinstance(outcome, SystemExit) and outcome.code == 0)
    assert "\n" not in str(outcome)


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["Who are you?", "And who am I?"], "Unknown command"),
        (["Who are you?", "--task", "Hi"], "Unknown command"),
        (["Who are you?", "--nope"], "Unknown option '--nope'"),
        (["sessions", "Who are you?"], "Unknown command"),
    ],
)
def test_question_with_other_work_is_wrong_usage(arguments: list[str], part: str) -> None:
    with pytest.raises(UsageError, match=part):
        parse_arguments(arguments)


def test_subcommands_take_the_color_setting_of_newer_pythons(monkeypatch: pytest.MonkeyPatch) -> None:
    # Since Python 3.14, argparse passes color to the class of each subcommand, and colors help on a terminal.
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert Parser("aloop sessions", description="Manage saved sessions", color=False).color is False
    assert "\x1b" not in program_help()
