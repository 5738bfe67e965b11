"""``aloop lsp`` as a process, driven by a scripted editor."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("pygls", reason="pygls is not installed")

from aloop.llm.message_types import LLMMessage
from aloop.memory import MemoryManager, SessionLibrary
from aloop.memory.trust_file import TrustFile
from tests.lsp.editor import ROOT, Json, Refused, connected
from tests.lsp.sessions import BROKEN, CHAT, CONFLICT, HEAD, ID, line_of, write
from tests.saved_sessions import open_elsewhere, trust


async def found_by_check(sessions_dir: Path, path: Path) -> list[tuple[int, str]]:
    """Return the line, counted from 0, and the message of each finding about a text."""
    findings = await SessionLibrary(sessions_dir).check()
    return [(finding.line - 1, finding.message) for finding in findings if finding.line and finding.path == path]


def on(line: int, column: int) -> Json:
    return {"line": line, "character": column}


def shown(diagnostics: list[Json]) -> list[tuple[int, str]]:
    return [(each["range"]["start"]["line"], each["message"]) for each in diagnostics]


async def test_diagnostics_are_the_findings_of_check(sessions_dir: Path) -> None:
    unclosed = CHAT.replace("role: user", 'role: "user', 1)
    texts = [BROKEN, CONFLICT, unclosed, CHAT + "\0\0", "", "id: [", "{" + HEAD, CHAT.replace("Thanks", "\x01")]
    async with connected() as editor:
        for number, text in enumerate(texts):
            path = write(sessions_dir, text, f"2025-01-31_{number:08}")
            diagnostics = await editor.diagnostics(editor.open(path))
            assert shown(diagnostics) == await found_by_check(sessions_dir, path)
            assert {each["source"] for each in diagnostics} == {"aloop"}


async def test_sound_session_has_no_diagnostics_and_no_write(sessions_dir: Path) -> None:
    path = write(sessions_dir)
    before = sorted((each, each.stat().st_mtime_ns) for each in sessions_dir.rglob("*"))
    async with connected() as editor:
        assert await editor.diagnostics(editor.open(path)) == []
    assert sorted((each, each.stat().st_mtime_ns) for each in sessions_dir.rglob("*")) == before


async def test_diagnostics_follow_what_is_typed(sessions_dir: Path) -> None:
    path = write(sessions_dir)
    async with connected() as editor:
        uri = editor.open(path)
        assert await editor.diagnostics(uri) == []
        line = line_of(CHAT, "role: assistant")
        place = {"line": line, "character": 10}
        editor.change(uri, {"range": {"start": place, "end": place}, "text": "x"})
        (found,) = await editor.diagnostics(uri)
        assert found["message"].startswith("unknown role 'xassistant'")
        assert (found["severity"], found["range"]["start"]) == (1, place)
        editor.change(uri, {"range": {"start": place, "end": {"line": line, "character": 11}}, "text": ""})
        assert await editor.diagnostics(uri) == []
    assert path.read_text() == CHAT


async def test_many_changes_at_once_are_made_in_their_order(sessions_dir: Path) -> None:
    path = write(sessions_dir)
    async with connected() as editor:
        uri = editor.open(path)
        line = line_of(CHAT, "漢字")
        editor.change(
            uri,
            {"range": {"start": on(line, 13), "end": on(line, 15)}, "text": "🎈🎈"},
            {"range": {"start": on(line, 17), "end": on(line, 17)}, "text": '" # '},
            {"range": {"start": on(line, 13), "end": on(line, 13)}, "text": '"'},
        )
        assert await editor.diagnostics(uri) == []
        outline = await editor.about(uri, "documentSymbol")
        assert outline[0]["name"] == "🎈🎈"


@pytest.mark.parametrize(("encodings", "column"), [((), 18), (("utf-8", "utf-16"), 24), (("utf-32",), 17)])
async def test_columns_after_wide_characters_are_in_the_units_agreed_on(
    encodings: tuple[str, ...], column: int, sessions_dir: Path
) -> None:
    path = write(sessions_dir, BROKEN)
    async with connected(encodings=encodings) as editor:
        first = (await editor.diagnostics(editor.open(path)))[0]
        assert editor.capabilities["positionEncoding"] == (encodings[0] if encodings else "utf-16")
    assert first["range"]["start"] == {"line": line_of(BROKEN, "漢字"), "character": column}


async def test_findings_beside_the_text_are_at_its_start(sessions_dir: Path) -> None:
    path = write(sessions_dir)
    copy = path.parent / "session (conflicted copy).yaml"
    copy.write_text(CHAT)
    path.parent.chmod(0o755)
    async with connected() as editor:
        uri = editor.open(path)
        found = [
            each for each in await SessionLibrary(sessions_dir).check() if path.parent in (each.path, each.path.parent)
        ]
        start = {"start": on(0, 0), "end": on(0, 0)}
        wanted = [
            {"range": start, "message": f"{each.path.name}: {each.message}", "severity": 2, "source": "aloop"}
            for each in found
        ]
        assert [each.path for each in found] == [path.parent, copy]
        await editor.received("textDocument/publishDiagnostics", uri=uri, diagnostics=wanted)
        path.parent.chmod(0o700)
        editor.notify("textDocument/didSave", {"textDocument": {"uri": uri}})
        await editor.received("textDocument/publishDiagnostics", uri=uri, diagnostics=wanted[1:])


async def test_version_in_git_is_checked_but_not_as_the_file(sessions_dir: Path) -> None:
    path = write(sessions_dir)
    path.chmod(0o644)
    async with connected() as editor:
        uri = f"git:{path}?main"
        item = {"uri": uri, "languageId": "yaml", "version": 1, "text": BROKEN}
        editor.notify("textDocument/didOpen", {"textDocument": item})
        found = await editor.received("textDocument/publishDiagnostics", uri=uri)
        assert len(found["diagnostics"]) == 5
        titles = [each["title"] for each in await editor.actions(uri, line_of(BROKEN, "漢字"))]
        assert "Skip messages 1-2" in titles
        assert not [title for title in titles if title.startswith("Fork")]


async def test_other_yaml_files_get_nothing(tmp_path: Path, sessions_dir: Path) -> None:
    other = tmp_path / "docker-compose.yaml"
    other.write_text("services: [\n")
    async with connected() as editor:
        uri = editor.open(other)
        assert await editor.about(uri, "foldingRange") is None
        assert await editor.at(uri, "hover", 0) is None
        assert await editor.actions(uri, 0) is None
        # The messages of the server are in order: this one comes after all that it would have sent about the other.
        session = editor.open(write(sessions_dir))
        await editor.diagnostics(session)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await editor.received("textDocument/publishDiagnostics", uri=uri)


async def test_chosen_actions_change_the_text_in_the_editor_only(sessions_dir: Path) -> None:
    path = write(sessions_dir)
    async with connected() as editor:
        uri = editor.open(path)
        (skip, *_) = await editor.actions(uri, line_of(CHAT, "line one"))
        assert skip["title"] == "Skip messages 2-4"
        await editor.choose(uri, skip)
        assert editor.texts[uri].count("    skip: true\n") == 3
        assert await editor.diagnostics(uri) == []
        (unskip, *_) = await editor.actions(uri, line_of(CHAT, "line one"))
        assert unskip["title"] == "Unskip messages 2-4"
        await editor.choose(uri, unskip)
        assert editor.texts[uri] == CHAT
    assert path.read_text() == CHAT
    assert [each.name for each in path.parent.iterdir()] == ["session.yaml"]


async def test_note_is_added_and_selected(sessions_dir: Path) -> None:
    path = write(sessions_dir)
    async with connected() as editor:
        uri = editor.open(path)
        note = next(each for each in await editor.actions(uri, line_of(CHAT, "漢字")) if "note" in each["title"])
        command = (await editor.choose(uri, note))["command"]
        await editor.request("workspace/executeCommand", {key: command[key] for key in ("command", "arguments")})
        selection = (await editor.received("window/showDocument", uri=uri))["selection"]
        line = editor.texts[uri].splitlines()[selection["start"]["line"]]
        assert line == '    note: "Write your note here"'
        selected = line[selection["start"]["character"] : selection["end"]["character"]]
        assert selected == "Write your note here"


async def test_fix_in_the_editor_is_what_check_would_write(sessions_dir: Path) -> None:
    path = write(sessions_dir, BROKEN)
    async with connected() as editor:
        uri = editor.open(path)
        context = await editor.diagnostics(uri)
        fix = (await editor.actions(uri, line_of(BROKEN, "- role: assistant"), diagnostics=context))[0]
        assert fix["kind"] == "quickfix"
        await editor.choose(uri, fix)
        fixed = editor.texts[uri]
    assert path.read_text() == BROKEN
    await SessionLibrary(sessions_dir).check(fix=True)
    assert path.read_text() == fixed


async def test_action_of_an_older_version_is_refused(sessions_dir: Path) -> None:
    async with connected() as editor:
        uri = editor.open(write(sessions_dir))
        (skip, *_) = await editor.actions(uri, line_of(CHAT, "漢字"))
        editor.retype(uri, "# new\n" + CHAT)
        with pytest.raises(Refused, match="The text has changed") as refused:
            await editor.choose(uri, skip)
    assert refused.value.code == -32801


async def test_editor_that_cannot_ask_again_gets_edits_at_once(sessions_dir: Path) -> None:
    async with connected(textDocument={}, workspace={}, window={}) as editor:
        uri = editor.open(write(sessions_dir))
        skip, note, *_ = await editor.actions(uri, line_of(CHAT, "漢字"))
        assert list(skip["edit"]["changes"]) == [uri]
        assert "command" not in note
        assert (await editor.at(uri, "hover", 8))["contents"]["kind"] == "plaintext"


async def fork_action(editor_actions: list[Json]) -> Json:
    (command,) = [each["command"] for each in editor_actions if each["title"].startswith("Fork")]
    return {key: command[key] for key in ("command", "arguments")}


async def test_fork_makes_a_session_and_reports_its_id(sessions_dir: Path) -> None:
    trust(ID)
    path = write(sessions_dir)
    async with connected() as editor:
        uri = editor.open(path)
        command = await fork_action(await editor.actions(uri, line_of(CHAT, "line one")))
        made = await editor.request("workspace/executeCommand", command)
        said = (await editor.received("window/showMessage", type=3))["message"]
    fork = await SessionLibrary(sessions_dir).load(made["id"])
    assert str(fork.path) == made["path"]
    assert fork.forked_from == ID
    assert [message.role for message in fork.messages] == ["user", "assistant", "tool", "tool"]
    assert said == (
        f"Session {fork.id[:8]} is a fork of a1b2c3d4 up to message 4, not 3, to keep a tool call with its results. "
        f"Run `aloop --resume {fork.id[:8]}` to continue it."
    )
    assert path.read_text() == CHAT
    assert TrustFile.of_user().wrote(fork.id)


async def test_fork_of_a_session_from_elsewhere_is_not_trusted(sessions_dir: Path) -> None:
    path = write(sessions_dir)
    async with connected() as editor:
        uri = editor.open(path)
        command = await fork_action(await editor.actions(uri, line_of(CHAT, "Thanks")))
        made = await editor.request("workspace/executeCommand", command)
    assert not TrustFile.of_user().knows_session(made["id"])


async def test_fork_of_a_copied_folder_takes_the_copy(sessions_dir: Path) -> None:
    write(sessions_dir)
    copy = write(sessions_dir, CHAT.replace("Thanks", "From the copy"), "copy of it")
    async with connected() as editor:
        uri = editor.open(copy)
        command = await fork_action(await editor.actions(uri, line_of(CHAT, "Thanks")))
        made = await editor.request("workspace/executeCommand", command)
    fork = await SessionLibrary(sessions_dir).load(made["id"])
    assert fork.messages[-1].content == "From the copy"


async def test_fork_of_unsaved_text_is_refused_and_makes_nothing(sessions_dir: Path) -> None:
    path = write(sessions_dir)
    async with connected() as editor:
        uri = editor.open(path, CHAT.replace("Thanks", "Thank you"))
        command = await fork_action(await editor.actions(uri, line_of(CHAT, "Thanks")))
        with pytest.raises(Refused, match=r"has unsaved changes\. Save it first") as refused:
            await editor.request("workspace/executeCommand", command)
    assert refused.value.code == -32803
    assert [each.name for each in sessions_dir.iterdir() if each.is_dir()] == [path.parent.name]


async def test_session_in_use_by_a_shell_can_be_viewed_and_forked(sessions_dir: Path) -> None:
    path = write(sessions_dir)
    with open_elsewhere(sessions_dir, ID):
        async with connected() as editor:
            uri = editor.open(path)
            assert await editor.diagnostics(uri) == []
            command = await fork_action(await editor.actions(uri, line_of(CHAT, "Thanks")))
            assert await editor.request("workspace/executeCommand", command)
    assert path.read_text() == CHAT


async def test_saved_edit_reaches_the_shell_that_has_the_session_open(sessions_dir: Path) -> None:
    path = write(sessions_dir)
    memory = MemoryManager(sessions_dir=sessions_dir, hold=True)
    await memory.resume(ID)
    async with connected() as editor:
        uri = editor.open(path)
        (skip, *_) = await editor.actions(uri, line_of(CHAT, "漢字"))
        await editor.choose(uri, skip)
        path.write_text(editor.texts[uri])  # the editor saves
    async with memory.turn() as turn:
        await turn.add(LLMMessage("user", "More"))
        await turn.add(LLMMessage("assistant", "Yes"))
    memory.close()
    assert memory.messages[0].skip
    assert path.read_text().count("skip: true") == 5  # the question with its answers


async def test_other_documents_answer_while_one_is_parsed(sessions_dir: Path) -> None:
    block = "  - role: tool\n    content: |\n" + "      漢字 some text in a line\n" * 50
    big = write(sessions_dir, HEAD + block * 2_000, "big")
    small = write(sessions_dir)
    async with connected() as editor:
        slow, fast = editor.open(big), editor.open(small)
        slow_folds = asyncio.ensure_future(editor.about(slow, "foldingRange"))
        assert await editor.at(fast, "hover", 5)
        assert not slow_folds.done()
        assert len(await slow_folds) == 4_001


async def test_canceled_request_does_not_cancel_the_parse_that_others_wait_for(sessions_dir: Path) -> None:
    block = "  - role: user\n    content: |\n" + "      some text in a line\n" * 50
    path = write(sessions_dir, HEAD + block * 2_000)
    async with connected() as editor:
        uri = editor.open(path)
        canceled = asyncio.ensure_future(editor.about(uri, "foldingRange"))
        await asyncio.sleep(0)  # it is sent
        editor.notify("$/cancelRequest", {"id": editor.last_id})
        with pytest.raises(Refused) as refused:
            await canceled
        assert refused.value.code == -32800
        assert len(await editor.about(uri, "foldingRange")) == 4_001


async def test_closed_document_loses_its_diagnostics(sessions_dir: Path) -> None:
    async with connected() as editor:
        uri = editor.open(write(sessions_dir, BROKEN))
        assert await editor.diagnostics(uri)
        editor.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
        assert "version" not in await editor.received("textDocument/publishDiagnostics", uri=uri, diagnostics=[])
        assert await editor.about(uri, "foldingRange") is None


def served(text: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the server with this input."""
    return subprocess.run(
        [sys.executable, "-m", "aloop", "lsp", *options],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        input=text,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def frame(**message: object) -> str:
    body = json.dumps({"jsonrpc": "2.0", **message})
    return f"Content-Length: {len(body)}\r\n\r\n{body}"


def test_end_of_input_without_shutdown_is_a_failure_without_a_traceback() -> None:
    done = served("", "--stdio")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")


def test_output_is_the_protocol_only() -> None:
    initialize = frame(id=1, method="initialize", params={"processId": None, "rootUri": None, "capabilities": {}})
    done = served(initialize + frame(id=2, method="shutdown") + frame(method="exit"))
    assert done.returncode == 0
    assert done.stdout.startswith("Content-Length: ")
    assert done.stdout.count("Content-Length: ") == 2


def test_invalid_settings_are_reported_before_the_start(private_home: Path) -> None:
    config = private_home / ".config" / "aloop" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text("model = [\n")
    done = served("")
    assert done.returncode == 2
    assert "config.toml" in done.stderr


def test_terminal_gets_a_hint_about_editors() -> None:
    import pty  # not needed by the other tests

    leader, follower = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "aloop", "lsp"],
        stdin=follower,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        text=True,
    ) as process:
        os.close(follower)
        assert process.stderr is not None
        assert process.stderr.readline().startswith("Waiting for an editor on standard input.")
        os.close(leader)
        assert process.wait(60) == 1
