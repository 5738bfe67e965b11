"""Prints the table: ``python -m tests.reliability``, or with ``--full`` the many cases of the full form."""

from __future__ import annotations

import argparse

from tests.reliability.row import HEAD, as_line
from tests.reliability.trials import TRIALS


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.reliability", description=__doc__)
    parser.add_argument("--full", action="store_true", help="all the cases: many minutes")
    parser.add_argument("--only", action="append", choices=TRIALS, help="this trial; may be given several times")
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
