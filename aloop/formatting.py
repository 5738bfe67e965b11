"""Counts, sizes, money, times, paths and progress in words; the home directory."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal


def quantity(count: int, noun: str) -> str:
    """Return ``count`` with its noun: ``1 session``, ``2,000 sessions``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def thousands(tokens: int) -> str:
    """Return a number of tokens in about four characters."""
    if tokens < 1_000:
        return str(tokens)
    return f"{tokens / 1_000:.1f}k" if tokens < 10_000 else f"{round(tokens / 1_000)}k"


def megabytes(size: int) -> str:
    """Return a size in bytes as megabytes."""
    return f"{size / 1e6:,.0f} MB"


def format_dollars(dollars: Decimal) -> str:
    """Return an amount with two decimals, or with four below one cent."""
    if not dollars:
        return "$0.00"
    if dollars * 100 >= 1:
        return f"${dollars:.2f}"
    return f"${dollars:.4f}" if dollars * 10_000 >= 1 else "<$0.0001"


def display_path(path: str | os.PathLike[str]) -> str:
    """Return ``path`` for a message to the user, with ``~`` for the home directory.

    Whatever another program reads has the whole path: JSON, commands to copy, and ``path:line:column``.
    """
    text, home = os.fspath(path), os.path.expanduser("~").rstrip("/")  # noqa: PTH111 - Path.home raises without a home
    if not home.startswith("/"):
        return text
    return f"~{text[len(home) :]}" if text == home or text.startswith(f"{home}/") else text


def home_folder() -> Path:
    """Return the home directory of the user.

    Without one, as in containers that run with an unknown user ID, it is the null device: nothing is below it.
    """
    home = os.path.expanduser("~")  # noqa: PTH111 - as above
    return Path(os.devnull if home in ("~", "/") and not os.environ.get("HOME") else home)


def expand_home(path: str | os.PathLike[str]) -> Path:
    """Return ``path`` with the home directory of the user in place of ``~``.

    ``~NAME`` is that of another user. As in a shell, an unknown one leaves the path as it is.
    """
    text = os.fspath(path)
    if text == "~" or text.startswith("~/"):
        return home_folder() / text[1:].lstrip("/")
    return Path(os.path.expanduser(text))  # noqa: PTH111 - Path.expanduser raises for an unknown user


def normal_path(path: Path) -> Path:
    """Return an absolute path to the same file, if possible without ``..``."""
    whole = path.absolute()
    if ".." not in whole.parts:
        return whole
    normal = Path(os.path.normpath(whole))
    return normal if os.path.realpath(normal) == os.path.realpath(whole) else whole


_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


def age(then: datetime, now: datetime) -> str:
    """Return the age of ``then``, as in ``5 min ago``; its date after two weeks."""
    seconds = (now - then).total_seconds()
    if -_MINUTE < seconds < _MINUTE:
        return "just now"
    if 0 < seconds < _HOUR:
        return f"{int(seconds // _MINUTE)} min ago"
    if 0 < seconds < _DAY:
        return f"{int(seconds // _HOUR)} h ago"
    days = int(seconds // _DAY)
    if 0 < days <= 14:
        return "1 day ago" if days == 1 else f"{days} days ago"
    return then.astimezone().date().isoformat()


def duration_text(milliseconds: int) -> str:
    """Return a duration with its two largest units, or in tenths of a second."""
    seconds = milliseconds / 1000
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def format_time(moment: datetime) -> str:
    """Return ``moment`` in local time, to the minute."""
    # Year 1 or 9999, as found in edited files, may be outside the calendar in the local zone: then keep its own zone.
    with contextlib.suppress(OverflowError, ValueError):
        moment = moment.astimezone()
    return f"{moment:%Y-%m-%d %H:%M}"


OnRead = Callable[[int, int], None]
"""Called with the number of files that were read so far, and the number of all."""


def ignore_progress(done: int, total: int) -> None:
    """Do nothing, for work whose progress is not shown."""


_LONGEST_BAR, _SHORTEST_BAR = 30, 4  # cells


def progress_text(title: str, done: int, total: int, unit: str, width: int) -> str:
    """Return a title, a bar, the percentage and the amount in at most ``width`` cells.

    Without room for all of it, it has no amount, then no bar, then no title. The unit is a plural such as "sessions",
    or "MB" for a number of bytes; an empty unit leaves out the amount. A total of 0 is unknown: then there is only the
    title.
    """
    if not total:
        return title[: max(width, 0)]
    scale = 1_000_000 if unit == "MB" else 1
    share = min(done / total, 1)
    amount = f"  {done // scale:,} of {total // scale:,} {unit}" if unit else ""
    for end in (f" {share:4.0%}{amount}", f" {share:4.0%}"):
        cells = min(width - len(title) - 1 - len(end), _LONGEST_BAR)
        if cells >= _SHORTEST_BAR:
            filled = round(share * cells)
            return f"{title} {'█' * filled}{'░' * (cells - filled)}{end}"
    short = f"{share:.0%}"
    return next((text for text in (f"{title} {short}", short) if len(text) <= width), "")
