"""Exports resumed and imports written by the programs themselves.

The programs talk to a stub of their API.

They run only if ``ALOOP_AGENTS_BIN`` names a folder with the programs, such as ``node_modules/.bin`` after
``npm install @anthropic-ai/claude-code @openai/codex opencode-ai @mariozechner/pi-coding-agent``. goose, which aloop
only imports, is in the package ``@aaif/goose-binary-linux-x64``; its tests also need ``goose`` in that folder.
"""

from __future__ import annotations

import base64
import json
import os
import shlex
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from aloop.export.targets import deliver, to_tool
from aloop.export.tools.target import ToolExport
from aloop.importers.imported import Imported
from aloop.importers.places import files_of
from aloop.importers.run import Scan, Selection
from aloop.importers.storing.store import ImportStore
from aloop.llm.content.parts import part_of
from aloop.llm.json_values import JsonObject
from aloop.llm.message_types import LLMMessage, ThinkingBlock, ToolCall
from aloop.memory.disk.filesystem import SYSTEM
from aloop.memory.session import Session
from aloop.memory.session_folder.media import keep_media
from tests.importers.test_round_trip import session_of
from tests.memory.test_parts import PIXEL
from tests.stub import Answer, StubServer, Text, ToolUse

BIN = os.environ.get("ALOOP_AGENTS_BIN", "")
TIMEOUT = 180
MODEL = "claude-sonnet-4-5"

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not BIN, reason="ALOOP_AGENTS_BIN is not set")]
needs_goose = pytest.mark.skipif(not Path(BIN, "goose").exists(), reason="goose is not in ALOOP_AGENTS_BIN")

CALLS = (
    ToolCall("call_1", "read_file", '{"path": "notes.txt", "at": 12345678901234567890123}'),
    ToolCall("call.2", "mcp.run it", '{"command": "exit 3"}'),
)
TALK = session_of(
    (
        LLMMessage("user", "Read notes.txt, ünï 👩‍👧", parts=(part_of(PIXEL),)),
        LLMMessage("assistant", "I look.", CALLS, thinking=(ThinkingBlock("Hm", "c2ln"),), model=MODEL),
        LLMMessage("tool", "", tool_call_id="call.2", name="mcp.run it", is_error=True),
        LLMMessage("tool", "the magic word is xyzzy", tool_call_id="call_1", name="read_file"),
        LLMMessage("assistant", "It contains xyzzy.", model=MODEL),
        LLMMessage("user", "Forget this", skip=True),
        LLMMessage("assistant", "Forgotten.", skip=True, model=MODEL),
        LLMMessage("user", "Words of a tool", extra=JsonObject({"foreign": {"injected": True}})),
        LLMMessage("assistant", "I see.", model=MODEL),
        LLMMessage("user", "Wait"),
        LLMMessage("assistant", "Half an ans", interrupted=True, model=MODEL),
    )
)
ORDERED = (
    "Read notes.txt",
    "I look.",
    "notes.txt",
    "the magic word is xyzzy",
    "It contains xyzzy.",
    "Wait",
    "And now?",
)
ANYWHERE = ("ünï 👩‍👧", "mcp_run_it", "exit 3", "The tool failed and gave no reason.", "Half an ans", "Words of a tool")
IMAGE = base64.b64encode(PIXEL.data).decode()


class Responses(BaseHTTPRequestHandler):
    """Answers each request of the Responses API, and records it."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        server: Any = self.server
        server.requests.append(json.loads(body))
        items = server.script.pop(0) if server.script else [said("Xyzzy.")]
        usage: dict[str, Any] = {"input_tokens": 9, "output_tokens": 3, "total_tokens": 12}
        details: dict[str, Any] = {
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens_details": {"reasoning_tokens": 0},
        }
        done = {"id": "resp_1", "status": "completed", "output": items, "usage": {**usage, **details}}
        events: list[dict[str, Any]] = [{"type": "response.created", "response": {"id": "resp_1"}}]
        for index, item in enumerate(items):
            events.append({"type": "response.output_item.done", "output_index": index, "item": item})
        events.append({"type": "response.completed", "response": done})
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for event in events:
            self.wfile.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        pass


def said(text: str) -> dict[str, Any]:
    content = [{"type": "output_text", "text": text, "annotations": []}]
    return {"type": "message", "role": "assistant", "id": "msg_1", "status": "completed", "content": content}


@pytest.fixture
def responses() -> Iterator[Any]:
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Responses)
    server.requests, server.script = [], []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def project(private_home: Path) -> Path:
    """The working directory of the programs."""
    folder = private_home / "project"
    folder.mkdir()
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    (folder / "notes.txt").write_text("the magic word is xyzzy")
    (folder / "dot.png").write_bytes(PIXEL.data)
    return folder


@pytest.fixture
def talk(project: Path) -> Session:
    """The session that is exported."""
    backend = ImportStore(project / ".aloop/sessions").backend
    backend.create(TALK)
    keep_media(SYSTEM, backend.sessions_dir / backend.locate(TALK.id).folder, PIXEL)
    return backend.open(TALK.id).session


@dataclass
class Program:
    """A program and how it is called.

    ``resumed`` returns the arguments for the session of an export, ``shown`` those for an image and a prompt.
    ``answer`` makes the next answer a text and parallel shell commands. ``requests`` are those that it has sent.
    """

    tool: str
    first: tuple[str, ...]
    again: tuple[str, ...]
    resumed: Callable[[ToolExport, Path], tuple[str, ...]]
    shown: Callable[[str], tuple[str, ...]]
    answer: Callable[..., None]
    requests: Callable[[], list[Any]]
    env: dict[str, str] = field(default_factory=dict)


def last_word(exported: ToolExport) -> str:
    return exported.command.split()[-1]


def of_claude_code(project: Path, stub: StubServer) -> Program:
    env = {"ANTHROPIC_BASE_URL": stub.env["ANTHROPIC_BASE_URL"], "ANTHROPIC_API_KEY": "key"}
    env |= {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1"}
    first = ("claude", "--allowedTools", "Bash", "-p")
    return Program(
        "claude-code",
        first,
        (*first, "--continue"),
        lambda exported, _: (*first, "--resume", last_word(exported)),
        lambda prompt: (f"{prompt} @dot.png",),
        commands_of(stub, "Bash", description="run"),
        lambda: [request.body.get("messages") for request in stub.requests],
        env,
    )


def of_codex(project: Path, responses: Any) -> Program:
    home = Path.home() / ".codex"
    home.mkdir()
    (home / "config.toml").write_text(
        'model = "gpt-x"\nmodel_provider = "stub"\n[model_providers.stub]\nname = "stub"\nwire_api = "responses"\n'
        f'base_url = "http://127.0.0.1:{responses.server_port}/v1"\n'
    )

    def answer(text: str, *commands: str) -> None:
        calls = [
            {
                "type": "function_call",
                "call_id": f"c{number}",
                "name": "exec_command",
                "arguments": json.dumps({"cmd": each}),
            }
            for number, each in enumerate(commands)
        ]
        responses.script.append([said(text), *calls])

    first = ("codex", "exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox")
    return Program(
        "codex",
        first,
        (*first, "resume", "--last"),
        lambda exported, _: (*first, "resume", last_word(exported)),
        lambda prompt: ("-i", str(project / "dot.png"), "--", prompt),
        answer,
        lambda: [request.get("input") for request in responses.requests],
    )


def of_opencode(project: Path, stub: StubServer) -> Program:
    options = {"baseURL": f"{stub.env['ANTHROPIC_BASE_URL']}/v1", "apiKey": "key"}
    media = {"input": ["text", "image"], "output": ["text"]}
    model = {"name": MODEL, "attachment": True, "modalities": media, "limit": {"context": 100_000, "output": 1_000}}
    config = {
        "autoupdate": False,
        "share": "disabled",
        "model": f"anthropic/{MODEL}",
        "agent": {"title": {"disable": True}},
        "small_model": f"anthropic/{MODEL}",
        "provider": {"anthropic": {"options": options, "models": {MODEL: model}}},
    }
    (project / "opencode.json").write_text(json.dumps(config))
    env = {"OPENCODE_DISABLE_MODELS_FETCH": "1", "OPENCODE_DISABLE_AUTOUPDATE": "1"}
    first = ("opencode", "run", "--auto", "--title", "A talk", "--model", f"anthropic/{MODEL}")

    def resumed(exported: ToolExport, path: Path) -> tuple[str, ...]:
        imports, _, resumes = exported.command_for(path).partition(" && ")
        run(project, *shlex.split(imports), **env)
        assert resumes == f"opencode --session {last_word(exported)}"
        return (*first, "--session", last_word(exported))

    return Program(
        "opencode",
        first,
        (*first, "--continue"),
        resumed,
        lambda prompt: ("-f", str(project / "dot.png"), "--", prompt),
        commands_of(stub, "bash", description="run"),
        lambda: [request.body.get("messages") for request in stub.requests],
        env,
    )


def of_pi(project: Path, stub: StubServer) -> Program:
    folder = Path.home() / ".pi/agent"
    folder.mkdir(parents=True)
    model = {"id": MODEL, "name": MODEL, "contextWindow": 100_000, "maxTokens": 1_000, "input": ["text", "image"]}
    provider = {"baseUrl": stub.env["ANTHROPIC_BASE_URL"], "apiKey": "key", "api": "anthropic-messages"}
    (folder / "models.json").write_text(json.dumps({"providers": {"stub": {**provider, "models": [model]}}}))
    first = ("pi", "--provider", "stub", "--model", MODEL, "-p")
    return Program(
        "pi",
        first,
        (*first, "--continue"),
        lambda _, path: (*first, "--session", str(path)),
        lambda prompt: (f"@{project / 'dot.png'}", prompt),
        commands_of(stub, "bash"),
        lambda: [request.body.get("messages") for request in stub.requests],
        {"PI_OFFLINE": "1"},
    )


def commands_of(stub: StubServer, tool: str, **arguments: str) -> Callable[..., None]:
    def answer(text: str, *commands: str) -> None:
        stub.script(Answer(Text(text), *(ToolUse(tool, {"command": each, **arguments}) for each in commands)))

    return answer


@pytest.fixture(params=["claude-code", "codex", "opencode", "pi"])
def program(request: pytest.FixtureRequest, project: Path, stub: StubServer, responses: Any) -> Program:
    match request.param:
        case "claude-code":
            return of_claude_code(project, stub)
        case "codex":
            return of_codex(project, responses)
        case "opencode":
            return of_opencode(project, stub)
    return of_pi(project, stub)


def run(project: Path, *command: str, **variables: str) -> str:
    """Run a program and return its output; it must succeed."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("CLAUDE", "ANTHROPIC", "OPENAI"))}
    done = subprocess.run(
        [f"{BIN}/{command[0]}", *command[1:]],
        cwd=project,
        env={**kept, "HOME": str(Path.home()), "PWD": str(project), **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def require_history(requests: list[Any], anywhere: tuple[str, ...]) -> None:
    """Require that one request contains the whole conversation, in its order."""
    texts = [json.dumps(request, ensure_ascii=False) for request in requests]
    assert any(_in_order(text) and all(each in text for each in anywhere) for text in texts), texts[-1:]
    assert not any("Forget" in text for text in texts)


def _in_order(text: str) -> bool:
    place = 0
    for expected in ORDERED:
        place = text.find(expected, place)
        if place < 0:
            return False
    return True


def require_return(project: Path, tool: str, actions: list[str]) -> None:
    """Require that imports add the new turn to the session, and only once."""
    store = ImportStore(project / ".aloop/sessions")
    paths = files_of(tool, project)
    for expected in (actions, ["exported" for _ in actions]):
        outcomes = [
            ImportStore(store.sessions_dir).put(imported) for imported in Scan(Selection(form=tool)).read(paths)
        ]
        assert sorted(outcome.action for outcome in outcomes) == expected, outcomes
        assert {outcome.session_id for outcome in outcomes} == {TALK.id}
    messages = store.backend.open(TALK.id).session.messages
    count = len(TALK.messages)
    assert messages[:count] == TALK.messages
    sent = [message for message in messages[count:] if not message.skip]
    assert [message.role for message in sent] == ["system", "user", "assistant"]
    assert (sent[1].content or "").strip('"') == "And now?"  # opencode adds quotation marks


def test_program_continues_an_export_that_comes_back(program: Program, project: Path, talk: Session) -> None:
    exports = [to_tool(talk, program.tool, project) for _ in range(2)]
    paths = [deliver(exported, project / ".aloop/sessions") for exported in exports]
    run(project, *program.resumed(exports[0], paths[0]), "And now?", **program.env)
    require_history(program.requests(), (*ANYWHERE, IMAGE))
    assert paths[1].read_text("utf-8") == exports[1].text
    # opencode has only what it has imported.
    require_return(project, program.tool, ["updated"] if program.tool == "opencode" else ["exported", "updated"])


def imported_of(tool: str, project: Path) -> Imported:
    """Return the only session of a tool, of which nothing is damaged."""
    scan = Scan(Selection(folders=(project,)))
    [imported] = scan.read(files_of(tool, project))
    assert not scan.is_partial
    assert (imported.tool, imported.cwd) == (tool, str(project))
    return imported


def require_talk(imported: Imported, commands: tuple[str, ...]) -> None:
    """Require two questions, and parallel commands of which the last fails."""
    sent = [replace(each, content=(each.content or "").strip('"')) for each in imported.messages if not each.skip]
    texts = [each.content or "" for each in sent if each.role in ("user", "assistant") and each.content]
    ordered = ["Read notes.txt", "I look.", "It contains xyzzy.", "And now?", "Xyzzy."]
    assert [found for found in ordered if any(found in text for text in texts)] == ordered
    assert texts[-4:] == ordered[1:]
    made = [call for each in imported.messages for call in each.tool_calls]
    assert (
        tuple(json.loads(call.arguments).get("command") or json.loads(call.arguments)["cmd"] for call in made)
        == commands
    )
    results = {each.tool_call_id: each for each in imported.messages if each.role == "tool"}
    seen, failed = (results[call.id] for call in made)
    assert ("xyzzy" in (seen.content or ""), seen.is_error, failed.is_error) == (True, False, True)


COMMANDS = ("cat notes.txt", "exit 3")


@pytest.fixture
def lenient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let programs send questions one after another, as the API does."""
    monkeypatch.setattr("tests.stub.server.complaint", lambda *_: None)


@pytest.mark.usefixtures("lenient")
def test_session_that_a_program_wrote_is_imported_in_full(program: Program, project: Path) -> None:
    program.answer("I look.", *COMMANDS)
    program.answer("It contains xyzzy.")
    program.answer("Xyzzy.")
    run(project, *program.first, *program.shown("Read notes.txt"), **program.env)
    run(project, *program.again, "And now?", **program.env)
    imported = imported_of(program.tool, project)
    require_talk(imported, COMMANDS)
    images = [part.file for each in imported.messages for part in each.parts if not each.skip]
    assert images == [PIXEL.file]
    assert imported.files == {PIXEL.file: PIXEL.data}


@pytest.mark.usefixtures("lenient")
@pytest.mark.parametrize("program", ["claude-code", "opencode"], indirect=True)
def test_output_that_a_program_wrote_beside_its_session_is_imported_in_full(program: Program, project: Path) -> None:
    program.answer("I count.", "seq 1 20000")
    program.answer("Done.")
    run(project, *program.first, "Count", **program.env)
    imported = imported_of(program.tool, project)
    [result] = [message for message in imported.messages if message.role == "tool"]
    assert (result.content or "").split() == [str(number) for number in range(1, 20_001)]
    assert result.extra["foreign"].keys() == {"output_file"}


def goose_env(stub: StubServer) -> dict[str, str]:
    env = {"ANTHROPIC_HOST": stub.env["ANTHROPIC_BASE_URL"], "ANTHROPIC_API_KEY": "key", "GOOSE_DISABLE_KEYRING": "1"}
    return env | {"GOOSE_PROVIDER": "anthropic", "GOOSE_MODEL": MODEL, "GOOSE_MODE": "auto"}


@needs_goose
@pytest.mark.usefixtures("lenient")
def test_session_that_goose_wrote_is_imported_in_full(project: Path, stub: StubServer) -> None:
    env = goose_env(stub)
    first, second = (ToolUse("shell", {"command": command}) for command in COMMANDS)
    stub.script(Answer(Text("I look."), first), second, Text("It contains xyzzy."), Text("Xyzzy."))
    for flags, prompt in (((), "Read notes.txt"), (("-r",), "And now?")):
        run(project, "goose", "run", "--name", "talk", *flags, "--with-builtin", "developer", "-t", prompt, **env)
    imported = imported_of("goose", project)
    assert (imported.title, imported.model) == ("talk", MODEL)
    assert not imported.losses
    require_talk(imported, COMMANDS)


@needs_goose
@pytest.mark.usefixtures("lenient")
@pytest.mark.parametrize("tool", ["claude-code", "pi"])
def test_goose_continues_an_export_for_another_program(
    project: Path, talk: Session, stub: StubServer, tool: str
) -> None:
    env = goose_env(stub)
    path = deliver(to_tool(talk, tool, project), project / ".aloop/sessions", project / "talk.jsonl")
    run(project, "goose", "session", "import", str(path), **env)
    run(project, "goose", "run", "-r", "--with-builtin", "developer", "-t", "And now?", **env)
    require_history([request.body.get("messages") for request in stub.requests], ANYWHERE)
    texts = [each.content for each in imported_of("goose", project).messages if not each.skip]
    # Claude Code has a message for the interruption.
    assert "Half an ans" in texts[-4 if tool == "claude-code" else -3 :]
