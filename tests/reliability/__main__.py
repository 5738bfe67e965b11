"""Run the reliability trials and print their results as a Markdown table."""

from __future__ import annotations

import argparse

from tests.reliability.row import HEAD, as_line
from tests.reliability.trials import TRIALS


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.reliability", description=__doc__)
    parser.add_argument("--full", action="store_true", help="run all cases, which takes many minutes")
    parser.add_argument("--only", action="append", choices=TRIALS, help="run only this trial; can be repeated")
    options = parser.parse_args()
    print(HEAD)
    all_kept = True
    for name in options.only or TRIALS:
        row = TRIALS[name](full=options.full)
        print(as_line(row), flush=True)
        all_kept = all_kept and row.kept
    return 0 if all_kept else 1


if __name__ == "__main__":
    raise SystemExit(main())
