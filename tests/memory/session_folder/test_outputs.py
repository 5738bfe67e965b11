"""Tool results in files beside the session."""

from __future__ import annotations

import re
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aloop.errors import StorageError
from aloop.llm.message_types import LLMMessage, ToolCall
from aloop.memory import MemoryManager
from aloop.memory.session_folder.outputs import MAX_RESULT_BYTES, KeptOutput, brief, located, shorten


@pytest.fixture
def memory(sessions_dir: Path) -> MemoryManager:
    return MemoryManager(sessions_dir=sessions_dir)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_output_is_kept_byte_for_byte_and_private(memory: MemoryManager) -> None:
    kept = await memory.keep_output("run_shell", "a\r\n\tb\x1b[0m ü\n")
    assert re.fullmatch("outputs/0001-run_shell-[0-9a-f]{8}.txt", kept.relative)
    assert kept.path.read_bytes() == "a\r\n\tb\x1b[0m ü\n".encode()
    assert (mode(kept.path), mode(kept.path.parent)) == (0o600, 0o700)


async def test_output_numbers_continue_after_the_highest(memory: MemoryManager) -> None:
    first = await memory.keep_output("a", "1")
    first.path.with_name("0041-b.txt").touch()
    first.path.with_name("notes.txt").touch()
    assert (await memory.keep_output("a", "2")).relative.startswith("outputs/0042-a-")


async def test_outputs_of_two_branches_have_different_names(memory: MemoryManager, tmp_path: Path) -> None:
    other = MemoryManager(sessions_dir=tmp_path / "clone")
    names = {(await each.keep_output("a", text)).relative for each, text in ((memory, "ours"), (other, "theirs"))}
    assert len(names) == 2


@pytest.mark.parametrize("tool", ["../../x", "a/b", "", "\n", "é" * 200])
async def test_output_of_any_tool_name_stays_in_the_folder(memory: MemoryManager, tool: str) -> None:
    kept = await memory.keep_output(tool, "x")
    assert kept.path.parent.name == "outputs"
    assert kept.path.name.isascii()
    assert len(kept.path.name) < 60


async def test_outputs_are_beside_the_session_and_are_deleted_with_it(memory: MemoryManager) -> None:
    kept = await memory.keep_output("a", "x")
    await memory.add_message(LLMMessage("user", "Hi"))
    await memory.save_memory()
    assert memory.path is not None
    assert kept.path.parent.parent == memory.path.parent
    assert await memory.library.check() == []
    gone = await memory.library.delete(memory.session_id)
    assert (gone / kept.relative).read_text() == "x"


async def test_disk_error_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="save a long result"):
        await MemoryManager(sessions_dir=tmp_path / "file" / "sub").keep_output("a", "x")


async def test_link_in_place_of_the_outputs_is_not_followed(memory: MemoryManager, tmp_path: Path) -> None:
    kept = await memory.keep_output("a", "x")
    await memory.add_message(LLMMessage("tool", "x", tool_call_id="c", output_file=kept.relative))
    await memory.save_memory()
    outside = tmp_path / "outside"
    kept.path.parent.rename(outside)
    kept.path.parent.symlink_to(outside)
    with pytest.raises(StorageError, match="there is a file where a folder should be"):
        await memory.keep_output("a", "y")
    fork = MemoryManager(sessions_dir=memory.sessions_dir)
    await fork.fork(memory.session_id)
    await fork.save_memory()
    assert fork.path is not None
    assert not (fork.path.parent / "outputs").exists()
    assert [path.name for path in outside.iterdir()] == [kept.path.name]


NOTE = re.compile(r"\n\[… ([\d,]+) of ([\d,]+) bytes left out; kept in a file …\]\n")


def parts(text: str) -> tuple[str, int, str]:
    """Return the text before the note, its number of bytes, and the text after it."""
    shortened = shorten(text, "kept in a file")
    found = NOTE.search(shortened)
    assert found
    return shortened[: found.start()], int(found[1].replace(",", "")), shortened[found.end() :]


def test_shorten_cuts_at_line_ends() -> None:
    first, _, last = parts("one line of some length\n" * 5_000)
    assert set(first.split("\n")) | set(last.removesuffix("\n").split("\n")) == {"one line of some length"}


def test_shorten_cuts_within_a_line_without_line_ends() -> None:
    first, cut, last = parts("x" * 100_000)
    assert (len(first), cut, len(last)) == (MAX_RESULT_BYTES // 2, 100_000 - MAX_RESULT_BYTES, MAX_RESULT_BYTES // 2)


@given(st.text("aü漢😀\n", min_size=1, max_size=9))
def test_shorten_keeps_whole_characters_of_the_text(piece: str) -> None:
    text = piece * (2 * MAX_RESULT_BYTES // len(piece.encode()) + 1)
    first, cut, last = parts(text)
    assert text.startswith(first)
    assert text.endswith(last)
    assert 0 < cut < len(text.encode())
    assert len((first + last).encode()) <= MAX_RESULT_BYTES


LONG = "one line of some length\n" * 5_000


async def remember(memory: MemoryManager, *, is_old: bool) -> KeptOutput:
    """Save a long result, as this version stores it or as an earlier one did."""
    kept = await memory.keep_output("run_shell", LONG)
    text = brief(LONG, str(kept.path) if is_old else kept.relative)
    await memory.add_message(LLMMessage("user", "Run"))
    await memory.add_message(LLMMessage("assistant", None, (ToolCall("c1", "run_shell", "{}"),)))
    await memory.add_message(LLMMessage("tool", text, tool_call_id="c1", output_file=kept.relative))
    await memory.save_memory()
    return kept


@pytest.mark.parametrize("is_old", [False, True])
async def test_moved_session_sends_the_present_path_of_a_long_result(tmp_path: Path, *, is_old: bool) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    memory = MemoryManager(sessions_dir=before)
    kept = await remember(memory, is_old=is_old)
    assert memory.path is not None
    stored = memory.path.read_bytes()
    assert (str(tmp_path).encode() in stored) == is_old
    before.rename(after)
    moved = await MemoryManager.from_session(memory.session_id, sessions_dir=after)
    sent = moved.get_context_for_llm()[-1].content or ""
    [path] = re.findall(r"; the complete output is in (.*) …\]\n", sent)
    assert Path(path) == after / kept.path.relative_to(before)
    assert Path(path).read_text() == LONG
    assert str(before) not in sent
    assert (after / memory.path.relative_to(before)).read_bytes() == stored


def test_path_in_the_words_of_version_0_1_0_is_completed(tmp_path: Path) -> None:
    name = "outputs/0001-run_shell.txt"
    text = "a\n[… 1 of 2 bytes left out here; the whole is in {} …]\nb"
    message = LLMMessage("tool", text.format(f"/old/{name}"), tool_call_id="c", output_file=name)
    assert located(message, tmp_path).content == text.format(tmp_path / name)


async def test_only_the_note_about_the_own_file_of_a_result_is_completed(tmp_path: Path) -> None:
    name = "outputs/0001-run_shell-2c26b46b.txt"
    quoted = f"[… 1 of 2 bytes left out; the complete output is in /x/{name.replace('0001', '0002')} …]\n"
    text = f"{quoted}It is in {name} …]\n[… 1 of 2 bytes left out; the complete output is in {name} …]\nend"
    message = LLMMessage("tool", text, tool_call_id="c", output_file=name)
    assert located(message, tmp_path).content == f"{text[: -len(name) - 7]}{tmp_path / name} …]\nend"
    for other in (None, "../outputs/0001-run_shell-2c26b46b.txt", "outputs/a/../../x"):
        assert located(replace(message, output_file=other), tmp_path).content == text
