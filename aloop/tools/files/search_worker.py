"""The child process of ``search_files``, which can be killed during a match.

Neither a signal nor another thread can interrupt Python's ``re``, and a pattern such as ``(a+)+$`` can run for years.
This file is run by its path, isolated and without site-packages, to start in about 15 ms. It therefore imports only
the standard library.

It reads one JSON object from standard input and writes one line of JSON for each match: ``[file, line, text]``, where
``file`` is an index into the list of files. The last line is an object: ``{"skipped": n, "more": bool}``, or
``{"error": message}``.
"""

from __future__ import annotations

import json
import os
import re
import runpy
import signal
import stat
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
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
    opened_folder = runpy.run_path(str(Path(__file__).with_name("folder_descriptor.py")))["opened_folder"]
    skipped = found = 0
    for index, path in enumerate(request["files"]):
        text = _read(path, request, opened_folder)
        if text is None:
            skipped += 1
            continue
        for number, line in enumerate(text.split("\n"), 1):
            if match := regex.search(line):
                if found == request["most_matches"]:
                    _write({"skipped": skipped, "more": True})
                    return
                found += 1
                _write([index, number, _shorten(line.rstrip("\r"), match.start(), request["longest_line"])])
    _write({"skipped": skipped, "more": False})


def _read(
    path: str, request: dict[str, Any], opened_folder: Callable[[str], AbstractContextManager[int]]
) -> str | None:
    """Return the text; None if the file is too large, binary or unreadable."""
    try:
        parent, name = os.path.split(path)
        with opened_folder(parent) as folder:
            descriptor = os.open(name, request["open_flags"], dir_fd=folder)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_size > request["most_bytes"]:
                return None
            raw = file.read(request["most_bytes"])
    except OSError:
        return None
    return None if b"\0" in raw[: request["binary_probe"]] else raw.decode("utf-8-sig", "replace")


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
