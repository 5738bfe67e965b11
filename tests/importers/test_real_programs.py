"""Exports resumed and imports written by the programs themselves.

The programs talk to a stub of their API.

They run only if ``ALOOP_AGENTS_BIN`` names a folder with the programs, such as ``node_modules/.bin`` after
``npm install @anthropic-ai/claude-code @openai/codex opencode-ai @mariozechner/pi-coding-agent``. goose, which aloop
only imports, is in the package ``@aaif/goose-binary-linux-x64``; its test also needs ``goose`` in that folder.
"""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from aloop.export.targets import deliver, to_tool
from aloop.importers.places import files_of
from aloop.importers.run import Scan, Selection
from aloop.importers.store import ImportStore
from aloop.llm.message_types import LLMMessage, ToolCall
from tests.importers.test_round_trip import session_of
from tests.stub import Answer, StubServer, Text, ToolUse

BIN = os.environ.get("ALOOP_AGENTS_BIN", "")
TIMEOUT = 180
MODEL = "claude-sonnet-4-5"

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not BIN, reason="ALOOP_AGENTS_BIN is not set")]

TALK = session_of(
    (
        LLMMessage("user", "Read notes.txt"),
        LLMMessage("assistant", "I look.", (ToolCall("call_1", "read_file", '{"path": "notes.txt"}'),), model=MODEL),
        LLMMessage("tool", "the magic word is xyzzy", tool_call_id="call_1", name="read_file"),
        LLMMessage("assistant", "It contains xyzzy.", model=MODEL),
    )
)
EXPECTED = ("Read notes.txt", "I look.", "notes.txt", "the magic word is xyzzy", "It contains xyzzy.", "And now?")


@pytest.fixture
def project(private_home: Path) -> Path:
    """The working directory of the programs."""
    folder = private_home / "project"
    folder.mkdir()
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    return folder


class Responses(BaseHTTPRequestHandler):
    """Answers each request of the Responses API, and records it."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.server.requests.append(json.loads(body))  # type: ignore[attr-defined] # set by the fixture
        text: dict[str, Any] = {"type": "message", "role": "assistant", "id": "msg_1", "status": "completed"}
        item: dict[str, Any] = {**text, "content": [{"type": "output_text", "text": "Xyzzy.", "annotations": []}]}
        usage: dict[str, Any] = {"input_tokens": 9, "output_tokens": 3, "total_tokens": 12}
        details: dict[str, Any] = {
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens_details": {"reasoning_tokens": 0},
        }
        done = {"id": "resp_1", "status": "completed", "output": [item], "usage": {**usage, **details}}
        events: list[dict[str, Any]] = [
            {"type": "response.created", "response": {"id": "resp_1"}},
            {"type": "response.output_item.done", "output_index": 0, "item": item},
            {"type": "response.completed", "response": done},
        ]
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for event in events:
            self.wfile.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        pass


@pytest.fixture
def responses() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Responses)
    server.requests = []  # type: ignore[attr-defined] # read by the handler
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


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


def require_history(requests: list[Any]) -> None:
    """Require that one request contains the whole conversation, in its order."""
    texts = [json.dumps(request) for request in requests]
    assert any(_in_order(text) for text in texts), texts[-1:]


def _in_order(text: str) -> bool:
    place = 0
    for expected in EXPECTED:
        place = text.find(expected, place)
        if place < 0:
            return False
    return True


def require_return(project: Path, tool: str) -> None:
    """Require that imports add the new turn to the session, and only once."""
    store = ImportStore(project / ".aloop/sessions")
    store.backend.create(TALK)
    paths = files_of(tool, project)
    for expected in ("updated", "exported"):
        [imported] = Scan(Selection(form=tool)).read(paths)
        outcome = ImportStore(store.sessions_dir).put(imported)
        assert (outcome.action, outcome.session_id) == (expected, TALK.id), (outcome, imported)
    messages = store.backend.open(TALK.id).session.messages
    assert messages[:4] == TALK.messages
    sent = [message for message in messages[4:] if not message.skip]
    assert [message.role for message in sent] == ["system", "user", "assistant"]
    assert (sent[1].content or "").strip('"') == "And now?"  # opencode adds quotation marks


def session_of_command(command: str) -> str:
    return command.split()[-1]


def test_claude_code_continues_an_export_that_comes_back(project: Path, stub: StubServer) -> None:
    exported = to_tool(TALK, "claude-code", project)
    deliver(exported)
    env = {"ANTHROPIC_BASE_URL": stub.env["ANTHROPIC_BASE_URL"], "ANTHROPIC_API_KEY": "key"}
    env |= {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1"}
    run(project, "claude", "-p", "And now?", "--resume", session_of_command(exported.commands[0]), **env)
    require_history([request.body.get("messages") for request in stub.requests])
    require_return(project, "claude-code")


def test_codex_continues_an_export_that_comes_back(project: Path, responses: ThreadingHTTPServer) -> None:
    home = Path.home() / ".codex"
    home.mkdir()
    (home / "config.toml").write_text(
        'model = "gpt-x"\nmodel_provider = "stub"\n[model_providers.stub]\nname = "stub"\nwire_api = "responses"\n'
        f'base_url = "http://127.0.0.1:{responses.server_port}/v1"\n'
    )
    exported = to_tool(TALK, "codex", project)
    deliver(exported)
    session_id = session_of_command(exported.commands[0])
    run(project, "codex", "exec", "--skip-git-repo-check", "resume", session_id, "And now?")
    require_history([request.get("input") for request in responses.requests])  # type: ignore[attr-defined]
    require_return(project, "codex")


def test_opencode_continues_an_export_that_comes_back(project: Path, stub: StubServer) -> None:
    options = {"baseURL": f"{stub.env['ANTHROPIC_BASE_URL']}/v1", "apiKey": "key"}
    config = {
        "autoupdate": False,
        "share": "disabled",
        "model": f"anthropic/{MODEL}",
        "small_model": f"anthropic/{MODEL}",
        "provider": {"anthropic": {"options": options, "models": {MODEL: {"name": MODEL}}}},
    }
    (project / "opencode.json").write_text(json.dumps(config))
    exported = to_tool(TALK, "opencode", project)
    path = deliver(exported)
    env = {"OPENCODE_DISABLE_MODELS_FETCH": "1", "OPENCODE_DISABLE_AUTOUPDATE": "1"}
    run(project, "opencode", "import", str(path), **env)
    session_id = session_of_command(exported.commands[1])
    run(project, "opencode", "run", "--session", session_id, "--model", f"anthropic/{MODEL}", "And now?", **env)
    require_history([request.body.get("messages") for request in stub.requests])
    require_return(project, "opencode")


def test_pi_continues_an_export_that_comes_back(project: Path, stub: StubServer) -> None:
    folder = Path.home() / ".pi/agent"
    folder.mkdir(parents=True)
    model = {"id": MODEL, "name": MODEL, "contextWindow": 100_000, "maxTokens": 1_000}
    provider = {"baseUrl": stub.env["ANTHROPIC_BASE_URL"], "apiKey": "key", "api": "anthropic-messages"}
    (folder / "models.json").write_text(json.dumps({"providers": {"stub": {**provider, "models": [model]}}}))
    path = deliver(to_tool(TALK, "pi", project))
    flags = ("--provider", "stub", "--model", MODEL)
    run(project, "pi", "--session", str(path), *flags, "-p", "And now?", PI_OFFLINE="1")
    require_history([request.body.get("messages") for request in stub.requests])
    require_return(project, "pi")


@pytest.mark.skipif(not Path(BIN, "goose").exists(), reason="goose is not in ALOOP_AGENTS_BIN")
def test_session_that_goose_wrote_is_imported_in_full(
    project: Path, stub: StubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # goose sends several messages of the user one after another, which the API accepts.
    monkeypatch.setattr("tests.stub.server.complaint", lambda *_: None)
    (project / "notes.txt").write_text("the magic word is xyzzy")
    commands = ("cat notes.txt", "exit 3")
    first, second = (ToolUse("shell", {"command": command}) for command in commands)
    stub.script(Answer(Text("I look."), first), second, Text("It contains xyzzy."), Text("Xyzzy."))
    env = {"ANTHROPIC_HOST": stub.env["ANTHROPIC_BASE_URL"], "ANTHROPIC_API_KEY": "key", "GOOSE_DISABLE_KEYRING": "1"}
    env |= {"GOOSE_PROVIDER": "anthropic", "GOOSE_MODEL": MODEL, "GOOSE_MODE": "auto"}
    for flags, prompt in (((), "Read notes.txt"), (("-r",), "And now?")):
        run(project, "goose", "run", "--name", "talk", *flags, "--with-builtin", "developer", "-t", prompt, **env)
    scan = Scan(Selection(folder=project))
    [imported] = scan.read(files_of("goose", project))
    assert (imported.tool, imported.title, imported.cwd, imported.model) == ("goose", "talk", str(project), MODEL)
    assert not scan.problems
    assert not imported.losses
    sent = [each for each in imported.messages if not each.skip]
    texts = [(each.role, each.content) for each in sent if each.role != "tool" and each.content]
    assert texts == [
        ("user", "Read notes.txt"),
        ("assistant", "I look."),
        ("assistant", "It contains xyzzy."),
        ("user", "And now?"),
        ("assistant", "Xyzzy."),
    ]
    made = [call for each in imported.messages for call in each.tool_calls]
    assert [json.loads(call.arguments) for call in made] == [{"command": command} for command in commands]
    results = {each.tool_call_id: each for each in imported.messages if each.role == "tool"}
    seen, failed = (results[call.id] for call in made)
    assert ("xyzzy" in (seen.content or ""), seen.is_error, failed.is_error) == (True, False, True)
