"""The child process of ``search_files``: it matches lines, and can be killed when a pattern never comes to an end.

Python's ``re`` can not be interrupted, neither by a signal nor from another thread, and ``(a+)+$`` can take it a
century. This file is run by its path, isolated and without site-packages, so that it starts in some 15 ms; it
therefore imports nothing but the standard library.

It reads one JSON object from standard input, and writes one line of JSON for each match: ``[file, line, text]`` with
the file as an index. The last line is an object: ``{"skipped": n, "more": bool}``, or ``{"error": sentence}``.
"""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import sys
from typing import Any

_SNIFFED = 8_192  # bytes in which a NUL makes a file binary
_FLAGS = os.O_RDONLY
for _name in ("O_CLOEXEC", "O_NOFOLLOW", "O_NONBLOCK", "O_NOCTTY", "O_BINARY"):
    _FLAGS |= getattr(os, _name, 0)  # each where the system has it: Windows has the last alone


def main() -> None:
    """Answer the one request on standard input."""
    request: dict[str, Any] = json.loads(sys.stdin.buffer.read())
    if hasattr(signal, "alarm"):
        # Should the parent die, this ends it: the default action of SIGALRM is the kernel's, in mid-match too.
        signal.alarm(request["seconds"])
    try:
        regex = re.compile(request["pattern"], re.IGNORECASE if request["ignore_case"] else 0)
    except (re.error, OverflowError, RecursionError) as error:
        _say({"error": str(error)})
        return
    skipped = found = 0
    for index, path in enumerate(request["files"]):
        text = _text(path, request["most_bytes"])
        if text is None:
            skipped += 1
            continue
        for number, line in enumerate(text.split("\n"), 1):
            if match := regex.search(line):
                if found == request["most_matches"]:
                    _say({"skipped": skipped, "more": True})
                    return
                found += 1
                _say([index, number, _shortened(line.rstrip("\r"), match.start(), request["longest_line"])])
    _say({"skipped": skipped, "more": False})


def _text(path: str, most_bytes: int) -> str | None:
    """Return what is in a text file; None for one that is too large, binary, gone, or not to be read."""
    try:
        descriptor = os.open(path, _FLAGS)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_size > most_bytes:
                return None
            raw = file.read(most_bytes)
    except OSError:
        return None
    return None if b"\0" in raw[:_SNIFFED] else raw.decode("utf-8-sig", "replace")


def _shortened(line: str, start: int, length: int) -> str:
    """Return ``length`` characters of the line, with those where the match begins among them."""
    if len(line) <= length:
        return line
    first = max(0, min(start - length // 4, len(line) - length))
    return ("…" if first else "") + line[first : first + length] + ("…" if first + length < len(line) else "")


def _say(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
