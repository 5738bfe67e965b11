"""All trials by name, in the order of the table."""

from __future__ import annotations

from typing import Protocol

from tests.reliability import (
    clocks,
    deaths,
    faults,
    full_disk,
    hand_edits,
    interrupts,
    kills,
    power,
    processes,
    signals,
)
from tests.reliability.row import Row


class Trial(Protocol):
    """Run a trial in its quick or full form and return its row."""

    def __call__(self, *, full: bool) -> Row: ...


TRIALS: dict[str, Trial] = {
    "kill-at-every-call": kills.at_every_call,
    "kill-in-recovery": kills.in_recovery,
    "kill-at-random": kills.at_random_times,
    "power": power.power_cuts,
    "power-without-fsync": power.power_cuts_without_syncs,
    "refused-calls": faults.refused_calls,
    "short-writes": faults.short_writes,
    "file-size-limit": full_disk.file_size_limit,
    "small-file-system": full_disk.small_file_system,
    "dead-programs": deaths.killed_programs,
    "dead-shells": deaths.killed_shells,
    "interrupted-turns": interrupts.interrupted_turns,
    "interrupted-resumes": interrupts.interrupted_resumes,
    "interrupted-shells": interrupts.interrupted_shells,
    "signals": signals.signals_at_random,
    "early-interrupts": signals.interrupts_at_start,
    "creations": processes.creations,
    "two-writers": processes.two_writers,
    "second-shell": processes.second_shell,
    "hand-edits": hand_edits.edits_while_open,
    "clock": clocks.clock_a_day_off,
}
