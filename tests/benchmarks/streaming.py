"""Processor time of showing a streamed answer, and how fast words and keys appear.

``python -m tests.benchmarks.streaming`` compares 2,000 tokens at 100 a second on 100 columns with rendering them once,
counts display errors, and measures the time until a word of the answer and a typed key are sent to the terminal;
``--quick`` uses 300 tokens and one run.
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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pexpect

from aloop.config.settings import Settings
from repl.startup.banner import remember_start
from tests.benchmarks.measure import Row, table
from tests.benchmarks.paced import PER_SECOND, answer
from tests.e2e.shell import Shell
from tests.homes import settle

_WORD = re.compile(r"word(\d{4})")


_ECHO_BOUND = 0.020  # seconds
_KEY_EVERY = 0.15  # seconds
_FIRST_KEY = 0x100  # Ā: each key is another letter, so that its echo is distinct from a repeated drawing


@dataclass(frozen=True, slots=True)
class Run:
    """Processor time in seconds and final output of a displayed answer."""

    cpu: float
    lines: list[str]


@dataclass(frozen=True, slots=True)
class Delays:
    """Seconds from each word and from each typed key to its arrival at the terminal."""

    words: list[float]
    keys: list[float]


@contextmanager
def answering(manner: str, tokens: int, home: str) -> Iterator[Shell]:
    """Start the shell with an answer; ``manner`` is ``streamed`` or ``whole``."""
    # A returning user, because the first greeting names the folder, which differs in each run.
    settle(Path(home))
    remember_start(Settings.from_env({"HOME": home}))
    env = {"HOME": home, "ALOOP_SESSIONS_DIR": home, "PATH": os.environ["PATH"]}
    arguments = (manner, str(tokens), str(Path(home) / "measures.json"))
    with Shell(*arguments, program="tests.benchmarks.paced", env=env, columns=100, rows=40) as shell:
        shell.wait_for_prompt()
        shell.send_line("Tell me")
        yield shell
        shell.send("\x04")
        shell.wait_for_exit()


def measures(home: str) -> dict[str, Any]:
    """Return what the shell has measured."""
    found: dict[str, Any] = json.loads((Path(home) / "measures.json").read_text())
    return found


def show(manner: str, tokens: int) -> Run:
    """Show an answer in the shell; ``manner`` is ``streamed`` or ``whole``."""
    with tempfile.TemporaryDirectory() as home:
        with answering(manner, tokens, home) as shell:

            def is_over() -> bool:
                screen = shell.screen()
                return "2 messages" in screen and screen.splitlines()[-3:-1] == ["", ">"]

            shell.wait_until(is_over, "the end of the answer", patience=tokens)
            lines = shell.scrollback().splitlines()[:-1]  # without the toolbar, which contains the session ID
        return Run(measures(home)["cpu"], lines)


def delays(tokens: int) -> Delays:
    """Type while an answer streams; only bytes are read, because rendering takes time."""
    seen: dict[int, float] = {}
    keys: list[float] = []
    with tempfile.TemporaryDirectory() as home:
        with answering("streamed", tokens, home) as shell:
            text, pressed_at = "", 0.0
            while "2 messages" not in text:
                with suppress(pexpect.TIMEOUT):
                    text = text[-200:] + shell.process.read_nonblocking(65_536, timeout=0.005).decode(errors="replace")
                now = time.monotonic()
                for word in _WORD.findall(text):
                    seen.setdefault(int(word), now)
                if pressed_at and chr(_FIRST_KEY + len(keys)) in text:
                    keys.append(now - pressed_at)
                    pressed_at, rest_until = 0.0, now + _KEY_EVERY
                elif not pressed_at and seen and (not keys or now > rest_until):
                    # Backspace first, so that the line stays short.
                    shell.send(f"\x7f{chr(_FIRST_KEY + len(keys))}" if keys else chr(_FIRST_KEY))
                    pressed_at = time.monotonic()
            shell.send("\x7f\x7f")
        sent = {
            int(found[1]): when
            for when, token in zip(measures(home)["sent"], answer(tokens), strict=True)
            if (found := _WORD.search(token))
        }
    return Delays([seen[word] - when for word, when in sent.items() if word in seen], keys)


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
    found = delays(tokens)
    print(f"Time from sending a word to its display: {_summary(found.words)}.")
    mark = "" if _percentile(found.keys, 95) <= _ECHO_BOUND else " ✗"
    print(f"Time from a key to its echo: {_summary(found.keys)}; the 95th percentile may be 20 ms{mark}.")


def _percentile(values: Sequence[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def _summary(values: Sequence[float]) -> str:
    middle, high = _percentile(values, 50), _percentile(values, 95)
    return f"median {middle * 1000:.0f} ms, 95 % {high * 1000:.0f} ms, longest {max(values) * 1000:.0f} ms"


if __name__ == "__main__":
    main()
