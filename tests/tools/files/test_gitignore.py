"""The rules of .gitignore files, compared with git itself."""

from __future__ import annotations

import random
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest

from aloop.tools.files.gitignore import IgnoreRules
from aloop.tools.files.glob import Glob, Walk
from aloop.tools.files.read import ListFiles
from aloop.tools.files.search import SearchFiles
from aloop.tools.files.workspace import Workspace

NAMES = ["a", "b", "ab", "a.c", "b.c", "c d", "x-y"]
RULES = [
    "a",
    "*.c",
    "/a",
    "a/",
    "/b/",
    "a/b",
    "**/a",
    "a/**",
    "*",
    "!a",
    "!*.c",
    "!/b",
    "?",
    "[ab]",
    "[!a].c",
    "a*",
    "*b",
]
RULES += [
    "**/b/a",
    "a/**/b",
    "\\!x",
    "# c",
    "ab ",
    "*/b",
    "x-*",
    "[a-b]b",
    "!b/",
    "/*",
    "!/a/",
    "a/*.c",
    "a/*/b",
    "[",
    "[z-a]",
]


def kept(root: Path, *, ignored: bool = False) -> list[str]:
    return [entry.relative for entry in Walk(root, Glob("**"), threading.Event(), ignored=ignored)]


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
@pytest.mark.parametrize("seed", range(25))
def test_walk_leaves_out_what_git_ignores(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    folders = [tmp_path]
    for _ in range(8):
        folder = chance.choice(folders) / chance.choice(NAMES)
        folder.mkdir(exist_ok=True)
        folders.append(folder)
    for _ in range(20):
        file = chance.choice(folders) / chance.choice(NAMES)
        if not file.exists():
            file.touch()
    for folder in chance.sample(folders, 2):
        (folder / ".gitignore").write_text("\n".join(chance.choices(RULES, k=chance.randint(1, 4))) + "\n")
    everything = kept(tmp_path, ignored=True)
    command = ["git", "-C", str(tmp_path), "-c", "core.excludesFile=", "check-ignore", "--stdin", "-z", "--no-index"]
    done = subprocess.run(command, input="\0".join(everything), capture_output=True, text=True, check=False)
    assert kept(tmp_path) == [name for name in everything if name not in done.stdout.split("\0")]


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_class_has_the_same_characters_as_in_git(tmp_path: Path) -> None:
    rules = [f"[{inside}]" for inside in ("a&&b", "a||z", "a~~b", "+--", "--0", "---", "a-", "-a", "[[a", "^&-+")]
    names = [chr(code) for code in range(ord(" ") + 1, 127) if chr(code) not in "./:"]
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    command = ["git", "-C", str(tmp_path), "-c", "core.excludesFile=", "check-ignore", "--stdin", "-z", "--no-index"]
    for rule in rules:
        (tmp_path / ".gitignore").write_text(f"{rule}\n")
        done = subprocess.run(command, input="\0".join(names), capture_output=True, text=True, check=False)
        parsed = IgnoreRules.parse(rule)
        found = {rule: [name for name in names if parsed.ignores(name, is_folder=False)]}
        assert found == {rule: done.stdout.split("\0")[:-1]}


@pytest.mark.parametrize("rule", ["*a" * 400 + "b", "**/" * 3 + "*a" * 300, "[" * 900, "?*" * 400 + "b"])
# As much as is read of a file, and a tenth of it.
@pytest.mark.parametrize("size", [10_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_hostile_rule_is_fast(rule: str, size: int) -> None:
    rules = IgnoreRules.parse(f"{rule}\n" * (size // len(rule)))
    began = time.process_time()
    rules.ignores("/".join(["a" * 250] * 10), is_folder=False)
    assert time.process_time() - began < 5


def test_rules_above_the_start_apply_in_a_repository(workspace: Workspace) -> None:
    (workspace.root / ".gitignore").write_text("/src/deep/\n*.bin\n")
    assert kept(workspace.root / "src") == ["app.py"]


async def test_tools_leave_out_ignored_names_with_a_note(workspace: Workspace) -> None:
    (workspace.root / ".gitignore").write_text("src/deep\n")
    note = "[Left out 1 name that .gitignore excludes. Set `ignored` to include them.]"
    listed = (await ListFiles(workspace).run({"path": "src"})).text
    assert listed == f"app.py\ndata.bin\n{note}"
    assert (await SearchFiles(workspace).run({"pattern": "HELLO"})).text.startswith(f"{note}\nNo match in ")
    found = (await SearchFiles(workspace).run({"pattern": "HELLO", "ignored": True})).text
    assert found.startswith("src/deep/er/util.py:1: HELLO = 1")


async def test_gitignore_that_is_a_pipe_or_a_link_is_not_read(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "rules").write_text("*\n")
    (workspace.root / ".gitignore").symlink_to(tmp_path / "rules")
    assert "README.md" in kept(workspace.root)
