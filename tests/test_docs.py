"""The documentation: generated parts are current, examples run, links exist."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from aloop import ReActAgent, __version__
from aloop.cli.parser import COMMANDS, Options, parse_arguments
from aloop.config.config_file import FileSettings, read_config_file
from aloop.llm.offline import OfflineLLM
from aloop.memory import MemoryManager
from commands.builtin import REGISTRY
from commands.context import Context
from commands.dispatch import dispatch
from docs.generate import PAGES, ROOT, help_text, subcommands, updated
from tests.commands.conftest import RecordingView

README, CHANGELOG = ROOT / "README.md", ROOT / "CHANGELOG.md"
CLI, LIBRARY, FORMAT, ARCHITECTURE = (
    ROOT / "docs" / f"{name}.md" for name in ("cli", "library", "session-format", "architecture")
)
ALL_PAGES = (*PAGES, CHANGELOG, ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md")
MAX_README_LINES = 160
MAX_ENTRY_LINES = 4
PRODUCT = ("aloop", "commands", "repl")


def blocks(path: Path, language: str) -> list[str]:
    """Return the fenced code blocks of one language."""
    text = path.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def shell_lines() -> list[str]:
    return [line for page in ALL_PAGES for block in blocks(page, "sh") for line in block.splitlines()]


def links(path: Path) -> list[str]:
    """Return the targets of links within the project, outside code blocks."""
    text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return [target for target in re.findall(r"\]\(([^)\s]+)\)", text) if not target.startswith(("http:", "https:"))]


def anchors(path: Path) -> set[str]:
    """Return the anchors of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ +(.+)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", ALL_PAGES, ids=lambda page: page.name)
def test_rows_of_a_table_are_below_its_heading(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for table in re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE):
        assert re.match(r"\|.*\n\|[-|: ]+\n", table), table


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_generated_parts_are_current(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert updated(text) == text, "run: python -m docs.generate"


@pytest.mark.parametrize("example", blocks(LIBRARY, "python"))
def test_library_example_runs(example: str, private_home: Path) -> None:
    script = private_home / "example.py"
    script.write_text(example)
    done = subprocess.run(
        [sys.executable, "-W", "error", script],
        env={"PYTHONPATH": str(ROOT), "HOME": str(private_home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "42" in done.stdout


async def test_tour_of_the_readme_runs_without_errors(sessions_dir: Path) -> None:
    view = RecordingView()
    view.editor.append(lambda _path, _line: True)
    llm = OfflineLLM(delay=0)
    memory = MemoryManager(llm, sessions_dir=sessions_dir)
    context = Context(ReActAgent(llm, memory=memory, on_event=view.event, allow=["write"]), view, REGISTRY)
    (table,) = re.findall(
        r"^\| Type \| Result \|\n(.*?)\n\n", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    for row in table.splitlines()[1:]:
        for line in re.findall(r"`([^`]+)`|(then Enter)", row.split(" | ")[0]):
            await dispatch(line[0], context)
            assert view.of("error") == [], line
    memory.close()
    assert Path("notes.txt").read_text(encoding="utf-8") == "hello\n"
    assert all(view.of(kind) for kind in ("hit", "help", "edit"))


async def test_session_example_loads_without_warnings(sessions_dir: Path) -> None:
    (example,) = blocks(FORMAT, "yaml")
    folder = sessions_dir / "2025-01-31_a1b2c3d4"
    folder.mkdir(parents=True)
    (folder / "session.yaml").write_text(example)
    session = await MemoryManager(sessions_dir=sessions_dir).resume("a1b2c3d4")
    assert session.title == "What is 2+2?"
    assert [message.role for message in session.messages] == ["user", "assistant", "tool", "assistant"]
    assert session.warnings == ()


def test_settings_example_sets_every_setting(tmp_path: Path) -> None:
    (example,) = blocks(CLI, "toml")
    (tmp_path / "config.toml").write_text(example)
    settings = read_config_file(tmp_path / "config.toml")
    assert settings.keys() == FileSettings.__annotations__.keys()
    for table in (settings["endpoints"], settings["prices"]):
        records = [record._asdict() for record in table.values()]
        assert all(any(record[key] is not None for record in records) for key in records[0])


@pytest.mark.parametrize("line", sorted({line for line in shell_lines() if re.match(r"(?:.* \| )?aloop ", line)}))
def test_command_line_example_is_accepted(line: str) -> None:
    (typed,) = re.findall(r"^(?:.* \| )?aloop (.*?)(?: \| .*)?$", line)
    arguments = [quoted or plain for quoted, plain in re.findall(r'"([^"]*)"|(\S+)', typed)]
    assert isinstance(parse_arguments(arguments), Options)


@pytest.mark.parametrize(
    "module",
    sorted({module for line in shell_lines() for module in re.findall(r"python -m ((?:tests|docs)[\w.]+)", line)}),
)
def test_module_in_a_command_example_exists(module: str) -> None:
    assert importlib.util.find_spec(module) is not None


def test_command_line_reference_covers_every_subcommand() -> None:
    text = CLI.read_text(encoding="utf-8")
    found = [" ".join(words) for words in subcommands()]
    assert {"sessions list", "sessions git-setup", "local install", "doctor", "completions"} <= set(found)
    assert set(COMMANDS) <= set(found)
    assert not [name for name in found if f"### `aloop {name}`" not in text]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_slash_commands_in_the_text_exist(page: Path) -> None:
    named = re.findall(r"`/([a-z]+)[` ]", page.read_text(encoding="utf-8"))
    own = {"review", "pdf"}  # the examples of a command from a file and of a skill
    assert not [name for name in named if REGISTRY.find(name) is None and name not in own]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_options_in_the_text_are_in_the_reference(page: Path) -> None:
    reference = "".join(help_text(words) for words in ((), *subcommands()))
    named = set(re.findall(r"`(?:aloop [^`]*)?(--[a-z-]+)", page.read_text(encoding="utf-8")))
    assert not {name for name in named if name not in reference}


def test_changelog_starts_with_the_current_version() -> None:
    versions = re.findall(r"^## \[(.+?)\] - \d{4}-\d\d-\d\d$", CHANGELOG.read_text(encoding="utf-8"), re.MULTILINE)
    assert versions[0] == __version__


def test_changelog_has_short_entries_and_each_heading_once_per_version() -> None:
    for version in CHANGELOG.read_text(encoding="utf-8").split("\n## ")[1:]:
        headings = re.findall(r"^###+ (.+)$", version, re.MULTILINE)
        assert len(headings) == len(set(headings))
        entries = re.findall(r"^- .*(?:\n  .*)*", version, re.MULTILINE)
        assert not [entry for entry in entries if entry.count("\n") >= MAX_ENTRY_LINES]


def test_environment_variables_of_the_product_are_documented() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for root in PRODUCT for path in (ROOT / root).rglob("*.py"))
    used = set(re.findall(r"\"(ALOOP_[A-Z_]+)\"", sources))
    documented = CLI.read_text(encoding="utf-8")
    assert used
    assert not {name for name in used if f"`{name}`" not in documented}


def test_readme_fits_on_two_screens() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= MAX_README_LINES


def test_readme_has_each_setup_command_on_its_own_line() -> None:
    """``.ci/run`` reads the two lines."""
    lines = README.read_text(encoding="utf-8").splitlines()
    commands = [line for line in lines if line.startswith("python3 -m venv ")]
    assert [command.split()[-1] for command in commands] == [".venv/bin/aloop", "pytest"]


@pytest.mark.parametrize("page", ALL_PAGES, ids=lambda page: page.name)
def test_links_lead_to_existing_files_and_headings(page: Path) -> None:
    broken = []
    for target in links(page):
        name, _, anchor = target.partition("#")
        path = page.parent / name if name else page
        if not path.exists() or (anchor and anchor not in anchors(path)):
            broken.append(target)
    assert not broken


def test_architecture_names_every_folder_of_the_product() -> None:
    text = ARCHITECTURE.read_text(encoding="utf-8")
    folders = {str(path.parent.relative_to(ROOT)) for root in PRODUCT for path in (ROOT / root).rglob("*.py")}
    assert not {folder for folder in folders if f"`{folder}/`" not in text}


def test_architecture_names_only_paths_that_exist() -> None:
    named = re.findall(r"`((?:aloop|commands|repl|tests)/[\w./]*)`", ARCHITECTURE.read_text(encoding="utf-8"))
    assert len(named) > 20
    assert not [path for path in named if not (ROOT / path).exists()]


@pytest.mark.parametrize("page", ALL_PAGES, ids=lambda page: page.name)
def test_filters_of_jq_with_characters_of_the_shell_are_quoted(page: Path) -> None:
    words = re.findall(r"\bjq(?:\s+-\w+)*\s+([^'\s`]\S*)", page.read_text(encoding="utf-8"))
    assert not [word for word in words if re.search(r"[()|{}*$<>]", word)]
