"""The tools ``job_output`` and ``stop_job``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from aloop.tools.base import Tool, ToolResult
from aloop.tools.jobs.table import Job, JobTable

MOST_SECONDS = 600

_JOB = {"type": "integer", "minimum": 1, "description": "The number of the job, as run_shell returned it. Example: 1"}


class JobOutput(Tool):
    """Returns the new output of a job, and its state."""

    name = "job_output"
    description = (
        "Read the output of a background command that run_shell has started, since the last time it was read, and its "
        "state: `running` or its exit code. Set `seconds` to wait for the command to end. Do not ask again and again "
        "without waiting: continue with other work, or wait."
    )
    parameters: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "properties": {
            "job": _JOB,
            "seconds": {
                "type": "integer",
                "minimum": 0,
                "maximum": MOST_SECONDS,
                "description": "How long to wait for the command to end, in seconds. Default 0: do not wait.",
            },
        },
        "required": ["job"],
        "additionalProperties": False,
    }
    headline = "job"
    only_reads = True

    def __init__(self, jobs: JobTable) -> None:
        self._jobs = jobs

    async def run(self, arguments: Mapping[str, Any]) -> ToolResult:
        job = self._jobs.find(int(arguments["job"]))
        await job.wait(int(arguments.get("seconds", 0)))
        return report(job)


class StopJob(Tool):
    """Ends a job; needs no permission, because the user has permitted the command."""

    name = "stop_job"
    description = (
        "Stop a background command that run_shell has started, with every process that it has started. Returns the "
        "output that was not read yet. All background commands are stopped when the user leaves aloop."
    )
    parameters: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "properties": {"job": _JOB},
        "required": ["job"],
        "additionalProperties": False,
    }
    headline = "job"

    def __init__(self, jobs: JobTable) -> None:
        self._jobs = jobs

    async def run(self, arguments: Mapping[str, Any]) -> ToolResult:
        job = self._jobs.find(int(arguments["job"]))
        await self._jobs.stop(job)
        return report(job)


def report(job: Job) -> ToolResult:
    """Return the output of ``job`` that was not read yet, and its state."""
    output = job.take_output().rstrip("\n")
    failed = not job.is_running and not job.is_stopped and (job.result is None or job.result.code != 0)
    ending = f"job {job.number}: {job.state}, after {job.seconds:.0f} s"
    return ToolResult(f"{output}\n[{ending}]".lstrip("\n"), failed, "output", fact=ending)
