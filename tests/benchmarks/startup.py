"""Startup time, compared with bare scripts and with ``python -c pass``.

``python -m tests.benchmarks.startup`` prints the table; ``--quick`` measures two runs of each.
"""

from __future__ import annotations

import argparse
import compileall
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pexpect

from tests.benchmarks.measure import Row, compare, table
from tests.homes import settle
from tests.stub import StubServer

_BARE_REQUEST = """
import asyncio
from anthropic import AsyncAnthropic

async def main():
    async with AsyncAnthropic() as client:
        await client.messages.create(
            model="claude-test", max_tokens=1000, messages=[{"role": "user", "content": "Hi"}], stream=True
        )

asyncio.run(main())
"""
_BARE = 'from prompt_toolkit import PromptSession; PromptSession().prompt("> ")'
ROOT = Path(__file__).parents[2]
_PATIENCE = 30.0
# The space after the prompt mark is sent as a cursor movement.
_PROMPT = r"\x1b\[J(?:\x1b\[[0-9;]*m)*>"


def _environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANTHROPIC_", "ALOOP_", "XDG_"))}
    return {**kept, "HOME": str(home), "TERM": "xterm-256color", "PROMPT_TOOLKIT_NO_CPR": "1"}


def _on_terminal(arguments: Sequence[str], home: Path, key: str, echo: str) -> Callable[[], None]:
    """Return a run that types ``key``, if any, and ends when ``echo`` matches."""

    def run() -> None:
        child = pexpect.spawn(
            sys.executable,
            list(arguments),
            env=_environment(home),
            cwd=str(home),
            dimensions=(24, 80),
            timeout=_PATIENCE,
            encoding="utf-8",
            echo=False,
        )
        child.delaybeforesend = None
        # By default pexpect sleeps for over 100 ms, which would count in both measurements.
        terminal = child.ptyproc  # type: ignore[attr-defined] # the stubs of pexpect leave it out
        terminal.delayafterclose = terminal.delayafterterminate = 0
        try:
            if key:
                child.send(key)
            child.expect(echo)
        finally:
            child.kill(signal.SIGKILL)
            child.wait()
            child.close()

    return run


def _command(arguments: Sequence[str], home: Path) -> Callable[[], None]:
    def run() -> None:
        command = [sys.executable, *arguments]
        subprocess.run(command, env=_environment(home), cwd=home, check=True, capture_output=True)

    return run


def _until_request(arguments: Sequence[str], home: Path, stub: StubServer) -> Callable[[], None]:
    """Return a run that ends when ``stub`` has read the whole request."""

    def run() -> None:
        before = len(stub.requests)
        command = [sys.executable, *arguments]
        quiet = subprocess.DEVNULL
        child = subprocess.Popen(
            command, env=_environment(home) | stub.env, cwd=home, stdin=quiet, stdout=quiet, stderr=quiet
        )
        try:
            stub.wait_for_requests(before + 1)
        finally:
            child.kill()
            child.wait()

    return run


def run(*, quick: bool) -> list[Row]:
    """Return all rows. The home holds only the state of an earlier first start."""
    runs = 2 if quick else 15
    for package in ("aloop", "commands", "repl"):
        # Installation compiles too. Otherwise each start would compile if bytecode cannot be written.
        compileall.compile_dir(ROOT / package, quiet=1)
    with tempfile.TemporaryDirectory() as folder, StubServer() as stub:
        home = Path(folder)
        settle(home)
        aloop, bare = ["-m", "aloop"], ["-c", _BARE]
        passing = _command(["-c", "pass"], home)
        prompt = [_on_terminal(arguments, home, "", _PROMPT) for arguments in (aloop, bare)]
        typed = [_on_terminal(arguments, home, "~", "~") for arguments in (aloop, bare)]
        # A non-ASCII key is echoed only once the prompt itself reads it.
        read = [_on_terminal(arguments, home, "é", "é") for arguments in (aloop, bare)]
        nothing = "python -c pass"
        task = _until_request([*aloop, "--task", "Hi", "--model", "claude-test"], home, stub)
        request = _until_request(["-c", _BARE_REQUEST], home, stub)
        return [
            compare("prompt on screen", prompt[0], "bare PromptSession", prompt[1], bound=1.3, runs=runs),
            compare("a typed key echoed", typed[0], "bare PromptSession", typed[1], bound=1.1, runs=runs),
            compare("a key read by the prompt", read[0], "bare PromptSession", read[1], bound=1.1, runs=runs),
            compare("aloop --version", _command([*aloop, "--version"], home), nothing, passing, bound=2, runs=runs),
            compare(
                "aloop sessions list",
                _command([*aloop, "sessions", "list"], home),
                nothing,
                passing,
                bound=20,
                runs=runs,
            ),
            compare("--task until its request", task, "bare script with the SDK", request, bound=1.15, runs=runs),
        ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="measure two runs of each")
    print(table(run(quick=parser.parse_args().quick)))


if __name__ == "__main__":
    main()
