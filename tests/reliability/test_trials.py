"""The quick form of each trial.

``python -m tests.reliability --full`` runs all cases.
"""

from __future__ import annotations

import pytest

from tests.reliability.row import as_line
from tests.reliability.trials import TRIALS

SLOW = {
    "dead-shells",
    "early-interrupts",
    "interrupted-shells",
    "kill-at-every-call",
    "kill-in-recovery",
}


def trials(*names: str) -> pytest.MarkDecorator:
    """Parametrize a test with trial names."""
    marks = {name: [pytest.mark.slow] if name in SLOW else [] for name in names}
    return pytest.mark.parametrize("name", [pytest.param(name, marks=marks[name]) for name in names])


def require(name: str) -> None:
    row = TRIALS[name](full=False)
    if row.result.startswith("skipped"):
        pytest.skip(row.result)
    assert row.kept, as_line(row)


@trials("kill-at-every-call", "kill-in-recovery", "kill-at-random")
def test_sigkill_loses_no_message_and_leaves_no_files(name: str) -> None:
    require(name)


@pytest.mark.slow
def test_power_cut_loses_no_acknowledged_message() -> None:
    require("power")


def test_power_cut_without_fsync_loses_messages() -> None:
    require("power-without-fsync")


@trials("refused-calls", "short-writes")
def test_failing_system_calls_are_reported_once_and_lose_nothing(name: str) -> None:
    require(name)


@trials("file-size-limit", "small-file-system")
def test_full_disk_loses_nothing(name: str) -> None:
    require(name)


@trials("dead-programs", "dead-shells")
def test_finished_steps_are_recovered_after_death_in_a_turn(name: str) -> None:
    require(name)


@trials("interrupted-turns", "interrupted-resumes", "interrupted-shells")
def test_repeated_ctrl_c_leaves_a_valid_file_and_a_running_shell(name: str) -> None:
    require(name)


@trials("early-interrupts")
def test_interrupted_start_prints_no_traceback(name: str) -> None:
    require(name)


def test_no_signal_at_a_plain_shell_is_lost() -> None:
    require("signals")


def test_sessions_created_concurrently_are_all_listed() -> None:
    require("creations")


def test_concurrent_writers_of_a_session_lose_nothing() -> None:
    require("two-writers")


def test_second_shell_is_refused_and_dead_shell_holds_no_lock() -> None:
    require("second-shell")


def test_hand_edits_of_an_open_session_and_its_turns_survive() -> None:
    require("hand-edits")


def test_wrong_clock_keeps_ids_unique_and_order_correct() -> None:
    require("clock")
