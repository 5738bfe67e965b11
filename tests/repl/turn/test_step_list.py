"""The list of steps in the rows that there are."""

from __future__ import annotations

import pytest

from aloop.tools.todo import Status, Step
from repl.output.styled import line_width, to_text
from repl.turn.step_list import step_lines


@pytest.mark.parametrize(
    ("most", "rows"),
    [
        (0, []),
        (1, ["▸ 4/9 Step 5"]),
        (4, ["☑ Step 4", "▸ Step 5", "☐ Step 6", "  4 of 9 steps done, 6 not shown"]),
        (9, [*(f"☑ Step {number}" for number in range(1, 5)), "▸ Step 5", *(f"☐ Step {n}" for n in range(6, 10))]),
    ],
)
def test_long_list_is_shown_around_the_step_in_progress(most: int, rows: list[str]) -> None:
    def status(number: int) -> Status:
        return "completed" if number < 5 else "in_progress" if number == 5 else "pending"

    steps = [Step(f"Step {number}", status(number)) for number in range(1, 10)]
    assert to_text(step_lines(steps, 40, most)).splitlines() == rows


def test_text_of_a_step_is_safe_and_fits() -> None:
    [row] = step_lines([Step("\x1b[2J" + "日本" * 40, "pending")], 30, 1)
    assert "\x1b" not in to_text([row])
    assert line_width(row) <= 30
