"""/export: the open session as a file."""

from __future__ import annotations

import json
import stat
import subprocess
from pathlib import Path

import pytest

from aloop.errors import StorageError
from aloop.export.document import make_exports_folder
from aloop.export.formats import TOOLS
from aloop.formatting import display_path
from aloop.llm.message_types import LLMMessage
from aloop.memory.codec.serialization import load_session
from commands.dispatch import dispatch
from tests.agent.scripted import answer
from tests.commands.conftest import Bench, SetUp
from tests.memory.test_parts import PIXEL


async def _talk(bench: SetUp) -> Bench:
    stage = bench(answer("It is **4**."))
    await dispatch("What is 2+2?", stage.context)
    return stage


EXPORTS = Path(".aloop/exports")


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("form", ["md", "html", "json"])
async def test_export_uses_the_name_of_the_session_and_a_folder_that_git_ignores(bench: SetUp, form: str) -> None:
    stage = await _talk(bench)
    project = stage.memory.sessions_dir.parent.parent
    _git(project, "init", "-q")
    await dispatch(f"/export {form}", stage.context)
    (path,) = (project / EXPORTS).glob(f"*_{stage.memory.session_id[:8]}.{form}")
    assert "What is 2+2?" in path.read_text()
    assert (stat.S_IMODE(path.stat().st_mode), stat.S_IMODE(path.parent.stat().st_mode)) == (0o600, 0o700)
    said = str(stage.view.of("info")[-1]).splitlines()
    assert said == [
        f"Exported to {display_path(path)}",
        f"Add a path to write it elsewhere, as in /export {form} ~/chat.{form}.",
    ]
    assert list(Path.cwd().iterdir()) == []
    assert "exports" not in _git(project, "status", "--porcelain", "--untracked-files=all")


async def test_export_of_sessions_elsewhere_is_in_the_folder_of_the_project(tmp_path: Path) -> None:
    assert make_exports_folder(tmp_path / "named") == Path.cwd() / EXPORTS
    assert (EXPORTS / ".gitignore").read_text() == "*\n"


@pytest.mark.parametrize("place", [EXPORTS.parent, EXPORTS])
def test_link_in_place_of_the_folder_for_exports_is_not_followed(place: Path, tmp_path: Path) -> None:
    place.parent.mkdir(exist_ok=True)
    place.symlink_to(tmp_path)
    with pytest.raises(StorageError, match="Could not write the export"):
        make_exports_folder(tmp_path / "named")


async def test_export_path_can_contain_spaces(bench: SetUp) -> None:
    stage = await _talk(bench)
    await dispatch("/export md my talk.md", stage.context)
    assert Path("my talk.md").is_file()


async def test_session_that_cannot_be_saved_can_be_exported(bench: SetUp) -> None:
    stage = await _talk(bench)
    path = stage.memory.path
    assert path is not None
    path.write_text(path.read_text().replace("\nmessages:", "\nmessages: ["))
    await stage.memory.add_message(LLMMessage("user", "And 3+3?"))
    await dispatch("/export json talk.json", stage.context)
    assert f"{path}:" in str(stage.view.of("error"))
    saved = load_session(Path("talk.json").read_bytes(), Path("talk.json"))
    assert [message.content for message in saved.messages] == ["What is 2+2?", "It is **4**.", "And 3+3?"]


async def test_export_overwrites_only_if_confirmed(bench: SetUp) -> None:
    Path("talk.md").write_text("precious")
    stage = await _talk(bench)
    stage.view.agrees = False
    await dispatch("/export md talk.md", stage.context)
    assert Path("talk.md").read_text() == "precious"
    assert stage.view.of("confirm") == ["~/work/talk.md already exists. Overwrite it?"]
    assert stage.view.of("info")[-1] == "Nothing was written."
    stage.view.agrees = True
    await dispatch("/export md talk.md", stage.context)
    assert "What is 2+2?" in Path("talk.md").read_text()


@pytest.mark.parametrize(("line", "said"), [("/export", "No format given"), ("/export pdf", "Unknown format 'pdf'")])
async def test_unknown_export_format_is_an_error(bench: SetUp, line: str, said: str) -> None:
    stage = await _talk(bench)
    await dispatch(line, stage.context)
    assert said in str(stage.view.of("error")[0])
    assert not list(Path.cwd().glob("*.*"))


async def test_export_of_a_new_session_does_nothing(bench: SetUp) -> None:
    stage = bench()
    await dispatch("/export md", stage.context)
    assert "nothing to export" in str(stage.view.of("info")[0])


async def test_export_into_a_tool_prints_the_command_that_resumes_it(bench: SetUp, private_home: Path) -> None:
    stage = await _talk(bench)
    await dispatch("/export codex", stage.context)
    (path,) = (private_home / ".codex").rglob("*.jsonl")
    said = str(stage.view.of("info")[-1])
    assert said.startswith(f"Exported to {display_path(path)}\n")
    assert said.splitlines()[-2] == "Resume it there with:"
    assert said.splitlines()[-1].startswith("codex resume ")


async def test_export_in_the_format_of_an_api_has_its_ending(bench: SetUp) -> None:
    stage = await _talk(bench)
    await dispatch("/export openai", stage.context)
    (path,) = (stage.memory.sessions_dir.parent / "exports").glob("*.openai.json")
    assert json.loads(path.read_text())["messages"][1] == {"role": "user", "content": "What is 2+2?"}


@pytest.mark.parametrize("quote", ['"', "'"])
async def test_export_path_can_be_quoted(bench: SetUp, private_home: Path, quote: str) -> None:
    stage = await _talk(bench)
    await dispatch(f"/export md {quote}my talk.md{quote}", stage.context)
    await dispatch(f"/export md {quote}~/c d.md{quote}", stage.context)
    assert Path("my talk.md").is_file()
    assert (private_home / "c d.md").is_file()


async def test_export_into_a_missing_folder_names_the_folder(bench: SetUp) -> None:
    stage = await _talk(bench)
    await dispatch("/export md missing/talk.md", stage.context)
    assert "the folder ~/work/missing does not exist. Create it" in str(stage.view.of("error")[-1])


@pytest.mark.parametrize("tool", TOOLS)
async def test_export_of_skipped_messages_into_a_tool_is_refused(bench: SetUp, private_home: Path, tool: str) -> None:
    stage = await _talk(bench)
    await dispatch("/skip 1-2", stage.context)
    before = sorted(private_home.rglob("*.json*"))
    await dispatch(f"/export {tool}", stage.context)
    assert str(stage.view.of("error")[-1]).endswith("was not exported, because all of its messages are skipped.")
    assert sorted(private_home.rglob("*.json*")) == before
    assert not list(Path.cwd().glob("*.json"))


@pytest.mark.parametrize("tool", ["codex", "claude-code"])
async def test_path_that_the_tool_does_not_read_is_reported_with_the_one_to_move_it_to(
    bench: SetUp, private_home: Path, tool: str
) -> None:
    stage = await _talk(bench)
    await dispatch(f"/export {tool} talk.jsonl", stage.context)
    first, last = str(stage.view.of("info")[-1]).splitlines()
    assert first == "Exported to ~/work/talk.jsonl"
    assert last.startswith(f"To resume it with `{tool.removesuffix('-code')} ")
    folder = {"codex": ".codex", "claude-code": ".claude"}[tool]
    target = last.rpartition(", move the file to ")[2]
    assert target.startswith(f"~/{folder}/")
    assert target.endswith(".jsonl.")


async def test_export_into_opencode_is_in_the_folder_for_exports_with_one_command(bench: SetUp) -> None:
    stage = await _talk(bench)
    await dispatch("/export opencode", stage.context)
    (path,) = (stage.memory.sessions_dir.parent / "exports").glob("ses_*.json")
    assert str(stage.view.of("info")[-1]).splitlines() == [
        f"Exported to {display_path(path)}",
        "Resume it there with:",
        f"opencode import {path} && opencode --session {path.stem}",
    ]
    assert list(Path.cwd().iterdir()) == []


@pytest.mark.parametrize("tool", ["pi", "opencode"])
async def test_command_of_a_tool_that_takes_a_path_has_the_absolute_one(bench: SetUp, tool: str) -> None:
    stage = await _talk(bench)
    await dispatch(f"/export {tool} talk.json", stage.context)
    said = str(stage.view.of("info")[-1])
    first, how, command = said.splitlines()
    assert (first, how) == ("Exported to ~/work/talk.json", "Resume it there with:")
    assert str(Path.cwd() / "talk.json") in command


async def test_export_at_the_prompt_names_what_it_leaves_out(bench: SetUp) -> None:
    stage = await _talk(bench)
    part = await stage.memory.keep_media(PIXEL)
    await stage.memory.add_message(LLMMessage("user", "Look", parts=(part,)))
    await dispatch("/export sharegpt chat.json", stage.context)
    assert "Left out: images (1)." in str(stage.view.of("info")[-1]).splitlines()
