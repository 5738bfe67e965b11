"""Words lost or doubled while an answer streams into a window that is resized.

    python -m tests.figures.resizes [--resizes 200] [--seed 1] [--narrowest 30] [--widest 120] [--paragraphs]

With ``--paragraphs``, the answer has only long paragraphs, and there is time to draw it between two resizes.

tmux is the terminal, because it wraps the rows of a window again when its width changes, as most terminals do.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from aloop.config.settings import Settings
from repl.startup.banner import remember_start
from tests.benchmarks.paced import PER_SECOND, answer, paragraphs
from tests.homes import settle

ROOT = Path(__file__).parents[2]
_WORD = re.compile(r"word\d{4,}")
_EVERY = 0.1  # seconds
_SLOWEST = 1.0  # seconds
_HEIGHTS = (10, 50)
_PATIENCE = 60.0  # seconds
_CONFIG = "set -g history-limit 100000\nset -g default-terminal xterm-256color\n"


class Tmux:
    """A window of a private tmux server."""

    def __init__(self, folder: Path) -> None:
        self._base = ["tmux", "-S", str(folder / "tmux"), "-f", str(folder / "tmux.conf")]
        (folder / "tmux.conf").write_text(_CONFIG)

    def run(self, *arguments: str, env: dict[str, str] | None = None) -> str:
        done = subprocess.run([*self._base, *arguments], env=env, capture_output=True, text=True, check=True)
        return done.stdout

    def text(self) -> str:
        """Return the scrollback and the screen; rows that tmux has wrapped are joined."""
        return self.run("capture-pane", "-p", "-J", "-S", "-")

    def wait_for(self, pattern: str) -> None:
        end = time.monotonic() + _PATIENCE
        while not re.search(pattern, self.text()):
            if time.monotonic() > end:
                raise TimeoutError(f"waited for {pattern}:\n{self.text()[-2000:]}")
            time.sleep(_EVERY)


@contextmanager
def streaming(tokens: int, manner: str) -> Iterator[Tmux]:
    """Run the shell in a window while it streams an answer, as ``paced.py`` does."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        settle(Path(home))
        remember_start(Settings.from_env({"HOME": home}))
        tmux = Tmux(Path(home))
        env = {"HOME": home, "ALOOP_SESSIONS_DIR": home, "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "tests.benchmarks.paced", manner, str(tokens), f"{home}/measures.json"]
        tmux.run("new-session", "-d", "-x", "100", "-y", "40", *command, env=env)
        try:
            tmux.wait_for("0 messages")
            tmux.run("send-keys", "Tell me", "Enter")
            tmux.wait_for("word0000")
            yield tmux
        finally:
            tmux.run("kill-server")


def measured(resizes: int, seed: int, widths: tuple[int, int], *, has_paragraphs: bool = False) -> Counter[str]:
    """Return how often each word of the answer is in the scrollback."""
    chance = random.Random(seed)
    pauses = [chance.uniform(_EVERY, _SLOWEST) if has_paragraphs else _EVERY for _ in range(resizes)]
    sizes = [(chance.randint(*widths), chance.randint(*_HEIGHTS)) for _ in range(resizes)]
    # The answer takes longer than the resizing.
    return shown(sizes, pauses, int(sum(pauses) * PER_SECOND * 1.3), has_paragraphs=has_paragraphs)


def shown(
    sizes: Sequence[tuple[int, int]], pauses: Sequence[float], tokens: int, *, has_paragraphs: bool
) -> Counter[str]:
    """Return how often each word is in the scrollback after these resizes."""
    with streaming(tokens, "paragraphs" if has_paragraphs else "streamed") as tmux:
        for (columns, rows), pause in zip(sizes, pauses, strict=True):
            time.sleep(pause)
            tmux.run("resize-window", "-x", str(columns), "-y", str(rows))
        tmux.run("resize-window", "-x", "120", "-y", "40")
        tmux.wait_for("2 messages")
        found = Counter(_WORD.findall(tmux.text()))
    pieces = (paragraphs if has_paragraphs else answer)(tokens)
    return Counter({word: found[word] for word in _WORD.findall("".join(pieces))})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--resizes", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--narrowest", type=int, default=30)
    parser.add_argument("--widest", type=int, default=120)
    parser.add_argument("--paragraphs", action="store_true")
    chosen = parser.parse_args()
    if not shutil.which("tmux"):
        sys.exit("This figure needs tmux.")
    words = measured(chosen.resizes, chosen.seed, (chosen.narrowest, chosen.widest), has_paragraphs=chosen.paragraphs)
    lost = [word for word, count in words.items() if count == 0]
    doubled = [word for word, count in words.items() if count > 1]
    print(f"{chosen.resizes} resizes, {len(words)} words: {len(lost)} lost, {len(doubled)} doubled.")
    print(*lost[:20], *doubled[:20])


if __name__ == "__main__":
    main()
