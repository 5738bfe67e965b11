"""``aloop sessions export``: a session as a document, on standard output or in a file."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from aloop.memory import MemoryManager
from aloop.memory.export import export_path, read_format, render, write_export
from aloop.sessions_arguments import SessionsOptions
from aloop.sessions_output import remark

STDOUT = "-"


def export(options: SessionsOptions, runner: asyncio.Runner) -> int:
    form = read_format(options.form)
    session = runner.run(MemoryManager.load_session(options.id, sessions_dir=options.sessions_dir))
    text = render(session, form)
    if options.path in ("", STDOUT):
        sys.stdout.write(text)
        return 0
    path = export_path(session, form, options.path, Path.cwd())
    write_export(path, text)
    remark(f"Written: {path}")
    return 0
