"""A working directory for the file tools."""

from __future__ import annotations

from pathlib import Path

import pytest

from aloop.tools.files.workspace import Workspace

TREE = {
    "README.md": "# A project\nhello world\n",
    "src/app.py": "def main():\n    print('hello')\n",
    "src/deep/er/util.py": "HELLO = 1\n",
    "src/data.bin": "hello\0world",
    ".env": "hello=secret\n",
    ".git/config": "hello\n",
    "node_modules/x/index.js": "hello\n",
    "empty.txt": "",
}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Return a workspace that contains the files of TREE."""
    root = tmp_path / "work"
    for name, text in TREE.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return Workspace(root)
