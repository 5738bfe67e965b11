"""``aloop doctor``: check that aloop can run here, one line per check."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from textwrap import wrap

from aloop.cli.arguments import CommandOptions, Parser
from aloop.cli.console import json_line, output_width, print_line, print_note
from aloop.cli.doctor_checks import Environment, Verdict, examine
from aloop.formatting import quantity

_EPILOG = """\
Each line starts with ok, warn, or fail. Nothing is changed and no API key is
printed. The exit code is 1 if a check fails."""


@dataclass(frozen=True, slots=True)
class DoctorOptions(CommandOptions):
    """The options of ``aloop doctor``."""

    sessions_dir: Path | None = None
    as_json: bool = False

    def run(self) -> int:
        """Print the verdicts and return the exit code, 1 if a check failed."""
        width = output_width()
        verdicts = []
        for topic, verdict in examine(Environment.here(self.sessions_dir)):
            verdicts.append(verdict)
            record = {"topic": topic} | asdict(verdict)
            for line in [json_line(record)] if self.as_json else verdict_lines(topic, verdict, width):
                print_line(line)
        levels = [verdict.level for verdict in verdicts]
        fails, warnings = levels.count("fail"), levels.count("warn")
        if fails:
            print_note(f"{quantity(fails, 'check')} failed.")
        else:
            print_note(f"aloop works here, with {quantity(warnings, 'warning')}." if warnings else "All checks passed.")
        return 1 if fails else 0


def add_arguments(parser: Parser) -> None:
    """Complete the parser of ``aloop doctor``."""
    parser.set_defaults(options=DoctorOptions)
    parser.epilog = _EPILOG
    parser.add_argument("--json", dest="as_json", action="store_true", help="print one JSON object per line")
    parser.add_sessions_dir()
    parser.add_help_option()


def verdict_lines(topic: str, verdict: Verdict, width: int | None) -> list[str]:
    """Return a verdict as one line, or folded to ``width`` columns."""
    end = "" if not verdict.advice else " " if verdict.text.endswith((".", "?")) else ". "
    line = f"{verdict.level:4}  {topic:8}  {verdict.text}{end}{verdict.advice}"
    if width is None:
        return [line]
    return wrap(line, width - 1, subsequent_indent=" " * 16, break_long_words=False, break_on_hyphens=False)
