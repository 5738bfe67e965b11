"""search_files with ripgrep and without: the results are the same."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, strategies

from aloop.config.values import SandboxSettings
from aloop.tools import default_tools
from aloop.tools.base import ToolResult
from aloop.tools.files import ripgrep
from aloop.tools.files import search as matching
from aloop.tools.files.ripgrep import selection_command, widen
from aloop.tools.files.search import SearchFiles
from aloop.tools.files.workspace import Workspace
from tests.processes import wait_until_gone

RG = shutil.which("rg")
needs_ripgrep = pytest.mark.skipif(RG is None, reason="ripgrep is not installed")

FEW = 64
"""So many files are searched without ripgrep."""

FILES = {
    "bom.py": b"\xef\xbb\xbfimport needle\n",
    "bom16.txt": "\ufeffneedle".encode("utf-16-le"),
    "crlf.txt": b"needle one\r\nno\r\nneedle\r\n",
    "latin.txt": b"n\xe9\xe9dle and needle\xff\n",
    "turkish.txt": "K\u0130TAP \u017ftop \u212aelvin needle\u00b2\n".encode(),
    "blanks.txt": b"need\x1cle needle\x1f\n",
    "late-nul.txt": b"needle\n" + b"x" * 9_000 + b"\0needle\n",
    "early-nul.bin": b"\0needle\n",
    "no-end.txt": b"a needle",
    "empty.txt": b"",
    "lines.txt": b"\n\n\n",
    "large.txt": b"needle\n" * 1_000,
    "deep/er/needle.c": b"int needle(void);\n",
    "deep/.hidden": b"needle\n",
    "deep/ignored.log": b"needle\n",
    "deep/secret.pem": b"needle\n",
    "-f needle": b"needle\n",
    "two\nlines": b"needle\n",
}
PATTERNS = [
    "needle",
    "needle$",
    r"needle\s",
    r"^import\b",
    r"^$",
    r"^",
    r"x*",
    r"\bneedle\w+",
    r"n..dle",
    r"[^n\s]eedle",
    r"k\w+",
    r"(?i)kelvin|stop",
    r"(?:int|import)\s+needle",
    r"nee(?=dle)",
    r"(n)e+dle.*\1",
    r"[[n]eedle",
    r"\u006eeedle",
    r"needle\<|need",
    r"\r$",
    r"[\W\d]$",
    r"né",
]


@pytest.fixture
def tree(tmp_path: Path) -> Workspace:
    """Many files without a match, then FILES in an order that mixes them."""
    root = tmp_path / "work"
    for number in range(FEW + 10):
        (root / "!").mkdir(parents=True, exist_ok=True)
        (root / "!" / f"{number:03}.txt").write_text(f"nothing in {number}\n")
    for name, data in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    (root / ".gitignore").write_text("*.log\n")
    (root / "link.txt").symlink_to("crlf.txt")
    (root / "unreadable.txt").write_text("needle\n")
    (root / "unreadable.txt").chmod(0)
    os.mkfifo(root / "pipe")
    if sys.platform != "darwin":
        (root / os.fsdecode(b"caf\xe9.txt")).write_bytes(b"needle\n")
    return Workspace(root)


async def search(workspace: Workspace, pattern: str, **arguments: object) -> str:
    """Return the result, without the files that a rule hides."""
    tool = SearchFiles(workspace)
    tool.hides = lambda _start: lambda path: path.suffix == ".pem"
    result: ToolResult = await tool.run({"pattern": pattern, **arguments})
    return result.text


def without_ripgrep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "find_program", lambda *_: None)


@needs_ripgrep
@pytest.mark.parametrize(
    ("options", "patterns"),
    [
        ({}, PATTERNS),
        ({"ignore_case": True}, PATTERNS),
        ({"hidden": True, "ignored": True}, PATTERNS[:5]),  # more files, but no other way to match
        ({"literal": True}, PATTERNS[::3]),  # no syntax at all
    ],
)
async def test_results_with_and_without_ripgrep_are_the_same(
    tree: Workspace, monkeypatch: pytest.MonkeyPatch, options: dict[str, object], patterns: list[str]
) -> None:
    monkeypatch.setattr(matching, "MOST_BYTES", 10_000)
    monkeypatch.setattr(matching, "MOST_MATCHES", 90)
    found = {pattern: await search(tree, pattern, **options) for pattern in patterns}
    without_ripgrep(monkeypatch)
    assert found == {pattern: await search(tree, pattern, **options) for pattern in patterns}
    assert not any("secret.pem" in text for text in found.values())


_ATOMS = strategies.sampled_from(
    [
        "a",
        "k",
        "K",
        "S",
        "i",
        ".",
        r"\w",
        r"\W",
        r"\d",
        r"\s",
        r"\S",
        r"\b",
        r"\B",
        "^",
        "$",
        r"\.",
        r"\<",
        r"\t",
        "[a-k]",
        "[^a-k]",
        r"[\w.-]",
        r"[^\s,]",
        r"[\D]",
        "[-z]",
        "(?:k|s)",
        "(a|)",
        r"\ ",
    ]
)
_PATTERNS = strategies.lists(
    strategies.tuples(_ATOMS, strategies.sampled_from(["", "", "", "*", "+?", "?", "{2}", "{1,3}"])).map("".join),
    min_size=1,
    max_size=6,
)
_LINES = strategies.text(
    strategies.sampled_from("aakKSs .,<_-9\t\r\x0b\x1c\x1f\x7f\x85é²İıſK\u0301\u2003\udcff漢"), max_size=8
)


@needs_ripgrep
@given(parts=_PATTERNS, lines=strategies.lists(_LINES, min_size=1, max_size=20), ignore_case=strategies.booleans())
def test_ripgrep_selects_every_file_in_which_python_finds_a_match(
    tmp_path_factory: pytest.TempPathFactory, parts: list[str], lines: list[str], ignore_case: bool
) -> None:
    pattern = "".join(parts)
    try:
        regex = re.compile(pattern, re.IGNORECASE if ignore_case else 0)
    except re.error:
        return
    assert RG is not None
    if (command := selection_command(RG, pattern, ignore_case=ignore_case)) is None:
        return
    folder = tmp_path_factory.mktemp("lines")
    wanted = set()
    for number, line in enumerate(lines):
        path = folder / str(number)
        path.write_bytes(b"\xef\xbb\xbf" * (number % 2) + line.encode(errors="surrogateescape") + b"\n")
        if regex.search(path.read_bytes().decode("utf-8-sig", "replace").removesuffix("\n")):
            wanted.add(str(path))
    done = subprocess.run([*command, *sorted(map(str, folder.iterdir()))], capture_output=True, check=False)
    shutil.rmtree(folder)
    assert done.returncode in (0, 1), done.stderr
    assert wanted <= set(os.fsdecode(done.stdout).split("\0"))


@pytest.mark.parametrize("letter", "abcdefghijklmnopqrstuvwxyz")
def test_letters_that_equal_others_beyond_ascii_are_known(letter: str) -> None:
    regex = re.compile(letter, re.IGNORECASE)
    has_others = any(regex.match(chr(code)) for code in range(0x80, 0x3000) if not 0xD800 <= code < 0xE000)
    assert has_others == (letter in ripgrep._FOLDED)


@pytest.mark.parametrize(
    "pattern",
    [
        *(r"a(?=b)", r"(?<!a)b", r"(?>a)", r"(a)\1", r"a++", r"a{,3}", r"a{2", r"\Aa", r"a\Z", r"\x61", r"\u0061", "é"),
        *(r"[[a]", r"[a&&b]", r"[a--b]", r"[^\S]", r"[\b]", r"[]a]", r"(?s).", r"a(?i:b)", r"(?#x)a", r"\n", "a\n"),
    ],
)
def test_pattern_that_may_mean_something_else_is_not_given_to_ripgrep(pattern: str) -> None:
    assert widen(pattern, ignore_case=False) is None


def install(folder: Path, script: str) -> None:
    """Put a program named rg into ``folder``."""
    folder.mkdir(exist_ok=True)
    (folder / "rg").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "rg").chmod(0o755)


async def test_search_works_without_ripgrep(tree: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "deep/er/needle.c:1: int needle(void);" in await search(tree, "needle")


async def test_file_that_ripgrep_leaves_out_is_not_searched(
    tree: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install(tmp_path / "bin", "exit 1")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin:/usr/bin")
    assert "No match in 91 files." in await search(tree, "needle")
    assert "deep/er/needle.c" in await search(tree, "needle", path="deep")  # too few files for ripgrep


@pytest.mark.parametrize(
    "script", ["echo bad flag >&2; exit 2", "kill -9 $$", "exit 77", "echo 'regex parse error' >&2; exit 2"]
)
async def test_ripgrep_that_fails_is_done_without(
    tree: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str
) -> None:
    install(tmp_path / "bin", script)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin:/usr/bin")
    found = await search(tree, "needle")
    without_ripgrep(monkeypatch)
    assert found == await search(tree, "needle")


async def test_file_that_ripgrep_cannot_read_is_left_to_the_search(
    tree: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install(tmp_path / "bin", 'for last; do case $last in *needle.c) echo "rg: $last: denied" >&2;; esac; done; exit 2')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin:/usr/bin")
    assert [line for line in (await search(tree, "needle")).splitlines() if "needle(" in line] == [
        "deep/er/needle.c:1: int needle(void);"
    ]


async def test_ripgrep_gets_no_file_that_is_too_large_to_be_searched(
    tree: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install(tmp_path / "bin", f'printf "%s\\n" "$@" >> {tmp_path / "given"}; exit 1')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin:/usr/bin")
    monkeypatch.setattr(matching, "MOST_BYTES", 500)
    await search(tree, "needle")
    given = (tmp_path / "given").read_text(errors="replace")
    assert "needle.c" in given
    assert "large.txt" not in given
    (tmp_path / "given").unlink()
    monkeypatch.setattr(matching, "MOST_BYTES", -1)
    assert "Skipped 91 files" in await search(tree, "needle")
    assert not (tmp_path / "given").exists()


async def test_ripgrep_ends_with_a_search_that_has_enough_matches(
    tree: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install(tmp_path / "bin", f"echo $$ > {tmp_path / 'process'}; exec sleep 100000")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin:/usr/bin")
    monkeypatch.setattr(matching, "MOST_MATCHES", 1)
    assert "Showing the first 1 matches" in await search(tree, "nothing")
    with suppress(FileNotFoundError, ValueError):  # it was killed before it wrote its number
        wait_until_gone(int((tmp_path / "process").read_text()))


async def test_ripgrep_that_commands_could_replace_is_never_run(
    tree: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    writable = tmp_path / "cargo"
    for folder in (writable, tree.root / "bin"):
        install(folder, f"touch {tmp_path / 'ran'}; exit 1")
    monkeypatch.setenv("PATH", f"{writable}:{tree.root / 'bin'}:/bin:/usr/bin")
    search_files = next(
        tool
        for tool in default_tools(tree.root, sandbox=SandboxSettings(writable=(writable,)))
        if isinstance(tool, SearchFiles)
    )
    assert "needle.c" in (await search_files.run({"pattern": "needle"})).text
    assert not (tmp_path / "ran").exists()
    assert "No match" in (await SearchFiles(tree).run({"pattern": "needle"})).text
    assert (tmp_path / "ran").exists()
