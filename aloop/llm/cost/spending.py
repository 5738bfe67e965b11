"""A log of the tokens used each month, for the cost of a month.

One file of JSON lines per month in the state folder (``spending-2026-11.jsonl``), one line per answer. Only counts and
model names are written, nothing of the conversation.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from aloop.llm.cost.pricing import Cost, PriceList
from aloop.llm.message_types import Usage

_COUNTS = (
    "input_tokens",
    "output_tokens",
    "cache_creation_tokens",
    "cache_read_tokens",
    "cache_creation_1h_tokens",
    "web_searches",
)


class SpendingLog:
    """The answers of all sessions of this user, by month.

    A line is appended in one write, so several processes can write at once. Errors of the file are ignored: the log
    is for information only.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    @property
    def is_on(self) -> bool:
        """True if answers are written to a folder."""
        return self._folder is not None

    def add(self, usage: Usage, model: str | None, now: datetime | None = None, provider: str | None = None) -> None:
        """Append one answer; does nothing for an answer without tokens."""
        counts = {name: getattr(usage, name) for name in _COUNTS if getattr(usage, name)}
        if self._folder is None or not counts:
            return
        now = now or datetime.now().astimezone()
        line = (
            json.dumps({"at": now.isoformat(timespec="seconds"), "model": model, "provider": provider} | counts) + "\n"
        )
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(self._path(now), os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.write(descriptor, line.encode())
            finally:
                os.close(descriptor)

    def month(self, prices: PriceList, now: datetime | None = None) -> Cost:
        """Return the cost of the month of ``now``."""
        # Each answer by itself: some models cost more per token in a long request.
        answers = self._answers(self._path(now or datetime.now().astimezone()))
        return sum((prices.cost(*answer) for answer in answers), Cost())

    def _path(self, now: datetime) -> Path:
        return (self._folder or Path()) / f"spending-{now:%Y-%m}.jsonl"

    def _answers(self, path: Path) -> Iterator[tuple[Usage, str | None, str | None]]:
        if self._folder is None:
            return
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            return
        for line in lines:
            try:
                record = json.loads(line)
                counts = {name: int(record[name]) for name in _COUNTS if name in record}
                model, provider = (_text(record.get(name)) for name in ("model", "provider"))
            except (ValueError, TypeError, AttributeError):
                continue  # a line that was cut off by a full disk
            yield Usage(**counts), model, provider


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
