"""What stands between Enter and the prompt: prompt_toolkit, and neither commands nor engine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
SLOW = ("aloop.agent", "aloop.memory", "aloop.llm", "anthropic", "jsonschema", "rich", "yaml")
NOT_YET = ("argparse", "commands.builtin", "difflib", "json")


def test_the_prompt_is_drawn_before_anything_slow_is_loaded() -> None:
    loaded = f"(name for name in {SLOW + NOT_YET} if name in sys.modules)"
    code = f"import sys, repl.shell, repl.output.renderer; print(*{loaded})"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    assert done.stdout.split() == []
