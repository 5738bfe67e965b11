"""The first answer finds everything loaded that it needs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.stub import StubServer
from tests.stub.parts import Text, ToolUse

ROOT = Path(__file__).parents[2]

_SCRIPT = """
import asyncio, sys
from aloop.config import Settings
from repl.engine import build_agent
from repl.output.markdown import render_markdown
from repl.options import ShellOptions
from repl.engine import warm_up

agent = build_agent(ShellOptions(Settings.from_env(), None, None, None))
warm_up(agent)
before = set(sys.modules)
answer = asyncio.run(agent.run("What is 2+2?"))
render_markdown(answer, 80, colour=True)
print(*(set(sys.modules) - before))
"""


def test_the_first_answer_loads_nothing_heavy(stub: StubServer) -> None:
    stub.script(ToolUse("calculator", {"expression": "2+2"}))
    stub.script(Text("So:\n\n```python\nprint(4)\n```"))
    command = [sys.executable, "-c", _SCRIPT]
    environment = {**os.environ, **stub.env, "PYTHONPATH": str(ROOT)}
    loaded = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()
    heavy = {"attr", "h11", "httpcore2", "httpx2", "jsonschema", "markdown_it", "pydantic", "pygments", "rich"}
    assert not {name.partition(".")[0] for name in loaded} & heavy
