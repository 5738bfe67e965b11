"""The arguments of ``aloop import``."""

from __future__ import annotations

import re
import textwrap
from argparse import ArgumentTypeError
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from aloop.cli.arguments import CommandOptions, Parser, non_empty
from aloop.importers.formats import FORMATS, TOOLS

_AGO = re.compile(r"(\d{1,5})([hdw])")
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}

_EPILOG = """\
WHAT is a file, a folder, the name of a tool, or - for standard input. The name
of a tool means its sessions for this folder and its project; add --all for
those of every folder. Formats are recognized by content.

{formats}

A conversation is imported once. Importing it again adds what it has gained;
a session that you have continued or changed in aloop, or moved to the trash,
is left alone. The files of other tools are only read.

examples:
  aloop import                      list the sessions of other tools here
  aloop import claude-code codex    import those of Claude Code and Codex
  aloop import codex --all --since 30d
  aloop import conversations.json   import an export of ChatGPT or Claude.ai
  aloop import ~/backup --dry-run   show what would be imported"""


@dataclass(frozen=True, slots=True)
class ImportOptions(CommandOptions):
    """The options of ``aloop import``; ``what`` is empty if nothing was named."""

    what: Sequence[str] = ()
    form: str = ""
    session: str = ""
    all: bool = False
    since: datetime | None = None
    branches: bool = False
    dry_run: bool = False
    as_json: bool = False
    sessions_dir: Path | None = None

    def run(self) -> int:
        # Imported here for startup time: completion needs the arguments only.
        from aloop.cli.exchange.import_actions import run_import

        return run_import(self)


def _format_lists() -> str:
    """Return the names of the formats for the help, those of tools first."""
    others = [name for name in FORMATS if name not in TOOLS]
    rows = [
        "\n".join(
            textwrap.wrap("  ".join(names), 70, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)
        )
        for names in (TOOLS, others)
    ]
    return f"tools:\n{rows[0]}\nother formats:\n{rows[1]}"


def add_arguments(parser: Parser) -> None:
    """Complete the parser of ``aloop import``."""
    parser.set_defaults(options=ImportOptions)
    parser.epilog = _EPILOG.replace("{formats}", _format_lists())
    add = parser.add_argument
    add("what", nargs="*", type=non_empty, metavar="WHAT", help="a file, a folder, a tool, or -")
    add("--from", dest="form", choices=tuple(FORMATS), metavar="FORMAT", help="the format, if it is not recognized")
    add("--session", type=non_empty, metavar="ID", help="only the conversation with this ID, here or in the other tool")
    add("--all", action="store_true", help="include the sessions of every folder, not only of this one")
    add("--since", type=_since, metavar="TIME", help="only those changed since a date, or 12h, 30d or 8w ago")
    add("--branches", action="store_true", help="also import other branches and subagent runs, as linked sessions")
    add("--dry-run", action="store_true", help="show what would be imported, and write nothing")
    add("--json", dest="as_json", action="store_true", help="print one JSON object per line")
    parser.add_sessions_dir()
    parser.add_help_option()


def _since(text: str) -> datetime:
    now = datetime.now().astimezone()
    if found := _AGO.fullmatch(text):
        return now - timedelta(**{_UNITS[found[2]]: int(found[1])})
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        raise ArgumentTypeError(
            f"{text!r} is not a date such as 2026-01-31, or a number of hours, days or weeks such as 12h, 30d or 8w"
        ) from None
