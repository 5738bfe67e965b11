"""Text as YAML: the form a person reads best among those that bring every character back.

Multi-line text becomes a literal block, one-line text a quoted scalar, an identifier stands plain. Where no literal
block can hold the text (control characters, other line breaks than LF), it is double-quoted, broken at its own line
ends. Rules: YAML 1.1, the dialect of libyaml and PyYAML, chosen so that 1.2 readers agree.
"""

from __future__ import annotations

import re

from aloop.llm.message_types import clean_text

# What YAML can show as it is, less the characters that some reader takes for a line break (NEL, LS, PS) or a byte
# order mark. Everything else is escaped.
_SHOWN = r"\t\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff"
_UNSHOWABLE_IN_BLOCK = re.compile(f"[^\n{_SHOWN}]")
_UNSHOWABLE_IN_LINE = re.compile(f"[^{_SHOWN}]|\t")
_NEEDS_ESCAPE = re.compile(rf'[\\"\t]|[^{_SHOWN}]')

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?:[./:-][A-Za-z0-9_]+)*\Z")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")
# Words that a YAML reader takes for something other than text.
_WORDS = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})
_SHORT_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r", "\x1b": "\\e", "\0": "\\0"}


def emit_text(text: str, indent: int) -> str:
    """Return ``text`` as a value that stands after ``key:`` and whose further lines are indented by ``indent``.

    ``indent`` must be two more than the column of the key. The result has no newline at its end, unless the text
    ends with several, which only the block's own blank lines can show.
    """
    if "\n" in text and not text.isspace() and not _UNSHOWABLE_IN_BLOCK.search(text):
        return _literal(text, indent)
    if _UNSHOWABLE_IN_LINE.search(text):
        return _double_quoted(text, indent)
    if '"' in text or "\\" in text:
        # Nothing but the quote itself needs a mark in single quotes: JSON arguments and paths stay legible.
        return "'" + text.replace("'", "''") + "'"
    return f'"{text}"'


def emit_word(text: str, indent: int) -> str:
    """Return an identifier (role, id, tool name) plain where no reader could take it for anything else."""
    if (_PLAIN.match(text) and text.lower() not in _WORDS) or _UUID.match(text):
        return text
    return emit_text(text, indent)


def _literal(text: str, indent: int) -> str:
    margin = " " * indent
    stripped = text.rstrip("\n")
    newlines = len(text) - len(stripped)
    chomp = "-" if newlines == 0 else "" if newlines == 1 else "+"
    # Without the indicator a reader takes the indentation from the first line, which must then begin with neither.
    indicator = "2" if text[0] in " \t\n" else ""
    body = "\n".join(margin + line if line else "" for line in stripped.split("\n"))
    return f"|{indicator}{chomp}\n{body}" + "\n" * max(0, newlines - 1)


def _double_quoted(text: str, indent: int) -> str:
    """Break the quoted form after each of the text's own line ends, so that it still reads line by line."""
    first, *rest = (_NEEDS_ESCAPE.sub(_escape, line) for line in clean_text(text).split("\n"))
    # Space at the start of a continued line is not read, unless it is escaped.
    pieces = [first, *(f"\\{line}" if line.startswith(" ") else line for line in rest)]
    last = pieces.pop()
    # A text that ends with a line end needs no line more for the nothing behind it.
    end = f"\\n\\\n{' ' * indent}{last}" if last and pieces else "\\n" if pieces else last
    return '"' + f"\\n\\\n{' ' * indent}".join(pieces) + end + '"'


def _escape(match: re.Match[str]) -> str:
    char = match.group()
    short = _SHORT_ESCAPES.get(char)
    if short:
        return short
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
