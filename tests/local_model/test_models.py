"""Model names and paths."""

from __future__ import annotations

from pathlib import Path

import pytest

from aloop.config.settings import Settings
from aloop.errors import LocalModelError
from aloop.local_model.models import find_model, full_name, is_local, title_of
from tests.local_model.installation import install_fake, write_weights


def settings(data_dir: Path, **env: str) -> Settings:
    return Settings.from_env({"HOME": "/nowhere", "ALOOP_DATA_DIR": str(data_dir)} | env)


def test_data_dir_follows_the_environment() -> None:
    assert Settings.from_env({"HOME": "/h"}).data_dir == Path("/h/.local/share/aloop")
    assert Settings.from_env({"HOME": "/h", "XDG_DATA_HOME": "/d"}).data_dir == Path("/d/aloop")
    assert Settings.from_env({"HOME": "/h", "XDG_DATA_HOME": "rel"}).data_dir == Path("/h/.local/share/aloop")
    assert Settings.from_env({"HOME": "/h", "ALOOP_DATA_DIR": "/a"}).data_dir == Path("/a")


def test_local_means_the_bundled_model_or_the_variable(tmp_path: Path) -> None:
    assert full_name("local", settings(tmp_path)) == "local:SmolLM2-135M"
    assert full_name("local", settings(tmp_path, ALOOP_LOCAL_MODEL="/m/x.gguf")) == "local:/m/x.gguf"
    assert full_name("local:SmolLM2-135M", settings(tmp_path, ALOOP_LOCAL_MODEL="/m/x.gguf")) == "local:SmolLM2-135M"


def test_model_path_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert full_name("local:a/../x.gguf", settings(tmp_path)) == f"local:{tmp_path}/x.gguf"


def test_full_name_keeps_other_models(tmp_path: Path) -> None:
    assert full_name("claude-x", settings(tmp_path)) == "claude-x"
    assert [is_local(name) for name in ("local", "local:x", "localhost", "offline")] == [True, True, False, False]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("local:SmolLM2-135M", "local · SmolLM2-135M"),
        ("local:/models/Qwen3-4B.Q4_K_M.gguf", "local · Qwen3-4B.Q4_K_M"),
        ("claude-x", "claude-x"),
    ],
)
def test_title_of_shortens_local_paths(name: str, shown: str) -> None:
    assert title_of(name) == shown


def test_find_model_raises_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(LocalModelError, match="aloop local install"):
        find_model("local", settings(tmp_path))
    install_fake(tmp_path)
    assert find_model("local", settings(tmp_path)).is_toy
    text = tmp_path / "text.gguf"
    text.write_text("hello")
    for name, message in (
        (f"local:{text}", "is not a GGUF file"),
        ("local:/nowhere/x.gguf", "cannot be read: No such file"),
        ("local:qwen", "Unknown local model 'qwen'"),
    ):
        with pytest.raises(LocalModelError, match=message):
            find_model(name, settings(tmp_path))


def test_custom_file_is_not_a_toy(tmp_path: Path) -> None:
    install_fake(tmp_path)
    model = find_model(f"local:{write_weights(tmp_path / 'Own.gguf')}", settings(tmp_path))
    assert (model.title, model.is_toy) == ("Own", False)
