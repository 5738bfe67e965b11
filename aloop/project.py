"""The project around a folder."""

from __future__ import annotations

import os
from pathlib import Path

_REPOSITORY = ".git"


def project_root(folder: Path) -> Path:
    """Return the real path of the git repository around ``folder``, or of ``folder``."""
    here = Path(os.path.realpath(folder))
    return next((each for each in (here, *here.parents) if os.path.lexists(each / _REPOSITORY)), here)
