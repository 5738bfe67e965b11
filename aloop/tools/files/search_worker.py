"""The child process of ``search_files``, which can be killed during a match.

Neither a signal nor another thread can interrupt Python's ``re``, and a pattern such as ``(a+)+$`` can run for years.
This file is run by its path, isolated and without site-packages, to start in about 15 ms. It therefore imports only
the standard library.

It reads one JSON object from standard input and writes one line of JSON for each match: ``[file, line, text]``, where
``file`` is an index into the list of files. The last line is an object: ``{"skipped": n, "more": bool}``, or
``{"error": message}``.

With ``select``, a command of ripgrep, files that it does not print are only checked, not searched.
"""

from __future__ import annotations

import json
import os
import re
import runpy
import signal
import stat
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any


def main() -> None:
    """Answer the request on standard input."""
    request: dict[str, Any] = json.loads(sys.stdin.buffer.read())
    # Ends this process if its parent dies. SIGALRM keeps its default action, which works during a match too.
    signal.alarm(request["seconds"])
    try:
        regex = re.compile(request["pattern"], re.IGNORECASE if request["ignore_case"] else 0)
    except (re.error, OverflowError, RecursionError) as error:
        _write({"error": str(error)})
        return
    # Run by its path, because this process cannot import aloop.
    open_folder = runpy.run_path(str(Path(__file__).with_name("folder_descriptor.py")))["open_folder"]
    files = _Files(request["open_flags"], lambda path: open_folder(path, to_list=False, create=False))
    skipped = found = 0
    selected = _selected(request["files"], request["select"], request["most_bytes"])
    for index, (path, may_match) in enumerate(selected):
        text = _read(path, request, files, is_whole=may_match)
        if text is None:
            skipped += 1
            continue
        for number, line in enumerate(_lines(text) if may_match else (), 1):
            if match := regex.search(line):
                if found == request["most_matches"]:
                    selected.close()
                    _write({"skipped": skipped, "more": True})
                    return
                found += 1
                _write([index, number, _shorten(line.rstrip("\r"), match.start(), request["longest_line"])])
    _write({"skipped": skipped, "more": False})


_FIRST_BATCH = 64  # files: fewer are searched sooner than ripgrep starts
_LARGEST_BATCH = 2_048
_LONGEST_BATCH = 400_000  # bytes of paths, below the limits for arguments
_LONGEST_PATH = 4_000  # bytes that can be opened at once
_SELECTION_SECONDS = 5.0
_FAILED = 2  # ripgrep could not read a file, or does not accept the pattern


def _selected(files: list[str], command: list[str] | None, most_bytes: int) -> Generator[tuple[str, bool]]:
    """Yield each file, and False if it surely has no match.

    While the files of one batch are searched, ripgrep looks at the next batch.
    """
    batches = _batches(files) if command else iter([files])
    selection: _Selection | None = None
    batch = next(batches, [])
    try:
        while batch:
            following = next(batches, [])
            chosen = selection.finish() if selection else batch
            if chosen is None:
                command = None  # ripgrep does not work here
            selection = _Selection(command, following, most_bytes) if command and following else None
            kept = set(batch if chosen is None else chosen)
            yield from ((path, path in kept) for path in batch)
            batch = following
    finally:
        if selection:
            selection.stop()


def _batches(files: list[str]) -> Iterator[list[str]]:
    """Yield the files in batches that grow: the first matches are often enough."""
    batch: list[str] = []
    most, size = _FIRST_BATCH, 0
    for path in files:
        size += len(os.fsencode(path))
        if batch and (len(batch) == most or size > _LONGEST_BATCH):
            yield batch
            batch, size = [], 0
            most = min(4 * most, _LARGEST_BATCH)
        batch.append(path)
    yield batch


class _Selection:
    """A run of ripgrep on some files."""

    def __init__(self, command: list[str], files: list[str], most_bytes: int) -> None:
        # Imported late for startup time: few searches need it.
        import subprocess

        self._given = [path for path in files if _is_usual(path, most_bytes)]
        # The search decides about the others.
        self._others = set(files).difference(self._given)
        self._process: subprocess.Popen[bytes] | None = None
        if self._given:  # without a path, ripgrep would search the working directory
            with suppress(OSError):
                self._process = subprocess.Popen(  # noqa: S603  # the caller's program
                    [*command, *self._given], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
                )

    def stop(self) -> None:
        """Kill ripgrep if it still runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def finish(self) -> set[str] | None:
        """Return the files that may have a match, None if ripgrep does not answer."""
        # Imported late, as above.
        import subprocess

        if not self._given:
            return self._others
        if self._process is None:
            return None
        try:
            printed, complaints = self._process.communicate(timeout=_SELECTION_SECONDS)
        except subprocess.TimeoutExpired:
            self.stop()
            return None
        if self._process.returncode not in (0, 1, _FAILED):
            return None
        found = {os.fsdecode(path) for path in printed.split(b"\0")}
        unread = {path for path in self._given if os.fsencode(path) in complaints} if complaints else set()
        if self._process.returncode == _FAILED and not unread:
            return None
        return found | unread | self._others


def _is_usual(path: str, most_bytes: int) -> bool:
    """Return True for a file that ripgrep can open and read in a moment."""
    try:
        status = os.lstat(path)
    except OSError:
        return False
    is_small = stat.S_ISREG(status.st_mode) and status.st_size <= most_bytes
    return is_small and len(os.fsencode(path)) <= _LONGEST_PATH


def _lines(text: str) -> list[str]:
    lines = text.split("\n")
    return lines if lines[-1] else lines[:-1]


class _Files:
    """Opens files that are in order of their folders, without following links."""

    def __init__(self, flags: int, open_folder: Callable[[str], int]) -> None:
        self._flags = flags
        self._open_folder = open_folder
        self._folder: str | None = None
        self._descriptor = -1

    @contextmanager
    def opened(self, path: str) -> Iterator[int]:
        """Yield a descriptor; raise OSError."""
        parent, _, name = path.rpartition("/")
        if parent != self._folder:
            if self._folder is not None:
                os.close(self._descriptor)
            self._folder = None
            self._descriptor = self._open_folder(parent or "/")
            self._folder = parent
        descriptor = os.open(name, self._flags, dir_fd=self._descriptor)
        try:
            yield descriptor
        finally:
            os.close(descriptor)


def _read(path: str, request: dict[str, Any], files: _Files, *, is_whole: bool) -> str | None:
    """Return the text, empty unless ``is_whole``.

    Return None if the file is too large, binary or unreadable.
    """
    try:
        with files.opened(path) as descriptor:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_size > request["most_bytes"]:
                return None
            raw = os.read(descriptor, request["binary_probe"])
            if b"\0" in raw:
                return None
            while is_whole and (more := os.read(descriptor, request["most_bytes"] - len(raw))):
                raw += more
    except OSError:
        return None
    return raw.decode("utf-8-sig", "replace") if is_whole else ""


def _shorten(line: str, start: int, length: int) -> str:
    """Return ``length`` characters of the line, including the start of the match."""
    if len(line) <= length:
        return line
    first = max(0, min(start - length // 4, len(line) - length))
    return ("…" if first else "") + line[first : first + length] + ("…" if first + length < len(line) else "")


def _write(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
