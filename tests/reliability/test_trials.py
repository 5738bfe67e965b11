"""Each trial holds in its quick form; the full one is ``python -m tests.reliability --full``."""

from __future__ import annotations

import pytest

from tests.reliability.row import as_line
from tests.reliability.trials import TRIALS


def hold(name: str) -> None:
    row = TRIALS[name](full=False)
    if row.result.startswith("skipped"):
        pytest.skip(row.result)
    assert row.kept, as_line(row)


@pytest.mark.parametrize("name", ["kill-at-every-call", "kill-in-recovery", "kill-at-random"])
def test_a_kill_at_any_moment_loses_nothing_and_leaves_nothing(name: str) -> None:
    hold(name)


def test_a_power_cut_loses_nothing_that_was_acknowledged() -> None:
    hold("power")


def test_a_power_cut_would_lose_without_fsync() -> None:
    hold("power-without-fsync")


@pytest.mark.parametrize("name", ["refused-calls", "short-writes"])
def test_a_disk_that_refuses_is_told_of_once_and_loses_nothing(name: str) -> None:
    hold(name)


@pytest.mark.parametrize("name", ["file-size-limit", "small-file-system"])
def test_a_disk_that_is_really_full_loses_nothing(name: str) -> None:
    hold(name)


@pytest.mark.parametrize("name", ["dead-programs", "dead-shells"])
def test_after_a_death_in_a_turn_its_finished_steps_come_back(name: str) -> None:
    hold(name)


@pytest.mark.parametrize("name", ["interrupted-turns", "interrupted-visits", "interrupted-shells"])
def test_ctrl_c_ten_times_leaves_a_valid_file_and_a_living_shell(name: str) -> None:
    hold(name)


def test_sessions_that_are_made_side_by_side_are_all_listed() -> None:
    hold("creations")


def test_several_writers_of_a_session_lose_nothing() -> None:
    hold("two-writers")


def test_a_second_shell_is_told_and_a_dead_one_holds_nothing() -> None:
    hold("second-shell")


def test_hand_edits_and_turns_both_survive() -> None:
    hold("hand-edits")


def test_a_wrong_clock_confuses_neither_ids_nor_order() -> None:
    hold("clock")
