"""/jobs: list, show and stop the commands in the background."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from commands.dispatch import dispatch
from tests.commands.conftest import Bench, SetUp


@pytest.fixture
def stage(bench: SetUp) -> Bench:
    return bench()


async def start(stage: Bench, command: str, folder: Path, *, wait: bool = True) -> None:
    job = await stage.context.agent.jobs.start(["/bin/sh", "-c"], command, folder, os.environ)
    await job.wait(30 if wait else 0)


async def test_jobs_without_any_job_explains_where_they_come_from(stage: Bench) -> None:
    await dispatch("/jobs", stage.context)
    assert stage.view.of("info") == [
        "No commands are running in the background. The model starts one if you ask for it."
    ]


async def test_jobs_are_listed_with_their_state(stage: Bench, tmp_path: Path) -> None:
    await start(stage, "exit 3", tmp_path)
    await start(stage, "sleep 100", tmp_path, wait=False)
    await dispatch("/jobs", stage.context)
    [rows] = stage.view.of("facts")
    shown = [(re.sub(r"\d+ s", "0 s", name), command) for name, command in rows]  # type: ignore[attr-defined] # rows of a page
    assert shown == [("1  exit code 3, 0 s", "exit 3"), ("2  running, 0 s", "sleep 100")]


async def test_output_of_a_job_is_shown_from_its_end(stage: Bench, tmp_path: Path) -> None:
    await start(stage, "seq 100", tmp_path)
    await dispatch("/jobs 1", stage.context)
    numbers = "\n".join(map(str, range(61, 101)))
    assert stage.view.of("info")[:2] == ["The last 40 lines:", numbers]
    # The model still gets all of it.
    assert stage.context.agent.jobs.find(1).take_output().startswith("1\n2\n")


async def test_job_is_stopped(stage: Bench, tmp_path: Path) -> None:
    await start(stage, "sleep 100", tmp_path, wait=False)
    await dispatch("/jobs stop 1", stage.context)
    assert stage.view.of("info") == ["Job 1 is stopped."]
    assert not stage.context.agent.jobs.find(1).is_running
    await dispatch("/jobs stop 1", stage.context)
    assert stage.view.of("info")[1:] == ["Job 1 has already ended: stopped."]


@pytest.mark.parametrize("argument", ["7", "stop", "stop x", "all"])
async def test_unknown_job_is_reported(stage: Bench, argument: str) -> None:
    await dispatch(f"/jobs {argument}", stage.context)
    assert str(stage.view.of("error")[0]).endswith("/jobs lists the jobs.")
