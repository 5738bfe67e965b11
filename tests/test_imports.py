"""What starting costs: what is not needed is not imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.saved_sessions import FIRST, save

ROOT = Path(__file__).parents[1]
HEAVY = {"anthropic", "prompt_toolkit", "rich", "pygments", "jsonschema", "pydantic"}


def imported_by(code: str) -> set[str]:
    """Return the top-level packages that are loaded after ``code`` ran in a process of its own."""
    script = f"import sys\ntry:\n    {code}\nexcept SystemExit:\n    pass\nprint(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stderr.split()}


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_the_version_and_the_help_import_next_to_nothing(option: str) -> None:
    loaded = imported_by(f"from aloop.__main__ import main; main([{option!r}])")
    assert not loaded & {*HEAVY, "yaml", "asyncio", "repl", "commands"}


@pytest.mark.parametrize("arguments", [["list"], ["list", "--json"], ["show", FIRST], ["stats", FIRST]])
def test_the_sessions_commands_need_no_terminal_and_no_model(arguments: list[str], sessions_dir: Path) -> None:
    save(sessions_dir, FIRST)
    command = ["--sessions-dir", str(sessions_dir), "sessions", *arguments]
    loaded = imported_by(f"from aloop.__main__ import main; main({command!r})")
    assert "yaml" in loaded
    assert not loaded & {*HEAVY, "repl", "commands"}


def test_looking_after_the_local_model_needs_neither() -> None:
    loaded = imported_by("from aloop.__main__ import main; main(['local', 'status'])")
    assert not loaded & {*HEAVY, "repl", "commands"}


def test_the_library_costs_nothing_until_it_is_used() -> None:
    assert not imported_by("import aloop") & {*HEAVY, "yaml", "asyncio"}


@pytest.mark.parametrize("name", ["MemoryManager", "LLMMessage", "create_llm", "ReActAgent"])
def test_the_library_never_imports_a_terminal(name: str) -> None:
    assert not imported_by(f"from aloop import {name}") & {"prompt_toolkit", "rich", "repl", "commands", "anthropic"}


def test_the_version_alone_does_not_even_load_a_parser() -> None:
    loaded = imported_by("from aloop.__main__ import main; main(['--version'])")
    assert not loaded & {"argparse", "dataclasses", "textwrap"}


def test_the_prompt_is_painted_without_a_parser_and_before_anything_heavy() -> None:
    loaded = imported_by("import repl.app, repl.startup.first_paint")
    assert not loaded & {*HEAVY, "argparse", "asyncio", "difflib", "yaml"}
