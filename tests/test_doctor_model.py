"""The doctor tells whether a model on this machine can answer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from aloop.cli.doctor import check_local_model
from tests.local.installation import install_fake
from tests.test_doctor import WELL


def test_nobody_has_to_have_a_model(tmp_path: Path) -> None:
    verdict = check_local_model(replace(WELL, env={"ALOOP_DATA_DIR": str(tmp_path)}))
    assert (verdict.level, "aloop local install" in verdict.text) == ("ok", True)


def test_one_that_is_there_is_told_and_an_old_one_is_odd(tmp_path: Path) -> None:
    place = install_fake(tmp_path)
    around = replace(WELL, env={"ALOOP_DATA_DIR": str(tmp_path)})
    assert check_local_model(around).level == "ok"
    named = replace(around, env={**around.env, "ALOOP_LOCAL_MODEL": "/nowhere/x.gguf"})
    assert check_local_model(named).level == "warn"
    place.manifest.write_text("{}")
    assert check_local_model(around).level == "warn"


def test_settings_that_make_no_sense_are_left_to_their_own_check(tmp_path: Path) -> None:
    config = tmp_path / "aloop" / "config.toml"
    config.parent.mkdir()
    config.write_text("model = 3")
    verdict = check_local_model(replace(WELL, env={"XDG_CONFIG_HOME": str(tmp_path)}))
    assert (verdict.level, "settings" in verdict.text) == ("warn", True)
