"""The files of a session in a JSON export, which an import restores."""

from __future__ import annotations

import asyncio
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from aloop.cli.parser import parse_arguments
from aloop.export.attached import ATTACHED
from aloop.export.document import make_document, render
from aloop.importers.run import Scan, Selection
from aloop.importers.storing.store import ImportStore
from aloop.llm.message_types import LLMMessage, ToolCall
from aloop.memory import MemoryManager, Session, SessionLibrary
from aloop.memory.codec.serialization import load_session
from aloop.memory.session_folder.outputs import brief
from tests.memory.test_parts import PIXEL

LONG = "\n".join(f"line {number}" for number in range(9_000)) + " é\x1b[0m\r\n"


@pytest.fixture
def original(tmp_path: Path) -> Session:
    """A session with an image and a long result, as turns save it."""

    async def make() -> Session:
        memory = MemoryManager(sessions_dir=tmp_path / "original")
        await memory.add_message(LLMMessage("user", "Look", parts=(await memory.keep_media(PIXEL),)))
        await memory.add_message(LLMMessage("assistant", None, (ToolCall("c1", "run_shell", '{"command": "make"}'),)))
        kept = await memory.keep_output("run_shell", LONG)
        text = brief(LONG, kept.relative)
        await memory.add_message(LLMMessage("tool", text, tool_call_id="c1", output_file=kept.relative))
        await memory.add_message(LLMMessage("assistant", "Done."))
        await memory.save_memory()
        return await SessionLibrary(tmp_path / "original").load(memory.snapshot().id)

    return asyncio.run(make())


def load(sessions_dir: Path, session: Session) -> Session:
    return asyncio.run(SessionLibrary(sessions_dir).load(session.id))


def run(*arguments: str) -> int:
    code: int = parse_arguments(arguments).run()  # type: ignore[union-attr] # only the prompt has no run
    return code


def output_of(session: Session) -> Path:
    return session.path.parent / (session.messages[2].output_file or "")


def change(path: Path, name: str, record: Any, reference: str = "") -> None:
    """Replace the object of a file in an export, and its path by ``reference``."""
    document = json.loads(path.read_text())
    document[ATTACHED][name] = record
    text = json.dumps(document)
    path.write_text(text.replace(name, reference) if reference else text)


@pytest.fixture
def backup(original: Session, tmp_path: Path) -> Path:
    assert (
        run("export", "--all", str(tmp_path / "backup"), "--to", "json", "--sessions-dir", str(tmp_path / "original"))
        == 0
    )
    [path] = (tmp_path / "backup").iterdir()
    return path


def assert_is_restored(sessions_dir: Path, original: Session) -> None:
    found = load(sessions_dir, original)
    assert found.path.read_bytes() == original.path.read_bytes()
    assert (found.path.parent / PIXEL.file).read_bytes() == PIXEL.data
    assert output_of(found).read_bytes() == LONG.encode()
    assert len(list(output_of(found).parent.iterdir())) == 1


def test_import_of_a_backup_restores_the_session_file_and_the_files_beside_it(
    original: Session, backup: Path, sessions_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "Left out" not in capsys.readouterr().err
    assert run("import", str(backup.parent), "--sessions-dir", str(sessions_dir)) == 0
    assert_is_restored(sessions_dir, original)
    assert run("sessions", "check", "--sessions-dir", str(sessions_dir)) == 0
    # Again, after the files were lost, and a last time with nothing to do.
    output_of(load(sessions_dir, original)).unlink()
    capsys.readouterr()
    assert run("import", str(backup), "--sessions-dir", str(sessions_dir)) == 0
    assert "restored 1 file that it lacked here" in capsys.readouterr().out
    assert_is_restored(sessions_dir, original)
    assert run("import", str(backup), "--sessions-dir", str(sessions_dir)) == 0
    assert "1 unchanged" in capsys.readouterr().err


def test_backup_in_an_archive_has_its_files(
    original: Session, backup: Path, sessions_dir: Path, tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "backup.zip", "w") as archive:
        archive.write(backup, backup.name)
    [imported] = Scan(Selection()).read([tmp_path / "backup.zip"])
    assert ImportStore(sessions_dir).put(imported).action == "imported"
    assert_is_restored(sessions_dir, original)


def test_reformatted_backup_is_the_same(original: Session, backup: Path, sessions_dir: Path) -> None:
    backup.write_text(json.dumps(json.loads(backup.read_text())))
    assert run("import", str(backup), "--sessions-dir", str(sessions_dir)) == 0
    assert_is_restored(sessions_dir, original)


def test_json_in_place_of_the_session_file_is_the_session_and_exports_its_files(
    original: Session, backup: Path, sessions_dir: Path, tmp_path: Path
) -> None:
    text = backup.read_text()
    found = load_session(text.encode(), original.path)
    assert found.messages == original.messages
    (tmp_path / "bare").mkdir()
    bare = load_session(text.encode(), tmp_path / "bare" / "session.yaml")
    document = make_document(bare, "json")
    assert not document.losses
    assert json.loads(document.text)[ATTACHED] == json.loads(text)[ATTACHED]
    (tmp_path / "bare" / "session.yaml").write_text(text)
    assert run("import", str(tmp_path / "bare"), "--sessions-dir", str(sessions_dir)) == 0
    assert_is_restored(sessions_dir, original)


def test_import_of_json_in_place_of_a_session_file_writes_its_files_beside_it(
    original: Session, backup: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    original.path.write_text(backup.read_text())
    output_of(original).unlink()
    (original.path.parent / PIXEL.file).unlink()
    assert run("import", str(original.path), "--sessions-dir", str(tmp_path / "original")) == 0
    assert "restored 2 files that it lacked here" in capsys.readouterr().out
    assert output_of(original).read_bytes() == LONG.encode()
    assert (original.path.parent / PIXEL.file).read_bytes() == PIXEL.data
    assert original.path.read_text() == backup.read_text()


def test_missing_files_are_reported_by_the_export_and_by_the_import(
    original: Session, sessions_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output_of(original).unlink()
    (original.path.parent / PIXEL.file).write_bytes(b"another")
    target = tmp_path / "talk.json"
    run("export", original.id, "--to", "json", "-o", str(target), "--sessions-dir", str(tmp_path / "original"))
    assert (
        "Left out: images and documents whose file is missing or altered (1), "
        "the complete text of results whose file is missing or altered (1)." in capsys.readouterr().err
    )
    assert ATTACHED not in json.loads(target.read_text())
    assert run("import", str(target), "--sessions-dir", str(sessions_dir)) == 1
    assert "images, documents or long results that are not beside the session file, or altered (2 in" in (
        capsys.readouterr().err
    )
    assert load(sessions_dir, original).messages == original.messages


@pytest.mark.parametrize(
    "record",
    [{"base64": "AAAA"}, {"base64": "?"}, {"text": "no image"}, {}, "text", None, {"base64": 1}, ["x"]],
)
def test_bytes_that_are_not_those_of_the_image_are_not_written(
    backup: Path, original: Session, sessions_dir: Path, record: Any
) -> None:
    change(backup, PIXEL.file, record)
    assert run("import", str(backup), "--sessions-dir", str(sessions_dir)) == 1
    assert not (load(sessions_dir, original).path.parent / PIXEL.file).exists()


@pytest.mark.parametrize(
    "reference",
    [
        "../../0001-a.txt",
        "outputs/../0001-a.txt",
        "outputs/0001-a/b.txt",
        "session.yaml",
        ".lock",
        "outputs/0001-..",
        "/0001-a.txt",
    ],
)
def test_paths_that_aloop_does_not_make_are_not_written(
    backup: Path, original: Session, sessions_dir: Path, reference: str
) -> None:
    name = original.messages[2].output_file or ""
    change(backup, name, {"text": "bad"}, reference)
    assert run("import", str(backup), "--sessions-dir", str(sessions_dir)) == 1
    folder = load(sessions_dir, original).path.parent
    assert "bad" not in [path.read_text("latin-1") for path in sessions_dir.parent.parent.rglob("*") if path.is_file()]
    assert not (folder / "outputs").exists()


def test_files_that_no_message_names_are_not_written(backup: Path, original: Session, sessions_dir: Path) -> None:
    change(backup, "outputs/0009-other-aaaaaaaa.txt", {"text": "other"})
    assert run("import", str(backup), "--sessions-dir", str(sessions_dir)) == 0
    assert_is_restored(sessions_dir, original)


def test_output_that_is_not_text_is_in_the_backup(original: Session, sessions_dir: Path, tmp_path: Path) -> None:
    output_of(original).write_bytes(b"\xff\x00 changed")
    path = tmp_path / "talk.json"
    path.write_text(render(original, "json"), "utf-8")
    assert run("import", str(path), "--sessions-dir", str(sessions_dir)) == 0
    assert output_of(load(sessions_dir, original)).read_bytes() == b"\xff\x00 changed"


def test_archive_with_a_session_that_lacks_files_is_refused(original: Session, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.write(original.path, "session.yaml")
    scan = Scan(Selection())
    assert list(scan.read([tmp_path / "all.zip"])) == []
    assert "unpack it" in next(iter(scan.problems))
