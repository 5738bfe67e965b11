"""The table of server habits is as it must be."""

from __future__ import annotations

import pytest

from tests.figures.server_habits import HABITS, Habit, Row, try_habit


@pytest.mark.parametrize("habit", HABITS, ids=[habit.name for habit in HABITS])
async def test_habit_of_a_server_is_handled_or_explained(habit: Habit) -> None:
    assert await try_habit(habit) == Row(habit.name, habit.outcome, habit.requests)


def test_each_habit_is_listed_once() -> None:
    assert len({habit.name for habit in HABITS}) == len(HABITS)
