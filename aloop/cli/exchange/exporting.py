"""The arguments of ``aloop export``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aloop.cli.arguments import CommandOptions, Parser, directory, session_prefix
from aloop.export.formats import DOCUMENTS, TOOLS

_EPILOG = f"""\
documents:  {"  ".join(DOCUMENTS)}
tools:      {"  ".join(TOOLS)}

A document goes to standard output, or to the new file that --output names. A
session for a tool gets a new ID and goes where the tool looks for it, or to
--output; the command that resumes it there is printed. opencode imports a
file, which is in .aloop/exports. Nothing is overwritten, except with --update
a JSON export of which the session still has everything. The exit code of --all
is 1 if a file differs and was not replaced.

examples:
  aloop export a1b2 --to html -o chat.html
  aloop export a1b2 --to claude-code
  aloop export a1b2 --to openai | jq .messages
  aloop export --all backup --to json --update   back up every session"""


@dataclass(frozen=True, slots=True)
class ExportOptions(CommandOptions):
    """The options of ``aloop export``; ``all`` is the folder for every session."""

    id: str = ""
    path: Path | None = None
    to: str = "md"
    all: Path | None = None
    update: bool = False
    sessions_dir: Path | None = None

    def run(self) -> int:
        # Imported here for startup time: completion needs the arguments only.
        from aloop.cli.exchange.export_actions import run_export

        return run_export(self)


def add_arguments(parser: Parser) -> None:
    """Complete the parser of ``aloop export``."""
    parser.set_defaults(options=ExportOptions)
    parser.epilog = _EPILOG
    add = parser.add_argument
    add("id", nargs="?", type=session_prefix, metavar="ID", help="session ID or unique prefix")
    add("--to", choices=(*DOCUMENTS, *TOOLS), default="md", metavar="FORMAT", help="the format (default: md)")
    add("--output", "-o", dest="path", type=directory, metavar="PATH", help="the file or folder to write to")
    add("--all", type=directory, metavar="DIR", help="export every session to a file in this folder")
    add("--update", action="store_true", help="with --all: replace JSON exports of sessions that have grown")
    parser.add_sessions_dir()
    parser.add_help_option()
