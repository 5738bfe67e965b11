"""Folders of the user's files."""

from __future__ import annotations

import os
from pathlib import Path

from aloop.config.user_folders import config_path, state_dir


def test_home_that_is_not_a_folder_keeps_state_in_a_private_temporary_one(tmp_path: Path) -> None:
    env = {"HOME": "/dev/null", "TMPDIR": str(tmp_path)}
    folder = tmp_path / f"aloop-{os.getuid()}"
    assert state_dir(env) == folder
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o755)
    assert state_dir(env) == Path("/dev/null/.local/state")
    folder.rmdir()
    folder.symlink_to(tmp_path)
    assert state_dir(env) == Path("/dev/null/.local/state")
    assert state_dir(env | {"XDG_STATE_HOME": "/elsewhere"}) == Path("/elsewhere")


def test_absolute_xdg_config_home_locates_the_config_file(tmp_path: Path) -> None:
    assert config_path({"XDG_CONFIG_HOME": "/etc/xdg"}, tmp_path) == Path("/etc/xdg/aloop/config.toml")
