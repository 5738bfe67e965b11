"""/jobs: the commands that run in the background."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aloop.errors import UsageError
from commands.pages import Facts
from commands.registry import Argument, Command

if TYPE_CHECKING:
    from aloop.tools.jobs.table import Job
    from commands.context import Context

_MOST_LINES = 40
_STOP = "stop"


async def jobs(context: Context, argument: str) -> None:
    """List the background commands, show the output of one, or stop it.

    Raises UsageError for an argument that is not the number of a job.
    """
    table, view = context.agent.jobs, context.view
    verb, _, rest = argument.partition(" ")
    if verb.lower() == _STOP:
        job = _find(table.jobs, rest.strip())
        if not job.is_running:
            view.info(f"Job {job.number} has already ended: {job.state}.")
            return
        await table.stop(job)
        view.info(f"Job {job.number} is stopped.")
    elif argument:
        job = _find(table.jobs, argument)
        lines = job.recent.rstrip("\n").split("\n")
        if len(lines) > _MOST_LINES:
            view.info(f"The last {_MOST_LINES} lines:")
        view.info("\n".join(lines[-_MOST_LINES:]) if job.recent.strip() else f"Job {job.number} has printed nothing.")
        await view.show(_page([job]))
    elif table.jobs:
        await view.show(_page(table.jobs))
        view.info(
            "/jobs 1 shows the last output of job 1, and /jobs stop 1 stops it. All jobs end when you leave aloop."
        )
    else:
        view.info("No commands are running in the background. The model starts one if you ask for it.")


def _find(known: list[Job], text: str) -> Job:
    for job in known:
        if text == str(job.number):
            return job
    raise UsageError(f"Job {text!r} does not exist. /jobs lists the jobs.")


def _page(known: Sequence[Job]) -> Facts:
    names = (f"{job.number}  {job.state}, {job.seconds:.0f} s" for job in known)
    commands = (" ".join(job.command.split()) for job in known)
    return Facts(list(zip(names, commands, strict=True)), most_rows=2)


COMMAND = Command(
    name="jobs",
    summary="List, show or stop the commands that run in the background",
    handler=jobs,
    usage="[JOB or stop JOB]",
    argument=Argument.TEXT,
    group="Model",
    example="/jobs stop 1",
)
