"""A clock that is a day off in either direction and jumps between saves."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import sys
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

from aloop.memory import MemoryManager, SessionLibrary
from aloop.memory.session import is_in_future
from tests.reliability.filesystems import installed
from tests.reliability.next_start import start_again
from tests.reliability.row import Row, Verdict
from tests.reliability.scenario import Event, take_turn

_OFFSETS = (timedelta(days=1), timedelta(0), timedelta(days=-1))


@contextlib.contextmanager
def clock_off_by(offset: timedelta) -> Iterator[None]:
    """Shift the current time of all storage modules by ``offset``."""

    class Shifted(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Shifted:
            moment = datetime.now(tz) + offset
            return cls.fromtimestamp(moment.timestamp(), tz)

    clocked = [
        vars(module)
        for name, module in sys.modules.items()
        if name.startswith("aloop.memory.") and vars(module).get("datetime") is datetime
    ]
    for names in clocked:
        names["datetime"] = Shifted
    try:
        yield
    finally:
        for names in clocked:
            names["datetime"] = datetime


def clock_a_day_off(*, full: bool) -> Row:
    """Save turns and new sessions under every order of three clock offsets."""
    orders = list(itertools.permutations(_OFFSETS))[: None if full else 2]
    results = [asyncio.run(_run_with_offsets(order)) for order in orders]
    total = sum((verdict for verdict, _ in results), Verdict())
    unexpected = [line for _, lines in results for line in lines]
    result = f"{total}, {len(unexpected)} unexpected" + "".join(f"<br>{line}" for line in unexpected)
    required = "unique IDs, correct order, future dates flagged"
    return Row(
        "clock off by a day in either direction", 3 * len(orders), result, required, total.is_clean and not unexpected
    )


async def _run_with_offsets(offsets: tuple[timedelta, ...]) -> tuple[Verdict, list[str]]:
    events: list[Event] = []
    unexpected: list[str] = []
    with tempfile.TemporaryDirectory() as folder, installed():
        root = Path(folder) / ".aloop" / "sessions"
        memory = MemoryManager(sessions_dir=root, hold=True)
        ids = {memory.session_id}
        times: list[datetime] = []
        clocks: list[datetime] = []
        for number, offset in enumerate(offsets):
            with clock_off_by(offset):
                await take_turn(memory, f"turn {number}", events.append)
                clocks.append(datetime.now().astimezone() + offset)
                times.append((await SessionLibrary(root).load(memory.session_id)).updated_at)
                other = MemoryManager(sessions_dir=root)
                await take_turn(other, "other", events.append)
                ids.add(other.session_id)
        memory.close()
        if len(ids) != 1 + len(offsets):
            unexpected.append("a session ID was used twice")
        for earlier, later, clock in zip(times, times[1:], clocks[1:], strict=False):
            # A time that the clock of the next save finds in the future is not kept.
            is_right = later <= clock if is_in_future(earlier, clock) else later > earlier
            if not is_right:
                unexpected.append(f"updated_at went from {earlier} to {later} at {clock}")
        flagged = {
            finding.path.parent
            for finding in await SessionLibrary(root).check()
            if "is in the future" in finding.message
        }
        expected = 1 + (offsets[-1] > timedelta(0))
        if len(flagged) != expected:
            unexpected.append(f"{len(flagged)} sessions flagged, not the {expected} from the future")
        return await start_again(root, events), unexpected
