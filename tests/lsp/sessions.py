"""Texts of sessions for the tests of the language server."""

from __future__ import annotations

from pathlib import Path

from aloop.memory.codec.emitter import SCHEMA_LINE

ID = "a1b2c3d4-5678-40ab-8def-1234567890ab"
HEAD = f'id: {ID}\ncreated_at: "2025-01-31T14:30:00+01:00"\nupdated_at: "2025-01-31T15:45:00+01:00"\nmessages:\n'
CHAT = (
    SCHEMA_LINE
    + HEAD
    + """\
  - role: user
    content: 漢字 🎈 in the parser?
    at: "2025-01-31T14:30:00+01:00"
  - role: assistant
    content: |
      I look
      at two files.
    tool_calls:
      - id: call_1
        type: function
        function:
          name: read_file
          arguments: '{"path": "a.py"}'
      - id: call_2
        type: function
        function:
          name: write_file
          arguments:
            path: "b.py"
            content: |
              print("🎈")
    thinking:
      - thinking: |
          Two files
          may be enough.
        signature: abc
    usage: {input_tokens: 1200, output_tokens: 34, cache_read_tokens: 1200, duration_ms: 2100}
    model: claude-opus-4-5
    cost: 0.0123
  - role: tool
    content: |
      line one
      line two
    tool_call_id: call_1
    name: read_file
    duration_ms: 1200
    permission: {answer: allowed, by: rule}
  - role: tool
    content: refused
    tool_call_id: call_2
    name: write_file
    is_error: true
  # a comment
  - role: assistant
    content: "There is nothing, *really*."
  - role: user
    content: Thanks
    note: look again
    tags: [bug, parser]
...
"""
)
BROKEN = (
    SCHEMA_LINE
    + HEAD
    + """\
  - role: user
    content: 漢字🎈 # a comment, not text
  - role: assistant
    content: null
    tool_calls:
      - {id: call_1, type: function, function: {name: calculator, arguments: '{}'}}
  - role: user
    content: ""
  - role: tool
    content: "x"
    tool_call_id: call_9
"""
)
CONFLICT = f"""\
{HEAD}\
  - role: user
    content: Hello
  - role: assistant
    content: Hi
<<<<<<< ours
  - role: user
    content: One
  - role: assistant
    content: First answer
=======
  - role: user
    content: Two
  - role: assistant
    content: Second answer
>>>>>>> theirs
"""


def write(sessions_dir: Path, text: str = CHAT, name: str = "2025-01-31_a1b2c3d4") -> Path:
    """Write a session of the user into a sessions folder, and return its path."""
    path = sessions_dir / name / "session.yaml"
    path.parent.mkdir(parents=True)
    path.parent.chmod(0o700)
    path.write_bytes(text.encode())
    path.chmod(0o600)
    return path


def line_of(text: str, part: str) -> int:
    """Return the line of the first occurrence of a text, from 0."""
    return text[: text.index(part)].count("\n")
