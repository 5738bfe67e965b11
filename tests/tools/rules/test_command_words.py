"""The splitter of command lines, compared with what bash makes of the same text."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from aloop.tools.rules.command_words import Command, split_command

PIECES = [
    *("p", "q", "-x", "--y=1", "a.b", "x", "é", "2", ">", "<", "&", "2>&1", ">/dev/null", "2>/dev/null"),
    *("'", '"', "'s t'", '"u v"', "'|'", '";"', "''", "\\", "$x", "`", "$(p)", "#", "!", "=", "~", "*", "?", "[x]"),
    *(
        "{",
        "}",
        "{a,b}",
        "(",
        ")",
        ";",
        "&&",
        "|",
        "||",
        "&",
        "\n",
        "\t",
        " ",
        "if",
        "time",
        "^",
        "%",
        "@",
        ":",
        ",",
        "+",
    ),
]
BASH = r"""
PATH=/nonexistent
exec 3>>"$1"
command_not_found_handle() { local s; printf -v s '%s\1' "$@"; printf '%s\2' "$s" >&3; }
while IFS= read -r -d '' line; do
    ( eval "$line" ) >/dev/null 2>&1 </dev/null
    printf '\3' >&3
done
"""


def random_line(chance: random.Random) -> str:
    """Return a line of pieces, most of which are separated by blanks."""
    pieces = (chance.choice(PIECES) + chance.choice(["", " ", " ", " "]) for _ in range(chance.randrange(1, 9)))
    return f"p {''.join(pieces)}"


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize("count", [400, pytest.param(20_000, marks=pytest.mark.slow)])
def test_words_are_those_that_bash_runs(tmp_path: Path, count: int) -> None:
    chance = random.Random(count)
    lines: list[tuple[str, tuple[Command, ...]]] = []
    while len(lines) < count:
        line = random_line(chance)
        commands = split_command(line)
        if commands and not any(word.expands for command in commands for word in command):
            lines.append((line, commands))
    log = tmp_path / "log"
    subprocess.run(
        ["bash", "-c", BASH, "bash", log],
        input="".join(f"{line}\0" for line, _ in lines).encode(),
        cwd=tmp_path,
        check=True,
        timeout=120,
    )
    runs = log.read_text().split("\3")[:-1]
    assert len(runs) == len(lines)
    for (line, commands), run in zip(lines, runs, strict=True):
        ran = Counter(tuple(each.split("\1")[:-1]) for each in run.split("\2")[:-1])
        words = [tuple(word.text for word in command) for command in commands]
        # The colon is a command of the shell itself, and a path is never reported as not found.
        expected = Counter(each for each in words if each[0] != ":" and "/" not in each[0])
        assert ran <= expected, line
        assert "||" in line or ran == expected, line


def test_word_that_the_shell_changes_is_marked() -> None:
    commands = split_command("ls *.py '*.py' ~ a~ b=~ x")
    assert commands is not None
    assert [word.expands for word in commands[0]] == [False, True, False, True, False, True, False]
