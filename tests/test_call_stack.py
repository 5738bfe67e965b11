"""The speed of calls does not depend on how deep they are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]

_SLOWEST = """
import time

def called(a=1, b=2, c=3, d=4, e=5, f=6, g=7):
    return (a, b, c, d, e, f, g)

def seconds(depth):
    if depth:
        return seconds(depth - 1)
    times = []
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(200):
            called()
        times.append(time.perf_counter() - began)
    return min(times)

def measure():
    times = sorted(seconds(depth) for depth in range(300))
    print(times[-1] / times[len(times) // 2])
    return 0
"""


def _slowest_ratio(code: str) -> float:
    """Return how much slower calls are at the worst depth than usual."""
    done = subprocess.run([sys.executable, "-c", _SLOWEST + code], cwd=ROOT, capture_output=True, text=True, check=True)
    return float(done.stdout)


def test_calls_below_the_program_are_equally_fast_at_each_depth() -> None:
    # Without a large stack, the ratio is about 90 with interpreters before the fix.
    code = "from aloop import __main__\n__main__.main = measure\ntry:\n    __main__.run()\nexcept SystemExit:\n    pass"
    assert _slowest_ratio(code) < 20


def test_calls_below_the_thread_of_the_engine_are_equally_fast_at_each_depth() -> None:
    code = """
from repl import engine
import asyncio

def build_agent(options):
    measure()
    raise ValueError

async def main():
    try:
        await engine.Engine(None, lambda: None).ready()
    except ValueError:
        pass

engine.build_agent = build_agent
asyncio.run(main())
"""
    assert _slowest_ratio(code) < 20
