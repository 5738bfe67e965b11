"""``aloop sessions search``: each match as soon as it is found, under a line that names its session."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys

from aloop.memory import MemoryManager
from aloop.memory.search import Hit
from aloop.sessions_arguments import SessionsOptions
from aloop.sessions_json import hit_record, json_line
from aloop.sessions_output import print_line, print_marked, remark
from aloop.sessions_text import cut, hit_line, hit_session_line


def search(options: SessionsOptions, runner: asyncio.Runner) -> int:
    """Print what is found and return 0, whether that is something or nothing."""
    return runner.run(_search(options))


async def _search(options: SessionsOptions) -> int:
    shown, session = 0, ""
    async for hit in MemoryManager.search_sessions(_as_query(options.words), sessions_dir=options.sessions_dir):
        if shown == options.limit:
            remark(f"There are more than these {shown}; --limit N shows more.")
            return 0
        if options.as_json:
            print_line(json_line(hit_record(hit)))
        else:
            _print_hit(hit, begins=hit.session.id != session)
        sys.stdout.flush()
        shown, session = shown + 1, hit.session.id
    if not shown:
        remark("Nothing was found.")
    return 0


def _as_query(words: tuple[str, ...]) -> str:
    """Put quotes round what came as one argument: the shell has taken away those that were typed."""
    return " ".join(f'"{word}"' if " " in word and '"' not in word else word for word in words)


def _print_hit(hit: Hit, *, begins: bool) -> None:
    on_terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if on_terminal else None
    if begins:
        line = hit_session_line(hit)
        print_line(line if width is None or hit.problem else cut(line, width))
    if hit.context:
        line, marks = hit_line(hit)
        bold = on_terminal and not os.environ.get("NO_COLOR")
        print_marked(line if width is None else cut(line, width), marks if bold else ())
