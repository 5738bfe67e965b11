"""search_files and its worker process."""

from __future__ import annotations

import asyncio
import os
import sys

import pytest

from aloop.errors import ToolError
from aloop.tools.files import search as matching
from aloop.tools.files.search import Matches, SearchFiles
from aloop.tools.files.workspace import Workspace

# Each "a" doubles the time that Python's re needs to reject this line.
ENDLESS_PATTERN, ENDLESS_LINE = "(a+)+$", "a" * 64 + "!\n"


async def search(workspace: Workspace, pattern: str, **arguments: object) -> list[str]:
    result = await SearchFiles(workspace).run({"pattern": pattern, **arguments})
    assert not result.is_error
    return result.text.splitlines()


async def test_matches_have_path_line_number_and_text(workspace: Workspace) -> None:
    assert await search(workspace, "hel+o") == [
        "README.md:2: hello world",
        "src/app.py:2:     print('hello')",
        "[Skipped 1 file: binary, too large or unreadable.]",
    ]


async def test_search_can_ignore_case(workspace: Workspace) -> None:
    assert "src/deep/er/util.py:1: HELLO = 1" in await search(workspace, "hello", ignore_case=True)


async def test_literal_text_is_not_a_pattern(workspace: Workspace) -> None:
    assert await search(workspace, "main():", literal=True, glob="*.py") == ["src/app.py:1: def main():"]


async def test_glob_without_a_slash_matches_at_any_depth(workspace: Workspace) -> None:
    found = await search(workspace, ".", glob="*.py")
    assert [line.split(":")[0] for line in found] == ["src/app.py", "src/app.py", "src/deep/er/util.py"]
    assert len(await search(workspace, ".", glob="src/*.py")) == 2


async def test_single_hidden_file_can_be_searched(workspace: Workspace) -> None:
    assert await search(workspace, "secret", path=".env") == [".env:1: hello=secret"]


async def test_hidden_files_are_searched_if_requested_except_git(workspace: Workspace) -> None:
    found = await search(workspace, "hello", hidden=True)
    assert ".env:1: hello=secret" in found
    assert not [line for line in found if line.startswith((".git/", "node_modules/"))]


async def test_search_without_a_match_reports_the_number_of_files(workspace: Workspace) -> None:
    assert await search(workspace, "absent", glob="*.{md,py}") == ["No match in 3 files."]


async def test_text_after_the_last_line_end_is_a_line_only_if_it_exists(workspace: Workspace) -> None:
    (workspace.root / "ends.txt").write_text("one\n\n")
    assert await search(workspace, "^$", glob="e*.txt") == ["ends.txt:2: "]


async def test_invalid_pattern_is_refused_with_the_position(workspace: Workspace) -> None:
    with pytest.raises(
        ToolError, match=r"not a valid regular expression: missing \), unterminated subpattern at position 4"
    ):
        await search(workspace, "main(")


async def test_path_outside_is_refused(workspace: Workspace) -> None:
    with pytest.raises(ToolError, match="outside"):
        await search(workspace, "root", path="/etc")


async def test_links_pipes_and_large_files_are_skipped(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    (workspace.root / "link").symlink_to("README.md")
    os.mkfifo(workspace.root / "pipe")
    (workspace.root / "large.txt").write_text("hello\n" * 100)
    monkeypatch.setattr(matching, "MOST_BYTES", 500)
    assert [line.split(":")[0] for line in await search(workspace, "hello")][:2] == ["README.md", "src/app.py"]


async def test_long_line_is_shortened_around_the_match(workspace: Workspace) -> None:
    (workspace.root / "long.txt").write_text("x" * 5_000 + "needle" + "y" * 5_000)
    (line,) = await search(workspace, "needle", glob="long.txt")
    assert "needle" in line
    assert len(line) < 350
    assert line.endswith("y…")


async def test_matches_beyond_the_limit_are_cut_with_a_note(workspace: Workspace) -> None:
    (workspace.root / "many.txt").write_text("needle\n" * (matching.MOST_MATCHES + 1))
    found = await search(workspace, "needle")
    assert len(found) == matching.MOST_MATCHES + 1
    assert found[-1].startswith("[Showing the first 200 matches.")


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS file systems accept only UTF-8 names")
async def test_names_and_lines_in_any_encoding_are_searched(workspace: Workspace) -> None:
    (workspace.root / os.fsdecode(b"caf\xe9.txt")).write_bytes("n\xe9\xe9dle".encode("latin-1"))
    (line,) = await search(workspace, "dle", glob="caf*")
    assert line.endswith(":1: n\ufffd\ufffddle")


async def test_endless_pattern_is_stopped_with_an_error(workspace: Workspace) -> None:
    (workspace.root / "endless.txt").write_text(ENDLESS_LINE)
    with pytest.raises(ToolError, match=r"stopped after 0\.3 seconds without a match\. .* simpler pattern"):
        await SearchFiles(workspace, seconds=0.3).run({"pattern": ENDLESS_PATTERN, "path": "endless.txt"})


@pytest.mark.slow
async def test_matches_found_before_the_timeout_are_returned(workspace: Workspace) -> None:
    (workspace.root / "endless.txt").write_text("aaa\n" + ENDLESS_LINE)
    result = await SearchFiles(workspace, seconds=2).run({"pattern": ENDLESS_PATTERN, "path": "endless.txt"})
    first, note = result.text.splitlines()
    assert first == "endless.txt:1: aaa"
    assert "timed out" in note


class SignallingList(list[tuple[int, int, str]]):
    """Sets ``first`` when the first match is added."""

    def __init__(self) -> None:
        super().__init__()
        self.first = asyncio.Event()

    def append(self, match: tuple[int, int, str]) -> None:
        super().append(match)
        self.first.set()


async def test_cancelling_during_a_match_kills_the_worker_at_once(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workspace.root / "endless.txt").write_text("aaa\n" + ENDLESS_LINE)
    processes: list[asyncio.subprocess.Process] = []
    start, found = matching._start, SignallingList()

    async def start_and_record() -> asyncio.subprocess.Process:
        processes.append(await start())
        return processes[0]

    monkeypatch.setattr(matching, "_start", start_and_record)
    monkeypatch.setattr(matching, "Matches", lambda: Matches(lines=found))
    task = asyncio.ensure_future(SearchFiles(workspace).run({"pattern": ENDLESS_PATTERN, "path": "endless.txt"}))
    await found.first.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert processes[0].returncode is not None


async def test_worker_that_dies_raises_a_tool_error(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "_WORKER", workspace.root / "absent.py")
    with pytest.raises(ToolError, match="stopped before it finished"):
        await search(workspace, "hello")


async def test_end_of_the_worker_is_not_reported_as_unknown(
    workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(8):
        await SearchFiles(workspace).run({"pattern": "hello"})
    assert not caplog.records


async def test_name_with_control_characters_stays_on_one_line(workspace: Workspace) -> None:
    (workspace.root / "two\nlines\x1b.txt").write_text("unique words\n")
    found = await SearchFiles(workspace).run({"pattern": "unique", "glob": "*.txt"})
    assert found.text == "two\\nlines\\u001b.txt:1: unique words"
