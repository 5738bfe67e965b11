"""The arguments of ``aloop doctor`` and ``aloop completions``, and their helps."""

from __future__ import annotations

from argparse import Namespace

from aloop.arguments import Parser, print_and_leave, refuse_conversation
from aloop.cli_options import SHELLS, CompletionsOptions, DoctorOptions
from aloop.errors import UsageError

_DOCTOR_END = """\
and, as everywhere:
  --sessions-dir DIR  where sessions live
  -h, --help          print this help and leave

Nothing is changed, and no key is printed. The exit code is 1 when something
must be mended, which its line begins with: ok, warn, or fail."""

_COMPLETIONS_END = """\
Options, commands and the beginnings of session ids are then completed. Add one
of these lines to the start-up file of your shell:

  bash  eval "$(aloop completions bash)"        ~/.bashrc
  zsh   eval "$(aloop completions zsh)"         ~/.zshrc, below compinit
  fish  aloop completions fish | source         ~/.config/fish/config.fish"""


def doctor_parser() -> Parser:
    parser = Parser(
        "aloop doctor",
        epilog=_DOCTOR_END,
        description="See whether all is there that aloop needs, and what to do about what is not.",
    )
    parser.add_argument("--json", dest="as_json", action="store_true", help="print each thing as one line of JSON")
    return parser


def completions_parser() -> Parser:
    parser = Parser(
        "aloop completions",
        epilog=_COMPLETIONS_END,
        description="Print what makes a shell complete the arguments of aloop.",
    )
    parser.add_argument("shell", choices=SHELLS, metavar="SHELL", help=", ".join(SHELLS))
    return parser


def parse_doctor(own: Namespace, rest: list[str]) -> DoctorOptions:
    """Read ``doctor …``; ``own`` holds the program's options, help and the folder among them."""
    refuse_conversation(own, "doctor")
    parser = doctor_parser()
    if own.help:
        print_and_leave(parser.format_help())
    return DoctorOptions(sessions_dir=own.sessions_dir, **vars(parser.parse_args(rest[1:])))


def parse_completions(own: Namespace, rest: list[str]) -> CompletionsOptions:
    """Read ``completions SHELL``; ``own`` holds the program's options."""
    refuse_conversation(own, "completions")
    parser = completions_parser()
    if own.help:
        print_and_leave(parser.format_help())
    if own.sessions_dir is not None:
        raise UsageError("--sessions-dir does not go with 'completions': each Tab looks where you are then.")
    return CompletionsOptions(**vars(parser.parse_args(rest[1:])))
