"""Modules that each start may not import, because they take long to load."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.saved_sessions import FIRST, save

ROOT = Path(__file__).parents[1]
HEAVY = {
    "anthropic",
    "genai_prices",
    "prompt_toolkit",
    "rich",
    "markdown_it",
    "pygments",
    "jsonschema",
    "lsprotocol",
    "orjson",
    "pydantic",
    "pygls",
}


def imported_by(code: str) -> set[str]:
    """Return the top-level packages loaded after running ``code`` in a new process."""
    script = f"import sys\ntry:\n    {code}\nexcept SystemExit:\n    pass\nprint(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stderr.split()}


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_version_and_help_import_no_heavy_package(option: str) -> None:
    loaded = imported_by(f"from aloop.__main__ import main; main([{option!r}])")
    assert not loaded & {*HEAVY, "yaml", "asyncio", "repl", "commands"}


@pytest.mark.parametrize("arguments", [["list"], ["list", "--json"], ["show", FIRST], ["stats", FIRST]])
def test_sessions_commands_import_no_terminal_or_model_package(arguments: list[str], sessions_dir: Path) -> None:
    save(sessions_dir, FIRST)
    command = ["--sessions-dir", str(sessions_dir), "sessions", *arguments]
    loaded = imported_by(f"from aloop.__main__ import main; main({command!r})")
    assert "yaml" in loaded
    assert not loaded & {*HEAVY, "repl", "commands"}


def test_doctor_imports_no_event_loop_http_or_model_package(sessions_dir: Path) -> None:
    loaded = imported_by(f"from aloop.__main__ import main; main(['--sessions-dir', {str(sessions_dir)!r}, 'doctor'])")
    assert not loaded & {*HEAVY, "asyncio", "httpx2", "repl", "commands"}


def test_local_commands_import_no_terminal_or_model_package() -> None:
    loaded = imported_by("from aloop.__main__ import main; main(['local', 'status'])")
    assert not loaded & {*HEAVY, "asyncio", "yaml", "repl", "commands"}


def test_import_aloop_loads_no_heavy_package() -> None:
    assert not imported_by("import aloop") & {*HEAVY, "yaml", "asyncio"}


@pytest.mark.parametrize("name", ["MemoryManager", "LLMMessage", "create_llm", "ReActAgent"])
def test_library_imports_no_terminal_package(name: str) -> None:
    assert not imported_by(f"from aloop import {name}") & {
        "prompt_toolkit",
        "rich",
        "markdown_it",
        "repl",
        "commands",
        "anthropic",
    }


def test_version_does_not_import_argparse() -> None:
    loaded = imported_by("from aloop.__main__ import main; main(['--version'])")
    assert not loaded & {"argparse", "dataclasses", "textwrap"}


def test_first_paint_imports_no_heavy_package_or_argparse() -> None:
    loaded = imported_by("import repl.app, repl.startup.first_paint, aloop.cli.onboarding")
    assert not loaded & {*HEAVY, "argparse", "asyncio", "csv", "dataclasses", "difflib", "json", "yaml"}


def test_shell_imports_no_command_dataclass_json_or_csv_before_its_prompt() -> None:
    # From Python 3.14 on, asyncio imports dataclasses.
    script = "import asyncio, sys\nfloor = set(sys.modules)\nimport repl.shell\nprint(*set(sys.modules) - floor)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    late = {"commands.registry", "commands.parse", "aloop.permissions"}
    assert not loaded & {*late, "csv", "dataclasses", "json", "rich", "yaml"}


def test_shell_compiles_only_patterns_that_its_prompt_needs() -> None:
    script = """if True:
        import re, sys
        import repl.shell
        for module in [each for name, each in sys.modules.items() if name.startswith(("aloop.", "commands.", "repl."))]:
            for name, value in vars(module).items():
                if isinstance(value, re.Pattern):
                    print(f"{module.__name__}.{name}")
    """
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == {"aloop.keys._KEY", "aloop.width._NARROW", "repl.startup.first_paint._LINES"}


def test_plain_shell_imports_no_rich() -> None:
    loaded = imported_by("import repl.plain.line_shell, repl.plain.views, repl.task, repl.task_report")
    assert not loaded & {"rich", "markdown_it", "pygments"}
