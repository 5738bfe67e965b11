"""Simulated editors: generators that pause between the writes of the real program."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

Change = Callable[[str], str]
Editor = Callable[[Path, Change], Iterator[None]]


def vim(path: Path, change: Change) -> Iterator[None]:
    """Write a new file and rename it over the old one."""
    text = path.read_text()
    yield
    new = path.with_name("4913")
    new.write_text(change(text))
    yield
    new.replace(path)


def vim_with_backup(path: Path, change: Change) -> Iterator[None]:
    """Move the old file away, write a new one, remove the old."""
    text = path.read_text()
    backup = path.with_name("session.yaml~")
    path.replace(backup)
    yield
    path.write_text(change(text))
    yield
    backup.unlink()


def vs_code(path: Path, change: Change) -> Iterator[None]:
    """Truncate the file and write it in two pieces."""
    text = path.read_text()
    yield
    with path.open("r+") as file:
        file.truncate()
        yield
        new = change(text)
        file.write(new[: len(new) // 2])
        file.flush()
        yield
        file.write(new[len(new) // 2 :])


def sed(path: Path, change: Change) -> Iterator[None]:
    """Run ``sed -i`` on the first line that the change alters."""
    old = path.read_text().splitlines()
    new = change("\n".join(old)).splitlines()
    [(number, line)] = [(number, line) for number, line in enumerate(new, 1) if line != old[number - 1]]
    subprocess.run(["sed", "-i", f"{number}c\\{line}", str(path)], check=True)
    yield


def remover(path: Path, change: Change) -> Iterator[None]:
    """Remove the file."""
    path.unlink()
    yield


def breaker(path: Path, change: Change) -> Iterator[None]:
    """Make the file invalid YAML for three steps, then repair and change it."""
    _write(path, lambda text: text.replace("\nmessages:", "\nmessages: [", 1))
    yield
    yield
    yield
    _write(path, lambda text: change(text.replace("\nmessages: [", "\nmessages:", 1)))


def _write(path: Path, change: Change) -> None:
    new = path.with_name("4913")
    new.write_text(change(path.read_text()))
    new.replace(path)
