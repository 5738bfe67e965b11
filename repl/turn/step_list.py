"""The list of steps that the model works through, as rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aloop.sanitize import safe_line
from aloop.tools.todo import OpenSteps, Status, Step, summarize
from repl.output.styled import Line, Span, fit_line, line
from repl.output.theme import Style

_STEP_MARKS: Mapping[Status, Span] = {
    "completed": (Style.GOOD, "☑ "),
    "in_progress": (Style.ACCENT, "▸ "),
    "pending": (Style.QUIET, "☐ "),
}


def folded_steps(steps: Sequence[Step], width: int) -> list[Line]:
    """Return a list of steps as one quiet row."""
    return [fit_line(line((Style.QUIET, f"☐ {safe_line(summarize(steps))}")), width)]


def open_step_lines(left: OpenSteps, width: int, most: int) -> list[Line]:
    """Return the list of an earlier turn, in one row if that is long ago."""
    return folded_steps(left.steps, width)[:most] if left.is_idle else step_lines(left.steps, width, most)


def step_lines(steps: Sequence[Step], width: int, most: int) -> list[Line]:
    """Return a list of steps in at most ``most`` rows, around the step in progress.

    A single row has the number of the steps that are done instead.
    """
    if most < 1:
        return []
    done = sum(step.is_done for step in steps)
    now = next((at for at, step in enumerate(steps) if step.status == "in_progress"), min(done, len(steps) - 1))
    if most == 1:
        return [_step_line(steps[now], width, f"{done}/{len(steps)} ")]
    if len(steps) <= most:
        return [_step_line(step, width) for step in steps]
    first = max(0, min(now - 1, len(steps) - (most - 1)))
    shown = steps[first : first + most - 1]
    more = line((Style.QUIET, f"  {done} of {len(steps)} steps done, {len(steps) - len(shown)} not shown"))
    return [*(_step_line(step, width) for step in shown), fit_line(more, width)]


def _step_line(step: Step, width: int, lead: str = "") -> Line:
    tone = Style.QUIET if step.is_done else Style.PLAIN
    return fit_line(line(_STEP_MARKS[step.status], (Style.QUIET, lead), (tone, safe_line(step.text))), width)
