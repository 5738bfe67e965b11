"""Test of the imports before the first prompt: prompt_toolkit, but no commands."""

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
