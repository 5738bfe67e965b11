"""Reports of a terminal that are not keys, such as replies to queries."""

from __future__ import annotations

STARTS = tuple(
    f"\x1b{kind}{following}"
    for kind, follows in (("]", "0123456789"), ("P", "0123456789>!$+"), ("_", "G"))
    for following in follows
)
"""The first characters of each OSC, DCS and APC, which a user will not type after Alt-]."""

_TEXT = r"[^\x00-\x1f\x7f]"

# The patterns of this module are text, which is compiled at its first use: no start waits for that.
# No terminal sends privacy messages and strings (ESC ^ and ESC X), but they end in the same way.
REPORT = rf"\x1b(?:\]\d|P[\d>!$+]|_G|\^\S|X\S){_TEXT}*(?:\x07|\x1b\\)"
REPORT_START = rf"\x1b(?:\](?:\d{_TEXT}*\x1b?)?|P(?:[\d>!$+]{_TEXT}*\x1b?)?|_(?:G{_TEXT}*\x1b?)?)\Z"
LONGEST_START = 4
"""The most characters of an unfinished report that may be keys."""

BROKEN_REPORT = rf"\x1b(?:\]\d|P[\d>!$+]|_G){_TEXT}{{2,}}(?=[\x00-\x06\x08-\x1a\x1c-\x1f\x7f]|\x1b[^\\])"
"""A report that does not end, before the next key."""
