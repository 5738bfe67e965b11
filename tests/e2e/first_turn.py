"""The libraries that a first turn needs, loaded before the program forks.

The program loads them in a thread while it shows its prompt. A fork inherits only modules, patterns and certificates.
"""

from __future__ import annotations

from importlib import import_module

from aloop.llm.anthropic.transport import load_transport
from repl.output.markdown import markdown_lines

for _name in (
    "aloop.cli.onboarding",
    "aloop.llm.offline",
    "aloop.sandbox.sandbox",
    "genai_prices.data",
    "genai_prices.data_snapshot",
    "jsonschema.validators",
    "repl.task",
    "repl.terminal_view",
    "rpds",
):
    import_module(_name)

load_transport()
for _language in ("python", "sh", "json"):
    markdown_lines(f"```{_language}\n```", width=80)
