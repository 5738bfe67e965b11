"""Runs of the command line: in the process of the test, or in a new one."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from tempfile import TemporaryFile
from unittest import mock

from aloop.__main__ import main

ROOT = Path(__file__).parents[1]


def run(*arguments: str, env: Mapping[str, str] | None = None, piped: str = "") -> tuple[int, str, str]:
    """Run aloop in this process; return its exit code, its output and its errors."""
    with (
        mock.patch.dict(os.environ, env or {}),
        TemporaryFile("w+") if piped else Path(os.devnull).open() as given,
        mock.patch.object(sys, "stdin", given),
        redirect_stdout(io.StringIO()) as out,
        redirect_stderr(io.StringIO()) as err,
    ):
        if piped:
            given.write(piped)
            given.seek(0)
        code = main(arguments)
    return code, out.getvalue(), err.getvalue()


def start(*arguments: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """Start aloop in a new process."""
    return subprocess.Popen(
        [sys.executable, "-m", "aloop", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})},
    )
