"""/export: the open session as a file."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from aloop.llm.message_types import LLMMessage
from aloop.memory.codec.serialization import load_session
from commands.dispatch import dispatch
from tests.agent.scripted import answer
from tests.commands.conftest import Bench, SetUp


async def _talk(bench: SetUp) -> Bench:
    stage = bench(answer("It is **4**."))
    await dispatch("What is 2+2?", stage.context)
    return stage


@pytest.mark.parametrize("form", ["md", "html", "json"])
async def test_export_uses_the_name_of_the_session(bench: SetUp, form: str) -> None:
    stage = await _talk(bench)
    await dispatch(f"/export {form}", stage.context)
    (path,) = Path.cwd().glob(f"*_{stage.memory.session_id[:8]}.{form}")
    assert "What is 2+2?" in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stage.view.of("info")[-1] == f"Exported to {path}"


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
    assert stage.view.of("confirm") == [f"{Path.cwd() / 'talk.md'} already exists. Overwrite it?"]
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
    assert said.startswith(f"Exported to {path}\n")
    assert said.splitlines()[-2] == "Resume it there with:"
    assert said.splitlines()[-1].startswith("codex resume ")


async def test_export_in_the_format_of_an_api_has_its_ending(bench: SetUp) -> None:
    stage = await _talk(bench)
    await dispatch("/export openai", stage.context)
    (path,) = Path.cwd().glob("*.openai.json")
    assert json.loads(path.read_text())["messages"][1] == {"role": "user", "content": "What is 2+2?"}
