"""The profile of ``sandbox-exec``, the sandbox of macOS.

The profile refuses everything that it does not name. In particular, no other program can be started through Launch
Services, launchd or Apple events, because it would run outside.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from pathlib import Path

from aloop.sandbox.paths import Layout

PROGRAM = "/usr/bin/sandbox-exec"

_MOST_LETTERS = 8  # of a name whose spellings are listed

_HEAD = """\
(version 1)
(deny default)
(allow process-fork process-exec)
(allow signal process-info* (target same-sandbox))
(allow sysctl-read)
(allow file-read*)
(allow file-ioctl file-write-data
  (literal "/dev/null") (literal "/dev/zero") (literal "/dev/dtracehelper") (subpath "/dev/fd"))
(allow pseudo-tty)
(allow file-read* file-write* file-ioctl (literal "/dev/ptmx") (regex #"^/dev/ttys[0-9]+$"))
(allow ipc-posix-sem ipc-posix-shm*)
(allow system-socket (socket-domain AF_UNIX))
(allow mach-lookup
  (global-name "com.apple.system.opendirectoryd.libinfo")
  (global-name "com.apple.system.opendirectoryd.membership")
  (global-name "com.apple.system.notification_center")
  (global-name "com.apple.system.logger")
  (global-name "com.apple.bsd.dirhelper"))
"""
# Names are resolved by a daemon with a socket file; other socket files lead out of the sandbox.
_NETWORK = """\
(allow system-socket)
(allow network* (local ip) (remote ip))
(allow network-outbound (literal "/private/var/run/mDNSResponder"))
(allow mach-lookup
  (global-name "com.apple.SystemConfiguration.configd")
  (global-name "com.apple.dnssd.service")
  (global-name "com.apple.trustd.agent"))
"""


def seatbelt_command(layout: Layout, temporary: Path, hidden: Iterable[Path], *, has_network: bool) -> list[str]:
    """Return ``sandbox-exec`` with its profile; paths are parameters of that."""
    profile = [_HEAD, _NETWORK if has_network else ""]
    paths: dict[str, Path] = {}

    def rule(action: str, group: str, members: Iterable[Path], kind: str = "subpath") -> None:
        names: list[str] = []
        for path in members:
            names.append(f"{group}{len(names)}")
            paths[names[-1]] = path
        filters = "".join(f' ({kind} (param "{name}"))' for name in names)
        profile.extend([f"({action}{filters})\n"] if names else [])

    # The last rule that matches counts.
    rule("allow file-write*", "WRITABLE_", (*layout.writable, temporary))
    # Its file systems usually ignore case, but a name that does not exist yet is compared as it is written.
    blanks = (path.with_name(name) for path in layout.blanks for name in _spellings(path.name))
    rule("deny file-write*", "KEPT_", (*layout.kept, *blanks))
    # A folder that is renamed would take what is protected in it along.
    rule("deny file-write-unlink", "PINNED_", layout.pinned, "literal")
    rule("deny file-read*", "HIDDEN_", hidden)
    definitions = [word for name, path in paths.items() for word in ("-D", f"{name}={path}")]
    return [PROGRAM, "-p", "".join(profile), *definitions]


def _spellings(name: str) -> list[str]:
    """Return ``name`` in all combinations of upper and lower case."""
    letters = (sorted({letter.lower(), letter.upper()}) for letter in name[:_MOST_LETTERS])
    return [f"{''.join(each)}{name[_MOST_LETTERS:]}" for each in product(*letters)]
