"""The profile for macOS, as text."""

from __future__ import annotations

from pathlib import Path

from aloop.sandbox.paths import Layout
from aloop.sandbox.seatbelt import seatbelt_command

WORK = Path('/Users/me/a "b"')
LAYOUT = Layout((WORK,), (WORK / ".aloop", WORK / "lib/x/.git"), (WORK / "lib", WORK / "lib/x"), (WORK / ".git",))
SPELLINGS = (".GIT", ".GIt", ".GiT", ".Git", ".gIT", ".gIt", ".giT", ".git")


def profile(*, has_network: bool = False) -> tuple[list[str], dict[str, str]]:
    """Return the lines of the profile and its parameters."""
    program, option, text, *definitions = seatbelt_command(
        LAYOUT, Path("/private/tmp/x"), [Path("/Users/me/.config/anthropic")], has_network=has_network
    )
    assert (program, option, definitions[::2]) == ("/usr/bin/sandbox-exec", "-p", ["-D"] * (len(definitions) // 2))
    return text.splitlines(), dict(each.split("=", 1) for each in definitions[1::2])


def test_profile_refuses_by_default_and_its_rules_are_in_order() -> None:
    lines, parameters = profile()
    kept = " ".join(f'(subpath (param "KEPT_{number}"))' for number in range(10))
    assert lines[:2] == ["(version 1)", "(deny default)"]
    assert lines[-4:] == [
        '(allow file-write* (subpath (param "WRITABLE_0")) (subpath (param "WRITABLE_1")))',
        f"(deny file-write* {kept})",
        '(deny file-write-unlink (literal (param "PINNED_0")) (literal (param "PINNED_1")))',
        '(deny file-read* (subpath (param "HIDDEN_0")))',
    ]
    assert parameters == {
        "WRITABLE_0": str(WORK),
        "WRITABLE_1": "/private/tmp/x",
        "KEPT_0": str(WORK / ".aloop"),
        "KEPT_1": str(WORK / "lib/x/.git"),
        **{f"KEPT_{number}": str(WORK / name) for number, name in enumerate(SPELLINGS, 2)},
        "PINNED_0": str(WORK / "lib"),
        "PINNED_1": str(WORK / "lib/x"),
        "HIDDEN_0": "/Users/me/.config/anthropic",
    }


def test_no_path_is_part_of_the_profile_itself() -> None:
    assert not any("/Users" in line or '"b"' in line for line in profile()[0])


def test_parentheses_are_balanced() -> None:
    for has_network in (False, True):
        text = "\n".join(profile(has_network=has_network)[0])
        assert text.count("(") == text.count(")")


def test_network_is_allowed_only_by_the_settings() -> None:
    assert not any("network" in line or "mDNSResponder" in line for line in profile()[0])
    allowed = [line for line in profile(has_network=True)[0] if "network" in line]
    assert allowed == [
        "(allow network* (local ip) (remote ip))",
        '(allow network-outbound (literal "/private/var/run/mDNSResponder"))',
    ]


def test_programs_cannot_be_started_outside() -> None:
    text = "\n".join(profile(has_network=True)[0])
    for operation in ("lsopen", "appleevent-send", "job-creation", "launchservices", "SecurityServer", "mach-lookup)"):
        assert operation not in text
