"""Processor time of showing a streamed answer, compared with rendering it once.

``python -m tests.benchmarks.streaming`` prints the table for 2,000 tokens at 100 a second on 100 columns, display
errors and the display delay; ``--quick`` uses 300 tokens and one run.
"""

from __future__ import annotations

import argparse
import difflib
import json
import os
import re
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aloop.config import Settings
from repl.startup.banner import remember_start
from tests.benchmarks.measure import Row, table
from tests.benchmarks.paced import PER_SECOND, answer
from tests.e2e.shell import Shell
from tests.homes import settle

_WORD = re.compile(r"word(\d{4})")


@dataclass(frozen=True, slots=True)
class Run:
    """Processor time in seconds, final output and delay of a displayed answer.

    ``unseen`` is the longest time from sending a word to its display, in seconds.
    """

    cpu: float
    lines: list[str]
    unseen: float


def show(manner: str, tokens: int) -> Run:
    """Show an answer in the shell; ``manner`` is ``streamed`` or ``whole``."""
    with tempfile.TemporaryDirectory() as home:
        measures = Path(home) / "measures.json"
        # A returning user, because the first greeting names the folder, which differs in each run.
        settle(Path(home))
        remember_start(Settings.from_env({"HOME": home}))
        env = {"HOME": home, "ALOOP_SESSIONS_DIR": home, "PATH": os.environ["PATH"]}
        arguments = (manner, str(tokens), str(measures))
        observations: list[tuple[float, int]] = []
        with Shell(*arguments, program="tests.benchmarks.paced", env=env, columns=100, rows=40) as shell:

            def is_over() -> bool:
                screen = shell.screen()
                observations.append((time.monotonic(), max(map(int, _WORD.findall(screen)), default=-1)))
                return "2 messages" in screen and screen.splitlines()[-3:-1] == ["", ">"]

            shell.wait_for_prompt()
            shell.send_line("Tell me")
            shell.wait_until(is_over, "the end of the answer", patience=tokens)
            lines = shell.scrollback().splitlines()[:-1]  # without the toolbar, which contains the session ID
            shell.send("\x04")
            shell.wait_for_exit()
        measured = json.loads(measures.read_text())
        return Run(measured["cpu"], lines, _longest_unseen(observations, measured["sent"], answer(tokens)))


def _longest_unseen(observations: list[tuple[float, int]], sent: list[float], tokens: list[str]) -> float:
    """Return the longest time in seconds for which a sent word was not yet visible."""
    sent_at = {int(found[1]): when for when, token in zip(sent, tokens, strict=True) if (found := _WORD.search(token))}
    return max((when - sent_at.get(seen + 1, when) for when, seen in observations), default=0.0)


def differences(streamed: Sequence[str], whole: Sequence[str]) -> list[str]:
    """Return duplicated lines with a plus and lost lines with a minus."""
    return [row for row in difflib.ndiff(whole, streamed) if row[0] in "+-"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="300 tokens and one run")
    tokens, runs = (300, 1) if parser.parse_args().quick else (2_000, 3)
    pairs = [(show("streamed", tokens), show("whole", tokens)) for _ in range(runs)]
    ours, floor = (statistics.median(run.cpu for run in column) for column in zip(*pairs, strict=True))
    name = f"show {tokens:,} tokens at {PER_SECOND}/s, processor time"
    print(table([Row(name, "render once at the end", ours, floor, bound=2)]))
    errors = [row for streamed, whole in pairs for row in differences(streamed.lines, whole.lines)]
    print(f"\nLines duplicated or lost: {len(errors)}. ", *errors[:20], sep="\n  ")
    print(f"Longest time from sending a word to its display: {max(run.unseen for run, _ in pairs):.2f} s.")


if __name__ == "__main__":
    main()
