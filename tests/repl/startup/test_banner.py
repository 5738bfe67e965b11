"""Tests of banner, farewell, echo and crash report."""

from __future__ import annotations

import os
import re
import stat
from contextlib import chdir
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from aloop import __version__
from aloop.agent import ReActAgent
from aloop.config.settings import Settings
from aloop.config.values import DEFAULT_MODEL
from aloop.formatting import display_path
from aloop.importers.draft import Builder
from aloop.importers.storing.store import ImportStore
from aloop.llm.message_types import LLMMessage
from aloop.memory.sessions_dir import header
from aloop.memory.trust_file import TrustFile
from aloop.regular_file import read_regular
from commands.builtin import REGISTRY
from commands.context import Context
from repl.crash_report import bug_text
from repl.engine import resume_session
from repl.input.toolbar import toolbar_line, toolbar_parts
from repl.options import ShellOptions
from repl.output.styled import echo_lines, to_ansi, to_text
from repl.output.theme import Depth, Theme
from repl.startup.banner import (
    banner_lines,
    expected_model,
    farewell_lines,
    greeting,
    is_first_start,
    remember_start,
)
from tests.agent.scripted import ScriptedLLM
from tests.commands.conftest import RecordingView
from tests.local_model.installation import install_fake
from tests.saved_sessions import FIRST, SECOND, THIRD, save

NO_KEY = Settings.from_env({"HOME": "/nowhere"})
WITH_KEY = NO_KEY._replace(has_credentials=True)


def test_first_start_is_remembered_in_a_private_file(private_home: Path) -> None:
    settings = Settings.from_env()
    assert is_first_start(settings)
    remember_start(settings)
    remember_start(settings)
    assert not is_first_start(settings)
    mark = private_home / ".local/state/aloop/welcomed"
    assert stat.S_IMODE(mark.stat().st_mode) == 0o600
    assert stat.S_IMODE(mark.parent.stat().st_mode) == 0o700


def test_user_with_a_history_is_not_a_newcomer() -> None:
    settings = Settings.from_env()
    settings.history_file.touch()
    assert not is_first_start(settings)


def test_unwritable_state_folder_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/dev/null")
    remember_start(Settings.from_env())
    assert is_first_start(Settings.from_env())


def first(
    settings: Settings,
    width: int = 80,
    *,
    model: str | None = None,
    sessions_dir: Path | None = None,
    resume: str | None = None,
) -> list[str]:
    """Return the banner of a first start."""
    return to_text(greeting(ShellOptions(settings, model, sessions_dir, resume), width)).splitlines()


@pytest.mark.parametrize("width", [40, 60, 80])
def test_first_banner_adds_a_row_and_stays_aligned(private_home: Path, width: int) -> None:
    with chdir(private_home):
        rows = first(Settings.from_env()._replace(has_credentials=True), width)
    start = len(f"aloop {__version__}  ")
    assert [row[:start].strip() for row in rows] == [f"aloop {__version__}", "folder", "saved in", "help"]
    assert rows[2][start:] == ".aloop/sessions"
    assert all(row[start - 2 : start] == "  " and row[start] != " " for row in rows)
    assert all(len(row) < width for row in rows)
    assert (f"{DEFAULT_MODEL} · asks before changes" in rows[0]) == (width >= 60)


def test_first_banner_without_a_key_names_the_remedy() -> None:
    rows = first(Settings.from_env()._replace(has_credentials=False))
    assert "asks before" not in rows[0]
    assert "ANTHROPIC_API_KEY" in "\n".join(rows[4:])


def test_first_banner_for_a_model_without_tools_mentions_no_permissions(tmp_path: Path) -> None:
    install_fake(tmp_path)
    settings = Settings.from_env()._replace(data_dir=tmp_path)
    assert first(settings, model="local")[0].endswith("  local · SmolLM2-135M · runs on this machine")


def test_resumed_session_gets_the_short_banner() -> None:
    assert "saved in" not in "\n".join(first(Settings.from_env(), resume=""))
    assert "saved in" in "\n".join(first(Settings.from_env()))


def test_first_banner_names_the_sessions_folder_in_use(private_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def saved_in(sessions_dir: Path | None = None) -> str:
        return first(Settings.from_env(), sessions_dir=sessions_dir)[2].removeprefix("saved in").strip()

    assert saved_in() == ".aloop/sessions"
    deep = private_home / "project" / "src"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    (deep.parent / ".aloop" / "sessions").mkdir(parents=True)
    assert saved_in() == "~/project/.aloop/sessions"
    assert saved_in(Path("mine")) == "mine"
    deep.rmdir()
    assert saved_in() == ".aloop/sessions"


def banner(settings: Settings, width: int = 80, model: str | None = None) -> list[str]:
    return to_text(banner_lines(ShellOptions(settings, model, None, None), width)).splitlines()


def test_banner_shows_model_folder_and_keys_in_aligned_columns(private_home: Path) -> None:
    (private_home / "project" / ".git" / "objects").mkdir(parents=True)
    (private_home / "project" / ".git" / "HEAD").write_text("ref: refs/heads/feature/x\n")
    with chdir(private_home / "project"):
        rows = banner(WITH_KEY)
    start = len(f"aloop {__version__}  ")
    assert [row[start:] for row in rows] == [
        DEFAULT_MODEL,
        "~/project (feature/x)",
        "/ commands · ? keys · Ctrl-D quits",
    ]
    assert [row[:start].strip() for row in rows[1:]] == ["folder", "help"]


def test_banner_names_the_instruction_files_and_asks_about_a_new_project(private_home: Path) -> None:
    (private_home / "project" / ".git" / "objects").mkdir(parents=True)
    (private_home / "project" / "AGENTS.md").touch()
    with chdir(private_home / "project"):
        assert banner(WITH_KEY)[2].split() == ["reads", "AGENTS.md", "(not", "trusted", "yet)"]
        TrustFile.of_user().remember(projects=[private_home / "project"])
        assert banner(WITH_KEY)[2].split() == ["reads", "AGENTS.md"]


def set_time(path: Path, moment: datetime) -> None:
    """Write ``moment`` into the header; the folder has just been changed."""
    path.write_text(re.sub(r"(?m)^updated_at: .*", f'updated_at: "{moment.isoformat()}"', path.read_text()))
    os.utime(path.parent)


def test_banner_offers_the_session_that_was_changed_last(tmp_path: Path) -> None:
    settings = WITH_KEY._replace(sessions_dir=tmp_path)
    save(tmp_path, FIRST)
    path = save(tmp_path, SECOND)
    set_time(path, datetime.now().astimezone())
    assert banner(settings)[2].endswith(f"  just now · /resume {SECOND[:8]}")
    title = "A plan\x1b[2J with a title that is longer than the row has room for"
    path.write_text(path.read_text().replace("system_messages:", f"title: '{title}'\nsystem_messages:"))
    last = banner(settings, 60)[2]
    assert last.startswith("last")
    assert "A plan^[[2J wi" in last
    assert last.endswith(f"… · just now · /resume {SECOND[:8]}")
    assert len(last) <= 59
    assert banner(settings, 44)[2].endswith(f"  just now · /resume {SECOND[:8]}")
    assert banner(settings, 40)[2].endswith(f"  /resume {SECOND[:8]}")


async def test_banner_offers_the_session_that_resume_opens_whatever_was_written_last(
    tmp_path: Path, private_home: Path
) -> None:
    settings, now = WITH_KEY._replace(sessions_dir=tmp_path), datetime.now().astimezone()

    async def opened() -> str:
        agent = ReActAgent(ScriptedLLM(), sessions_dir=tmp_path)
        session = await resume_session(agent, "", keep_model=True)
        agent.memory.close()
        return session.id[:8]

    own, imported, future = (save(tmp_path, each, day=day) for day, each in enumerate([FIRST, SECOND, THIRD], 1))
    set_time(own, now - timedelta(days=3))
    set_time(future, now + timedelta(days=3))
    set_time(imported, now - timedelta(days=200))
    (tmp_path / "2025-01-09_unfinished").mkdir()
    assert banner(settings)[2].endswith(f"  3 days ago · /resume {await opened()}")
    # One that the user did not write is offered only if there are no others.
    set_time(imported, now)
    trusted = private_home / ".local/state/aloop/trust"
    trusted.write_text("".join(row for row in trusted.read_text().splitlines(keepends=True) if SECOND not in row))
    assert banner(settings)[2].endswith(f"  3 days ago · /resume {await opened()}")
    trusted.unlink()
    assert banner(settings)[2].endswith(f"  just now · /resume {await opened()}")
    assert SECOND.startswith(await opened())


@pytest.fixture
def read_headers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of the files whose headers were read."""
    read: list[str] = []

    def record(path: str, most: int) -> bytes:
        read.append(path)
        return read_regular(path, most)

    monkeypatch.setattr(header, "read_regular", record)
    return read


def test_banner_reads_one_header_if_the_last_session_was_saved_normally(
    tmp_path: Path, read_headers: list[str]
) -> None:
    now = datetime.now().astimezone()
    for day, session_id in enumerate([FIRST, SECOND, THIRD], 1):
        path = save(tmp_path, session_id, day=day)
        moment = now - timedelta(hours=day)
        set_time(path, moment)
        os.utime(path.parent, (moment.timestamp() + 1, moment.timestamp() + 1))
    assert banner(WITH_KEY._replace(sessions_dir=tmp_path))[2].endswith(f"  1 h ago · /resume {FIRST[:8]}")
    assert len(read_headers) == 1


@pytest.mark.parametrize("has_own", [True, False])
def test_banner_reads_few_headers_after_an_import_of_many_sessions(
    tmp_path: Path, has_own: bool, read_headers: list[str]
) -> None:
    start = datetime.now().astimezone() - timedelta(days=100)
    if has_own:
        own = save(tmp_path, FIRST)
        before = start - timedelta(days=1)
        set_time(own, before)
        os.utime(own.parent, (before.timestamp(), before.timestamp()))
    store = ImportStore(tmp_path)
    for number in range(20):
        builder = Builder("codex", f"0199-{number}")
        builder.user(f"Question {number}", start + timedelta(days=number))
        store.put(builder.build())
    row = banner(WITH_KEY._replace(sessions_dir=tmp_path))[2]
    assert row.endswith(f"/resume {FIRST[:8]}") if has_own else "Question 19" in row
    assert len(read_headers) == 1 + has_own


def test_banner_offers_no_session_if_another_one_without_a_plain_header_may_be_newer(tmp_path: Path) -> None:
    settings = WITH_KEY._replace(sessions_dir=tmp_path)
    path = save(tmp_path, FIRST)
    path.write_text("title: mine\n" + path.read_text())
    set_time(save(tmp_path, SECOND), datetime.now().astimezone() - timedelta(days=1))
    assert banner(settings)[2].startswith("help")


@pytest.mark.parametrize("width", [60, 80, 200])
def test_banner_without_a_key_names_the_offline_demo_and_the_remedy(width: int) -> None:
    lines = banner(NO_KEY, width)
    note = "\n".join(lines[3:])
    assert "offline demo" in note
    assert "ANTHROPIC_API_KEY" in note
    assert len(lines) <= 6
    assert all(len(line) <= width for line in lines)


def test_banner_of_the_chosen_offline_model_does_not_mention_keys() -> None:
    assert "ANTHROPIC_API_KEY" not in "\n".join(banner(NO_KEY, model="offline"))


def test_expected_model_follows_options_settings_and_key() -> None:
    assert expected_model(None, NO_KEY) == "offline"
    assert expected_model(None, WITH_KEY) == DEFAULT_MODEL
    assert expected_model(None, WITH_KEY._replace(model="from-env")) == "from-env"
    assert expected_model("asked-for", WITH_KEY._replace(model="from-env")) == "asked-for"


def test_local_model_is_shown_by_its_title(tmp_path: Path) -> None:
    install_fake(tmp_path)
    installed = NO_KEY._replace(data_dir=tmp_path)
    assert expected_model(None, installed) == "local:SmolLM2-135M"
    assert expected_model("local", WITH_KEY._replace(data_dir=tmp_path)) == "local:SmolLM2-135M"
    assert expected_model("local:nonsense", installed) == "local:nonsense"
    assert len(banner(installed)) == 3
    toolbar = toolbar_line(toolbar_parts(ShellOptions(installed, None, None, None), None), 80)
    assert to_text([toolbar]) == "local · SmolLM2-135M · new session · 0 messages\n"


async def test_farewell_shows_the_command_that_resumes_the_session() -> None:
    context = Context(ReActAgent(ScriptedLLM()), RecordingView(), REGISTRY)
    assert farewell_lines(context, 80) == []
    await context.memory.add_message(LLMMessage("user", "Hi"))
    await context.memory.save_memory()
    assert f"aloop --resume {context.memory.session_id[:8]}" in to_text(farewell_lines(context, 80))


async def test_farewell_sets_the_limit_that_opens_a_session_that_has_outgrown_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    context = Context(ReActAgent(ScriptedLLM()), RecordingView(), REGISTRY)
    monkeypatch.setenv("ALOOP_MAX_SESSION_MB", "1")
    await context.memory.add_message(LLMMessage("user", "x" * 1_000_000))
    await context.memory.save_memory()
    command = f"ALOOP_MAX_SESSION_MB=2 aloop --resume {context.memory.session_id[:8]}"
    assert command in to_text(farewell_lines(context, 80))


async def test_farewell_names_the_file_of_recovered_turns() -> None:
    context = Context(ReActAgent(ScriptedLLM()), RecordingView(), REGISTRY)
    await context.memory.add_message(LLMMessage("user", "Hi"))
    (await context.memory.save_memory()).path.write_text("")
    await context.memory.add_message(LLMMessage("user", "More"))
    assert to_text(farewell_lines(context, 80)).startswith("✗ Not saved")
    assert to_text(farewell_lines(context, None)).startswith("Error: Not saved")
    recovered = (await context.memory.save_memory()).path
    assert display_path(recovered) in to_text(farewell_lines(context, 200))


def test_echo_sets_the_message_apart_down_all_its_rows() -> None:
    lines = echo_lines("one two three\nfour\n", 11)
    assert to_text(lines) == "> one two\n│ three\n│ four\n"
    on_dark = to_ansi(lines, Theme(Depth.INDEXED, "dark")).splitlines()
    assert all("48;5;236" in row and "\x1b[K" in row for row in on_dark)


def test_crash_report_names_error_and_place() -> None:
    try:
        raise KeyError("a bug")
    except KeyError as error:
        text = bug_text(error)
    assert "KeyError: 'a bug'" in text
    assert "test_banner.py:" in text
    assert "report this line" in text
