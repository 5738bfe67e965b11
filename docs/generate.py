"""Write the parts of README.md and docs/ that are generated from the code.

    python -m docs.generate

A generated part is between ``<!-- generated: NAME -->`` and ``<!-- /generated -->``; NAME is a key of PARTS. A test
fails when a file is out of date.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from unittest import mock

from aloop import MemoryManager, ReActAgent, create_llm
from aloop.__main__ import main as run_program
from aloop.permissions import PermissionDecision, PermissionRequest
from aloop.tools import default_tools
from commands.builtin import REGISTRY
from repl.output.styled import to_text
from repl.turn.permission import question_lines

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
_PART = re.compile(r"(<!-- generated: ([\w-]+) -->\n).*?(<!-- /generated -->)", re.DOTALL)


def commands_table() -> str:
    """Return the commands of the prompt as a Markdown table, in the order of /help."""
    rows = ["| Command | Description | Example |", "|---|---|---|"]
    for command in REGISTRY.commands:
        aliases = "".join(f", `/{alias}`" for alias in command.aliases)
        example = f"`{command.example}`" if command.example else ""
        cells = (_escape(cell) for cell in (f"`{command.invocation}`{aliases}", command.summary, example))
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def cli_reference() -> str:
    """Return the help texts of the program and its subcommands, with headings."""
    sections = []
    for words in ((), *subcommands()):
        title = " ".join(("aloop", *words))
        sections.append(f"### `{title}`\n\n```text\n{help_text(words).rstrip()}\n```")
    return "\n\n".join(sections)


def subcommands(prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the subcommands below ``prefix``, in the order of its help text."""
    for word in re.findall(r"(?m)^ {2}([a-z-]+) ", help_text(prefix)):
        words = (*prefix, word)
        if re.match(rf"usage: aloop {' '.join(words)}\b", help_text(words)):  # the row is a command
            yield words
            yield from subcommands(words)


@cache
def help_text(words: tuple[str, ...]) -> str:
    """Return the output of ``aloop WORDS --help``, 80 columns wide and without colors."""
    output = io.StringIO()
    with (
        mock.patch.dict(os.environ, {"COLUMNS": "80", "NO_COLOR": "1"}),
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(io.StringIO()),
        contextlib.suppress(SystemExit),
    ):
        run_program([*words, "--help"])
    return output.getvalue()


def tools_table() -> str:
    """Return the standard tools and their arguments as a Markdown table."""
    rows = ["| Tool | Arguments (optional ones in brackets) |", "|---|---|"]
    for tool in default_tools(ROOT):
        required = tool.parameters.get("required", ())
        names = (name if name in required else f"[{name}]" for name in tool.parameters["properties"])
        rows.append(f"| `{tool.name}` | {', '.join(f'`{name}`' for name in names)} |")
    return "\n".join(rows)


def permission_example() -> str:
    """Return a request for permission to write a new file, as the shell shows it."""
    with tempfile.TemporaryDirectory() as folder:
        (tool,) = (tool for tool in default_tools(Path(folder)) if tool.name == "write_file")
        request = asyncio.run(tool.prepare({"path": "notes.txt", "content": "hello\n"})).request
    if request is None:
        raise RuntimeError("write_file does not ask for permission")
    return f"```text\n> write notes.txt: hello\n{to_text(question_lines(request))}```"


async def _allow_once(_request: PermissionRequest) -> PermissionDecision:
    return PermissionDecision("once")


def edit_session() -> str:
    """Return the messages of a real file edit in session.yaml, without the answer."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "greet.py").write_text('print("Hello")\n', encoding="utf-8")
        memory = MemoryManager(sessions_dir=Path(folder, "sessions"))
        agent = ReActAgent(create_llm("offline"), memory=memory, working_dir=folder, ask=_allow_once)
        asyncio.run(agent.run('write greet.py: print("Hello, Ada")'))
        (path,) = Path(folder, "sessions").glob("*/session.yaml")
        text = path.read_text(encoding="utf-8")
    shown = text[text.index("messages:\n  - role: user") : text.rindex("  - role: assistant")]
    shown = re.sub(r'at: ".*"', 'at: "2026-11-29T14:30:00.250+01:00"', shown)
    shown = re.sub(r"duration_ms: \d+", "duration_ms: 3", shown)
    return f"```yaml\n{shown}```"


PARTS: Mapping[str, Callable[[], str]] = {
    "commands": commands_table,
    "cli": cli_reference,
    "tools": tools_table,
    "permission-example": permission_example,
    "edit-session": edit_session,
}


def updated(text: str) -> str:
    """Return ``text`` with each generated part replaced by its current content."""
    return _PART.sub(lambda match: f"{match[1]}{PARTS[match[2]]()}\n{match[3]}", text)


def _escape(cell: str) -> str:
    return cell.replace("|", "\\|")


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(updated(page.read_text(encoding="utf-8")), encoding="utf-8")
