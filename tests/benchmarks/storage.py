"""Time of saves, loads, lists and look-ups, each compared with a floor.

``python -m tests.benchmarks.storage`` prints the table; ``--quick`` measures only small sizes, to check that it works.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import re
import tempfile
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml

from aloop.llm.message_types import LLMMessage
from aloop.memory import MemoryManager
from aloop.memory.codec.serialization import dump_session
from aloop.memory.projects import AllProjects
from aloop.memory.session import Session
from aloop.memory.sessions_dir.yaml_backend import YamlBackend
from tests.benchmarks.measure import Row, compare, table
from tests.benchmarks.sample import conversation

MEGABYTE = 1_000_000


def floor_save(folder: Path, data: bytes) -> None:
    """Write the same bytes durably, and do nothing else."""
    temporary, target = folder / "floor.tmp", folder / "floor.yaml"
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(target)
    descriptor = os.open(folder, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def measure_save(root: Path, size: int, runs: int) -> Row:
    """Add a turn to a session of ``size`` bytes, as a shell does after each answer."""
    stored = YamlBackend(root).create(conversation(size))
    session = stored.session
    manager = asyncio.run(MemoryManager.from_session(session.id, sessions_dir=root))
    turn = (LLMMessage("user", "And then?"), LLMMessage("assistant", "Then we stop.\nAnd rest.\n"))

    def ours() -> None:
        manager._conversation.messages += turn
        manager._writer.save(manager._conversation, None)

    data = stored.path.read_bytes()
    name = f"save a turn in {size / MEGABYTE:g} MB"
    slack = 0.001 if size < MEGABYTE else 0.0
    return compare(
        name,
        ours,
        "write, fsync, replace, fsync",
        lambda: floor_save(root, data),
        bound=1.25,
        runs=runs,
        slack=slack,
        settle=wait_for_threads,
    )


def wait_for_threads() -> None:
    """Wait for the threads that free the replaced version of a file."""
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join()


def measure_load(root: Path, session: Session, name: str, runs: int) -> Row:
    """Compare ``from_session`` with PyYAML's C loader on the same file."""
    path = YamlBackend(root).create(session).path

    def floor() -> None:
        yaml.load(path.read_bytes(), yaml.CSafeLoader)

    def ours() -> None:
        asyncio.run(MemoryManager.from_session(session.id, sessions_dir=root))

    return compare(f"load {name}", ours, "yaml.load, CSafeLoader", floor, bound=0.5, runs=runs)


def only_times(session: Session) -> Session:
    """Return the session with only ``at`` of the optional keys.

    PyYAML reads this faster: it takes the most time for numbers.
    """
    kept = ("role", "content", "tool_calls", "tool_call_id", "name", "at")
    messages = (LLMMessage(**{key: getattr(message, key) for key in kept}) for message in session.messages)
    return replace(session, messages=tuple(messages))


def fill(root: Path, count: int) -> list[str]:
    """Create ``count`` sessions of about 20 KB and return their IDs."""
    root.mkdir(parents=True, exist_ok=True)
    template = conversation(18_000)
    ids = []
    for number in range(count):
        other = conversation(number % 977)
        session = replace(template, id=other.id[:-6] + f"{number:06x}", updated_at=other.updated_at)
        folder = root / f"2026-01-01_{number:08x}"
        folder.mkdir()
        (folder / "session.yaml").write_bytes(dump_session(session))
        ids.append(session.id)
    return ids


def bare_listing(root: Path) -> int:
    """Stat each session file and read 512 bytes, the least any listing has to do."""
    read = 0
    with os.scandir(root) as entries:
        for entry in entries:
            if entry.is_dir():
                path = f"{entry.path}/session.yaml"
                os.stat(path)  # noqa: PTH116 - the floor is bare system calls
                descriptor = os.open(path, os.O_RDONLY)
                read += len(os.read(descriptor, 512))
                os.close(descriptor)
    return read


def measure_lists(root: Path, count: int, runs: int) -> list[Row]:
    ids = fill(root, count)
    against = "scandir + stat + 512 bytes of each"

    def row(name: str, work: Callable[[], object]) -> Row:
        return compare(f"{name}, {count:,} sessions", work, against, lambda: bare_listing(root), bound=3, runs=runs)

    def find_hundred() -> None:
        for identity in ids[:: max(1, count // 100)][:100]:
            backend.find(identity[:10])

    backend = YamlBackend(root)
    return [
        row("list the newest 20", lambda: asyncio.run(MemoryManager.list_sessions(limit=20, sessions_dir=root))),
        row("find the latest", lambda: asyncio.run(MemoryManager.find_latest_session(sessions_dir=root))),
        row("100 prefix look-ups", find_hundred),
    ]


def fill_projects(root: Path, projects: int, sessions: int) -> list[Path]:
    """Create ``projects`` folders of ``sessions`` small sessions.

    Each file has the time of the session's last change.
    """
    folders = []
    text = dump_session(conversation(500))
    for project in range(projects):
        base = root / f"project{project}" / ".aloop" / "sessions"
        base.mkdir(parents=True)
        folders.append(base)
        for number in range(sessions):
            moment = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(seconds=number * 7919 + project)
            folder = base / f"{moment:%Y-%m-%d}_{number:08x}"
            folder.mkdir()
            path = folder / "session.yaml"
            path.write_bytes(re.sub(rb'updated_at: "[^"]*"', f'updated_at: "{moment.isoformat()}"'.encode(), text))
            os.utime(path, (moment.timestamp(), moment.timestamp()))
    return folders


def bare_status(folders: list[Path]) -> int:
    """Scan each folder and stat each session file."""
    size = 0
    for base in folders:
        with os.scandir(base) as entries:
            for entry in entries:
                if entry.is_dir():
                    size += os.stat(f"{entry.path}/session.yaml").st_size  # noqa: PTH116 - as above
    return size


def measure_projects(root: Path, projects: int, sessions: int, runs: int) -> Row:
    """List the newest sessions of all projects."""
    folders = fill_projects(root, projects, sessions)
    return compare(
        f"list the newest 20, {projects * sessions:,} sessions in {projects} projects",
        lambda: asyncio.run(AllProjects(folders=folders).list_sessions(20)),
        "scandir + stat",
        lambda: bare_status(folders),
        bound=3,
        runs=runs,
    )


def run(*, quick: bool) -> list[Row]:
    """Return all rows; ``quick`` measures small sizes and few runs."""
    sizes = (20_000, 200_000) if quick else (20_000, 200_000, MEGABYTE, 10 * MEGABYTE, 50 * MEGABYTE)
    runs = 2 if quick else 7
    rows = []
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        root = Path(folder)
        for size in sizes:
            rows.append(measure_save(root / f"save{size}", size, runs if size > MEGABYTE else runs * 5))
            gc.collect()
        size = MEGABYTE // 5 if quick else 10 * MEGABYTE
        whole, name = conversation(size), f"{size / MEGABYTE:g} MB"
        rows.append(measure_load(root / "load", whole, name, runs))
        rows.append(measure_load(root / "times", only_times(whole), f"{name} with only times of messages", runs))
        rows += measure_lists(root / "many", 200 if quick else 10_000, runs)
        rows.append(measure_projects(root / "projects", *((4, 50) if quick else (200, 500)), runs))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, few runs")
    print(table(run(quick=parser.parse_args().quick)))


if __name__ == "__main__":
    main()
