"""Questions to the terminal about what it can do, and its reports.

A report arrives in the same stream as keys. The shell asks when the prompt starts, and never waits: a report may
arrive at any time, or never.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from repl.output.theme import Background, background_of

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

_KITTY_KEYS = "\x1b[?u"
_SYNCHRONIZED = "\x1b[?2026$p"
_MARKED_PASTES = "\x1b[?2004$p"
_BACKGROUND = "\x1b]11;?\x1b\\"
_ATTRIBUTES = "\x1b[c"
"""Every terminal answers this one, after the others: no report is on its way then."""

_SYNCHRONIZED_REPORT = r"\x1b\[\?2026;[12]\$y"
_MARKED_PASTES_REPORT = r"\x1b\[\?2004;[123]\$y|\x1b\[200~"  # or the mark of a paste itself
_BACKGROUND_REPORT = r"\x1b\]11;rgba?:([0-9a-fA-F]{1,4})/([0-9a-fA-F]{1,4})/([0-9a-fA-F]{1,4})"
_KITTY_REPORT = r"\x1b\[\?\d+u"
_ATTRIBUTES_REPORT = r"\x1b\[\?[\d;]+c"


def queries(env: Mapping[str, str]) -> str:
    """Return the questions for the terminal that ``env`` describes."""
    # Other terminals ignore a question that they do not know; these two print a part of it.
    is_console, is_apple = env.get("TERM") == "linux", env.get("TERM_PROGRAM") == "Apple_Terminal"
    modes = "" if is_console or is_apple else _SYNCHRONIZED + _MARKED_PASTES
    return _KITTY_KEYS + modes + ("" if is_console else _BACKGROUND) + _ATTRIBUTES


def early_question(env: Mapping[str, str]) -> str:
    """Return the question about keys typed before the prompt, with a short answer."""
    return _MARKED_PASTES if _MARKED_PASTES in queries(env) else ""


def has_kitty_keys(report: str) -> bool:
    """Return True if the terminal sends keys by the kitty protocol."""
    return re.match(_KITTY_REPORT, report) is not None


def synchronizes(report: str) -> bool:
    """Return True if the terminal can show all changes of a frame at once."""
    return re.match(_SYNCHRONIZED_REPORT, report) is not None


def marks_pastes(report: str, env: Mapping[str, str]) -> bool:
    """Return True if the terminal that ``env`` describes marks each paste.

    Within tmux and GNU screen, some are marked, but their own ``paste-buffer`` and ``paste`` are not.
    """
    is_nested = "TMUX" in env or "STY" in env or env.get("TERM", "").startswith(("tmux", "screen"))
    return not is_nested and re.match(_MARKED_PASTES_REPORT, report) is not None


def is_last(report: str) -> bool:
    """Return True if no other report will arrive."""
    return re.match(_ATTRIBUTES_REPORT, report) is not None


def reported_background(report: str) -> Background:
    """Return the background in ``report``, empty if that is another report."""
    found = re.match(_BACKGROUND_REPORT, report)
    if found is None:
        return ""
    red, green, blue = (int(part, 16) / (16 ** len(part) - 1) for part in found.groups())
    return background_of(red, green, blue)
