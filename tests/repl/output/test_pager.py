from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aloop.errors import StorageError
from repl.output.pager import pager_command, run_pager


async def whole(text: str) -> AsyncIterator[str]:
    """Yield a text as one piece."""
    yield text


@pytest.mark.parametrize("chosen", ["no-such-pager", "/no/such/pager -R"])
def test_pager_command_is_empty_for_a_missing_pager(monkeypatch: pytest.MonkeyPatch, chosen: str) -> None:
    monkeypatch.setenv("PAGER", chosen)
    assert pager_command() == []


def test_pager_command_keeps_its_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAGER", f"{sys.executable} -c 'print(1)'")
    assert pager_command() == [sys.executable, "-c", "print(1)"]


async def test_pager_receives_the_whole_text(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    target = tmp_path / "paged"
    code = f"import sys, pathlib; pathlib.Path({str(target)!r}).write_bytes(sys.stdin.buffer.read())"
    monkeypatch.setenv("PAGER", f'{sys.executable} -c "{code}"')
    assert await run_pager(whole("日本語\n" * 1000))
    assert target.read_text() == "日本語\n" * 1000


@pytest.mark.parametrize(
    ("own", "given"),
    [
        (None, "-R -Ps?e(end) .q closes, Space shows more, / searches$"),
        ("-FX", "-FX -Ps?e(end) .q closes, Space shows more, / searches$"),
        ("", "-Ps?e(end) .q closes, Space shows more, / searches$"),
        ("-R -Psmine$", "-R -Psmine$"),
        ("--prompt=mine", "--prompt=mine"),
    ],
)
async def test_prompt_of_less_names_its_keys_unless_the_user_has_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, own: str | None, given: str
) -> None:
    target = tmp_path / "options"
    code = f"import os, pathlib; pathlib.Path({str(target)!r}).write_text(os.environ['LESS'])"
    monkeypatch.setenv("PAGER", f'{sys.executable} -c "{code}"')
    monkeypatch.delenv("LESS", raising=False)
    if own is not None:
        monkeypatch.setenv("LESS", own)
    assert await run_pager(whole("text"))
    assert target.read_text() == given


async def test_pager_closed_early_is_not_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAGER", f"{sys.executable} -c 'pass'")
    assert await run_pager(whole("x" * 10_000_000))


async def test_run_pager_returns_false_without_a_pager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAGER", "no-such-pager")
    assert not await run_pager(whole("text"))


async def test_pager_shows_first_pieces_before_the_last_exists(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    target = tmp_path / "paged"
    code = f"import sys, pathlib; pathlib.Path({str(target)!r}).write_text(sys.stdin.readline())"
    monkeypatch.setenv("PAGER", f'{sys.executable} -c "{code}"')
    asked = []

    async def endless() -> AsyncIterator[str]:
        while True:
            asked.append(True)
            yield "a piece\n"
            await asyncio.sleep(0)

    assert await run_pager(endless())
    assert target.read_text() == "a piece\n"
    count = len(asked)
    await asyncio.sleep(0)
    assert len(asked) == count


async def test_error_in_a_piece_is_raised_after_the_pager_closes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAGER", f"{sys.executable} -c 'import sys; sys.stdin.read()'")

    async def failing() -> AsyncIterator[str]:
        yield "a piece\n"
        raise StorageError("The disk is gone.", Path())

    with pytest.raises(StorageError, match="gone"):
        await run_pager(failing())
