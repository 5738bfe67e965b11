"""The parent's side of a search: it starts the matcher, listens to it, and kills it when time or patience is over."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from aloop.errors import ToolError

MOST_MATCHES = 200
MOST_BYTES = 4_000_000
LONGEST_LINE = 300

_MATCHER = Path(__file__).with_name("matcher.py")
_MARGIN = 5  # seconds after which a matcher whose parent is gone ends itself, on top of its time
_PIPE_LIMIT = 1 << 20  # far above the longest line that the matcher writes


@dataclass(slots=True)
class Matches:
    """What was found, as (index of the file, line number, text); ``is_late`` when the time was over before the end."""

    lines: list[tuple[int, int, str]] = field(default_factory=list)
    skipped: int = 0
    more: bool = False
    is_late: bool = False


async def find_matches(pattern: str, files: Sequence[Path], *, ignore_case: bool, seconds: float) -> Matches:
    """Match the lines of ``files``; raises ToolError for a pattern that is none, or that found nothing in its time."""
    request = {
        "pattern": pattern,
        "ignore_case": ignore_case,
        "files": [str(file) for file in files],
        "most_matches": MOST_MATCHES,
        "most_bytes": MOST_BYTES,
        "longest_line": LONGEST_LINE,
        "seconds": int(seconds) + _MARGIN,
    }
    process = await _start()
    matches = Matches()
    try:
        async with asyncio.timeout(seconds):
            await _converse(process, json.dumps(request).encode(), matches)
    except TimeoutError:
        matches.is_late = True
        if not matches.lines:
            raise ToolError(
                f"The search found nothing in {seconds:g} seconds and was stopped. Use a simpler pattern (nested "
                "repeats such as (a+)+ take for ever) or a narrower path."
            ) from None
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    return matches


async def _start() -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-I", "-S", "-X", "utf8", "-W", "ignore", str(_MATCHER)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        limit=_PIPE_LIMIT,
        start_new_session=True,  # Ctrl-C in the terminal is for the shell, which then kills the matcher
    )


async def _converse(process: asyncio.subprocess.Process, request: bytes, matches: Matches) -> None:
    assert process.stdin  # noqa: S101  # for the type checker: both were asked for as pipes
    assert process.stdout  # noqa: S101  # the same
    with suppress(ConnectionError):  # a matcher that died early says so by the end of its output
        process.stdin.write(request)
        await process.stdin.drain()
    process.stdin.close()
    async for line in process.stdout:
        said = json.loads(line)
        if isinstance(said, list):
            matches.lines.append((said[0], said[1], said[2]))
            continue
        if "error" in said:
            raise ToolError(f"The pattern is no regular expression: {said['error']}. For plain text set `literal`.")
        matches.skipped, matches.more = said["skipped"], said["more"]
        return
    raise ToolError("The search ended before its time: the process that did it was stopped.")
