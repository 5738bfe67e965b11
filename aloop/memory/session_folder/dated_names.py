"""Names with a time, of the files beside session.yaml."""

from __future__ import annotations

from datetime import UTC, datetime

_TIME_FORMAT = "%Y%m%dT%H%M%S.%f"
"""A time in a file name: sortable, and without characters that some file systems do not allow."""
TIME_MARK = r"\d{8}T\d{6}\.\d{6}Z?"
"""The pattern of a time in a file name."""


def time_mark(moment: datetime | None = None) -> str:
    """Return ``moment``, or the present time, as it is written in file names: in UTC."""
    return (moment or datetime.now(UTC)).astimezone(UTC).strftime(f"{_TIME_FORMAT}Z")


def read_mark(mark: str) -> datetime:
    """Return the time of a mark; raises ValueError if it is not a time.

    Marks of version 0.1.0 have no ``Z``, and are local time.
    """
    moment = datetime.strptime(mark.removesuffix("Z"), _TIME_FORMAT)
    return moment.replace(tzinfo=UTC) if mark.endswith("Z") else moment.astimezone()


def dated_name(kind: str, moment: datetime | None = None) -> str:
    """Return the name of a file beside session.yaml, made at ``moment`` (now).

    ``kind`` is one of before, edited, recovered and undone.
    """
    return f"session.{kind}-{time_mark(moment)}.yaml"
