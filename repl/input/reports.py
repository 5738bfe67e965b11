"""Reports of a terminal that are not keys, such as replies to queries."""

from __future__ import annotations

import re

STARTS = tuple(
    f"\x1b{kind}{following}"
    for kind, follows in (("]", "0123456789"), ("P", "0123456789>!$+"), ("_", "G"))
    for following in follows
)
"""The first characters of each OSC, DCS and APC, which a user will not type behind Alt-]."""

# No terminal sends privacy messages and strings (ESC ^ and ESC X), but they end in the same way.
REPORT = re.compile(r"\x1b(?:\]\d|P[\d>!$+]|_G|\^\S|X\S)[^\x07\x1b]*(?:\x07|\x1b\\)")
REPORT_START = re.compile(
    r"\x1b(?:\](?:\d[^\x07\x1b]*\x1b?)?|P(?:[\d>!$+][^\x07\x1b]*\x1b?)?|_(?:G[^\x07\x1b]*\x1b?)?)\Z"
)
LONGEST_START = 4
"""The most characters of an unfinished report that may be keys."""
