"""The local model with a fake engine, in a real child process and terminal."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.e2e.conftest import Open
from tests.e2e.shell import Shell
from tests.local_model.installation import install_fake, write_weights
from tests.processes import children_of, wait_until_gone


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ALOOP_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


def test_local_model_answers_without_a_key_and_exits_with_the_shell(shell: Open, data_dir: Path) -> None:
    install_fake(data_dir)
    aloop = shell()
    assert "local · SmolLM2-135M · new session" in aloop.screen()
    aloop.send_line("hello")
    aloop.wait_for("often wrong, and without tools")
    aloop.wait_for("2 messages")
    aloop.wait_for_prompt()
    [child] = children_of(aloop.pid)
    [saved] = Path(".aloop/sessions").glob("*/session.yaml")
    assert "model: local:SmolLM2-135M" in saved.read_text()
    aloop.process.kill(9)
    wait_until_gone(child)


def test_prompt_is_usable_while_the_local_model_loads_and_ctrl_c_stops_the_wait(
    shell: Open, data_dir: Path, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "gate")
    install_fake(data_dir, waits_for=str(tmp_path / "gate"))
    aloop = shell()
    aloop.send_line("hello")
    aloop.wait_for("loading SmolLM2-135M · ")
    aloop.send("\x03")
    aloop.wait_for("Stopped before any answer arrived.")
    (tmp_path / "gate").write_text("continue")
    aloop.wait_for("> hello")
    aloop.send("\r")
    aloop.wait_for("2 messages")


@pytest.mark.slow
def test_chosen_local_model_is_restored_with_its_session(shell: Open, data_dir: Path, tmp_path: Path) -> None:
    install_fake(data_dir)
    own = write_weights(tmp_path / "Own-7B.gguf", takes_tools=True)
    aloop = shell("--model", "offline")
    aloop.send_line("/model local:/nowhere/x.gguf")
    aloop.wait_for("/nowhere/x.gguf cannot be read")
    aloop.wait_for_prompt()
    aloop.send_line(f"/model local:{own}")
    aloop.wait_for("The model is now local · Own-7B.")
    aloop.wait_for_prompt()
    aloop.send_line("hello")
    aloop.wait_for("run_shell")
    aloop.wait_for("2 messages")
    aloop.wait_for_prompt()
    aloop.send_line("/exit")
    assert aloop.wait_for_exit() == 0
    again = shell("--resume")
    assert "local · Own-7B" in again.screen()


def test_first_start_asks_once_for_a_model(shell: Open, private_home: Path) -> None:
    (private_home / ".local/state/aloop/first-choice").unlink()
    with Shell() as first:
        first.wait_for("1, 2 or 3 [3]:")
        first.send_line("3")
        first.wait_for_prompt()
        assert "offline demo" in first.screen()
    assert "Which model should answer?" not in shell().scrollback()


def test_ctrl_d_at_the_first_start_question_exits(private_home: Path) -> None:
    (private_home / ".local/state/aloop/first-choice").unlink()
    with Shell() as aloop:
        aloop.wait_for("1, 2 or 3 [3]:")
        aloop.send("\x04")
        assert aloop.wait_for_exit() == 0


def test_task_does_not_ask_the_first_start_question(private_home: Path) -> None:
    (private_home / ".local/state/aloop/first-choice").unlink()
    with Shell("--task", "hello") as aloop:
        assert aloop.wait_for_exit() == 0
        assert "Which model should answer?" not in aloop.screen()
