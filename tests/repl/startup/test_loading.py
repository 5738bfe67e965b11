"""Imports at the start: prompt_toolkit first, the rest while keys are read."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
SLOW = ("aloop.agent", "aloop.memory", "aloop.llm", "anthropic", "jsonschema", "markdown_it", "pygments", "yaml")
NOT_YET = ("argparse", "commands.builtin", "difflib", "json")


def test_prompt_imports_nothing_slow() -> None:
    loaded = f"(name for name in {SLOW + NOT_YET} if name in sys.modules)"
    code = f"import sys, repl.shell, repl.output.renderer; print(*{loaded})"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    assert done.stdout.split() == []


EARLY_KEYS = """if True:
    import asyncio, os, sys, threading
    from prompt_toolkit.input import create_pipe_input
    import repl.engine
    from aloop.config.settings import Settings
    from repl.options import ShellOptions
    from repl.output.screen import Screen
    from repl.shell import Shell
    from tests.repl.terminal import Terminal

    typed, build = threading.Event(), repl.engine.build_agent

    def build_late(options):
        typed.wait()
        return build(options)

    async def main():
        repl.engine.build_agent = build_late
        terminal = Terminal()
        with create_pipe_input() as keys:
            shell = Shell(ShellOptions(Settings.from_env(), "offline", None, None), Screen(terminal.output), keys)
            running = asyncio.create_task(shell.run())
            await terminal.wait_for("new session")
            for text, shown in (("/his", "> /his"), ("\\x15?", "complete"), ("\\x15\\r", "new session")):
                keys.send_text(text)
                await terminal.wait_until(lambda: shown in " ".join(terminal.screen), shown)
            keys.send_text("What is 6*7?\\r")
            await terminal.wait_for("starting")
            keys.send_text("/exit\\r")
            await terminal.wait_for("queued: /exit")
            print(*(name for name in SLOW if name in sys.modules))
            typed.set()
            await running
            print("6*7 = 42" in terminal.scrollback)

    asyncio.run(main())
"""


def test_keys_before_the_engine_is_ready_import_nothing_slow_on_the_event_loop() -> None:
    slow = {*SLOW, "commands.builtin"} - {"aloop.memory"}  # the banner reads the last session with a small part of it
    code = EARLY_KEYS.replace("SLOW", repr(slow))
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    assert done.stdout.splitlines() == ["", "True"]
