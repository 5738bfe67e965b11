"""Messages for failures, derived from the output of pip, uv and llama.cpp."""

from __future__ import annotations

import re
from pathlib import Path

_MISSING_LIBRARY = re.compile(r"(lib(?:gomp|stdc\+\+))\.so[.\d]*: cannot open shared object file")
_DEBIAN = {"libgomp": "libgomp1", "libstdc++": "libstdc++6"}
_FIRST_ERROR = re.compile(r"^\S+ E .*?: (.+)$", re.MULTILINE)  # llama.cpp's log: time, level, function, message
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
_UNTRUSTED = ("certificate", "sslerror", "not a trusted or secure host")
_UNAUTHORIZED = ("401 client error", "403 client error", "401 unauthorized", "403 forbidden", "credentials not correct")
_WRONG_HASH = ("do not match the hashes", "hash mismatch")
_FULL_DISK = ("no space left on device", "errno 28", "disk quota exceeded")
_NO_BUILD = ("no matching distribution", "no solution found", "not a supported wheel")
_RETRY = "run `aloop local install` again"
_REPAIR = "Run `aloop local install` to repair it."


def explain_load(reason: str) -> str:
    """Return the message for packages that cannot be imported for ``reason``."""
    if found := _MISSING_LIBRARY.search(reason):
        library = found[1]
        return (
            f"The local model needs the system library {library}. Install it with "
            f"`apt-get install {_DEBIAN[library]}` (Debian, Ubuntu) or `dnf install {library}` (Fedora)."
        )
    return f"The local model cannot be loaded ({_one_line(reason)}). {_REPAIR}"


def explain_damage(file: Path) -> str:
    """Return the message for an installed file that has changed."""
    return f"It is damaged ({file.name} has changed since the installation). {_REPAIR}"


def explain_fetch(output: str) -> str:
    """Return the message for a failed installation, from the output of pip or uv."""
    text = output.lower()
    if any(phrase in text for phrase in _FULL_DISK):
        return (
            "The disk is full, so nothing was changed. Free some space or set ALOOP_DATA_DIR to another folder, "
            f"then {_RETRY}."
        )
    if any(phrase in text for phrase in _WRONG_HASH):
        return (
            "A downloaded file does not have the expected SHA-256 hash, so nothing was installed. Try again on another "
            "network, and please report it if that does not help."
        )
    if any(phrase in text for phrase in _UNTRUSTED):
        return (
            "The package index has a certificate that is not trusted, so nothing was installed. Behind a proxy, set "
            f"PIP_CERT (for uv: SSL_CERT_FILE) to the file with its certificate authority, then {_RETRY}."
        )
    if any(phrase in text for phrase in _UNAUTHORIZED):
        return (
            "The package index or a proxy requires a user name and a password, so nothing was installed. Configure "
            f"them for pip or uv, then {_RETRY}."
        )
    if any(phrase in text for phrase in _NO_NETWORK):
        return (
            "The package index could not be reached, so nothing was installed. Check the network connection, "
            f"then {_RETRY}."
        )
    if any(phrase in text for phrase in _NO_BUILD):
        return (
            "The package index has no build of the local model for this system and Python version. Use aloop without "
            "it: set ANTHROPIC_API_KEY, or use `--model offline`."
        )
    return f"The packages could not be installed: {_last_error(output)}. To retry, {_RETRY}."


def explain_end(log: str, code: int) -> str:
    """Return why a server ended, from its log and exit code (negative: a signal)."""
    if code == -9:
        return "it was killed, perhaps because memory ran out"
    found = _FIRST_ERROR.search(log)
    return _one_line(found[1]) if found else f"signal {-code}" if code < 0 else f"exit code {code}"


def _last_error(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    return _one_line((errors or lines or ["the installer printed no reason"])[-1].removeprefix("ERROR: "))


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line[:200].rstrip(". ")
