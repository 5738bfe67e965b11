"""Write the parts of README.md that are made from the code: the table of commands and the help of the program.

    python -m docs.update_readme

A test fails when the README and the code differ, so nobody has to remember this.
"""

from __future__ import annotations

import os
from pathlib import Path
from unittest import mock

from aloop.cli.parser import program_help
from commands.builtin import REGISTRY

README = Path(__file__).parents[1] / "README.md"


def commands_table() -> str:
    """Return the commands of the prompt as a Markdown table, in the order of /help."""
    rows = ["| Command | What it does |", "|---|---|"]
    for command in REGISTRY.commands:
        aliases = "".join(f", `/{alias}`" for alias in command.aliases)
        # A bar would end the cell.
        cells = (cell.replace("|", "\\|") for cell in (f"`{command.invocation}`{aliases}", command.summary))
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def help_block() -> str:
    """Return ``aloop --help`` as a terminal of 80 columns without colours shows it."""
    with mock.patch.dict(os.environ, COLUMNS="80", NO_COLOR="1"):
        return f"```text\n{program_help().rstrip()}\n```"


def updated(text: str) -> str:
    """Return ``text`` with what stands between the markers ``<!-- name -->`` and ``<!-- /name -->`` made anew."""
    for name, block in (("commands", commands_table()), ("help", help_block())):
        before, begin, rest = text.partition(f"<!-- {name} -->")
        _, end, after = rest.partition(f"<!-- /{name} -->")
        text = f"{before}{begin}\n{block}\n{end}{after}"
    return text


if __name__ == "__main__":
    README.write_text(updated(README.read_text(encoding="utf-8")), encoding="utf-8")
