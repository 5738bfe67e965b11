"""What went wrong on the way to a local model, as one line that says what to do: pure readings of others' words."""

from __future__ import annotations

import re
from pathlib import Path

_MISSING_LIBRARY = re.compile(r"(lib(?:gomp|stdc\+\+))\.so[.\d]*: cannot open shared object file")
_DEBIAN = {"libgomp": "libgomp1", "libstdc++": "libstdc++6"}
_FIRST_ERROR = re.compile(r"^\S+ E .*?: (.+)$", re.MULTILINE)  # of llama.cpp's log: time, level, function, words
_NO_NETWORK = (
    "newconnectionerror",
    "nameresolutionerror",
    "connecttimeouterror",
    "readtimeouterror",
    "proxyerror",
    "failed to establish a new connection",
    "name resolution",
    "connection refused",
    "connection reset",
    "dns error",
    "error sending request",
    "network is unreachable",
    "connectivity is disabled",
)
_NO_TRUST = ("certificate", "sslerror", "not a trusted or secure host")
_NO_ENTRY = ("401 client error", "403 client error", "401 unauthorized", "403 forbidden", "credentials not correct")
_WRONG_HASH = ("do not match the hashes", "hash mismatch")
_FULL_DISK = ("no space left on device", "errno 28", "disk quota exceeded")
_NO_BUILD = ("no matching distribution", "no solution found", "not a supported wheel")
_AGAIN = "Nothing was changed; try `aloop local install` again"


def explain_load(reason: str) -> str:
    """Return why the packages that were fetched do not load."""
    if found := _MISSING_LIBRARY.search(reason):
        library = found[1]
        return (
            f"The local model needs {library}, which this system lacks: "
            f"`apt-get install {_DEBIAN[library]}` (Debian, Ubuntu) or `dnf install {library}` (Fedora) brings it."
        )
    return f"The local model does not load here ({_one_line(reason)}). `aloop local install` fetches it anew."


def explain_damage(file: Path) -> str:
    """Return what to do about a file of what was fetched that is no longer as it was."""
    return f"It is damaged ({file.name} is not what was fetched). `aloop local install` fetches it anew."


def explain_fetch(output: str) -> str:
    """Return why an installer failed, from all that it printed."""
    said = output.lower()
    if any(words in said for words in _FULL_DISK):
        return f"The disk is full. Make room, or name another place with ALOOP_DATA_DIR. {_AGAIN} then."
    if any(words in said for words in _WRONG_HASH):
        return (
            "What was fetched is not what was published: its SHA-256 is another. Nothing of it was kept. Try again on "
            "another network; if that does not help, please report it."
        )
    if any(words in said for words in _NO_TRUST):
        return (
            "The index could not be trusted: its certificate is not one that pip or uv knows. Where a proxy stands "
            f"before it, PIP_CERT (for uv, SSL_CERT_FILE) names the file of its authority. {_AGAIN} then."
        )
    if any(words in said for words in _NO_ENTRY):
        return f"The index, or a proxy before it, let nobody in: it wants a name and a password. {_AGAIN} with them."
    if any(words in said for words in _NO_NETWORK):
        return f"The packages could not be fetched: there is no way to them from here. {_AGAIN} with a network."
    if any(words in said for words in _NO_BUILD):
        return (
            "No build of it fits this system and Python, or the index that pip is set to lacks it. "
            "aloop works without: `--model offline`, or a key."
        )
    return f"The packages could not be installed: {_last_words(output)}. {_AGAIN}."


def explain_end(log: str, code: int) -> str:
    """Return why the program that runs a model ended, from its log and exit code (negative: a signal)."""
    if code == -9:
        return "it was killed, perhaps for the memory that it took"
    found = _FIRST_ERROR.search(log)
    return _one_line(found[1]) if found else f"signal {-code}" if code < 0 else f"exit code {code}"


def _last_words(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    return _one_line((errors or lines or ["it said nothing"])[-1].removeprefix("ERROR: "))


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line[:200].rstrip(". ")
