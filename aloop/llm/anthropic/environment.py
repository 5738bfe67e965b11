"""Problems of the variables for proxies and certificates.

They are found without the network, and apart from the HTTP client, so that ``aloop doctor`` need not load it.
"""

from __future__ import annotations

import ipaddress
import os
import ssl
from collections.abc import Mapping
from importlib.util import find_spec
from urllib.parse import urlsplit

_PROXY_VARIABLES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")
_PROXY_SCHEMES = ("http", "https", "socks5", "socks5h")


def proxy_variable(scheme: str, env: Mapping[str, str] = os.environ) -> str | None:
    """Return the name of the variable whose proxy is used for ``scheme``, or None."""
    upper = (f"{scheme.upper()}_PROXY", "ALL_PROXY")
    return next((name for each in upper for name in (each.lower(), each) if env.get(name)), None)


def environment_problem(env: Mapping[str, str] = os.environ) -> str | None:
    """Return a sentence about an unusable proxy or certificate variable, or None.

    The sentence names the variable. No network is used.
    """
    for name in (spelling for upper in _PROXY_VARIABLES for spelling in (upper, upper.lower())):
        if env.get(name) and (problem := _proxy_problem(env[name])):
            return f"{name} {problem}"
    for name in ("NO_PROXY", "no_proxy"):
        for entry in env.get(name, "").split(","):
            if _is_unusable_exception(entry.strip()):
                return f"{name} holds {entry.strip()!r}, which cannot be used. Remove that entry."
    for name, is_there in (("SSL_CERT_FILE", os.path.isfile), ("SSL_CERT_DIR", os.path.isdir)):
        if env.get(name) and not is_there(env[name]):
            return f"{name} names {env[name]!r}, which does not exist. Correct or unset it."
    if (file := env.get("SSL_CERT_FILE")) and not _has_certificates(file):
        return f"SSL_CERT_FILE names {file!r}, which has no certificates that can be read. Correct or unset it."
    return None


def _has_certificates(file: str) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=file)
    except OSError:  # those of ssl are among them
        return False
    return True


def _proxy_problem(value: str) -> str | None:
    """Return the rest of a sentence that begins with the variable's name."""
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        has_host, _ = bool(parts.hostname), parts.port
    except ValueError:
        has_host = False
        parts = urlsplit("")
    if not has_host:
        return "is not the URL of a proxy. Correct or unset it."
    if parts.scheme not in _PROXY_SCHEMES:
        return f"names a proxy of the unknown kind {parts.scheme!r}. Use http://, https:// or socks5://."
    if parts.scheme.startswith("socks") and find_spec("socksio") is None:
        return "names a SOCKS proxy, which needs the package socksio. Install it, or unset the variable."
    return None


def _is_unusable_exception(entry: str) -> bool:
    """Return True for an IPv6 range or bracketed address, which httpx2 rejects."""
    if entry.startswith("["):
        return True
    if "/" not in entry or ":" not in entry or "://" in entry:
        return False
    try:
        return ipaddress.ip_network(entry, strict=False).version == 6
    except ValueError:
        return False
