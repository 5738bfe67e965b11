"""The filter of system calls, run by a small interpreter of BPF."""

from __future__ import annotations

import errno
import struct

import pytest

from aloop.sandbox.seccomp import system_call_filter

ALLOWED, KILLED = 0x7FFF0000, 0x80000000
REFUSED, MISSING = 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS

# The audit number of each interface, and its numbers of socket, socketpair, ioctl, keyctl and getpid.
INTERFACES = {
    "x86_64": ("x86_64", 0xC000003E, 41, 53, 16, 250, 39),
    "i386": ("x86_64", 0x40000003, 359, 360, 54, 288, 20),
    "aarch64": ("aarch64", 0xC00000B7, 198, 199, 29, 219, 172),
    "arm": ("aarch64", 0x40000028, 281, 288, 54, 311, 20),
    "riscv64": ("riscv64", 0xC00000F3, 198, 199, 29, 219, 172),
}


def verdict(program: bytes, audit: int, number: int, *arguments: int) -> int:
    """Return the value that ``program`` returns for a system call."""
    padded = [*arguments, *[0] * (6 - len(arguments))]
    data = struct.pack("<IIQ6Q", number, audit, 0, *padded)
    at = accumulator = 0
    while True:
        code, if_true, if_false, value = struct.unpack_from("<HBBI", program, 8 * at)
        at += 1
        match code:
            case 0x20:
                accumulator = struct.unpack_from("<I", data, value)[0]
            case 0x54:
                accumulator &= value
            case 0x15:
                at += if_true if accumulator == value else if_false
            case 0x35:
                at += if_true if accumulator >= value else if_false
            case 0x06:
                return int(value)
            case _:
                raise AssertionError(f"unknown instruction {code:#x}")


@pytest.mark.parametrize("name", INTERFACES)
def test_filter_decides_by_family_and_type(name: str) -> None:
    machine, audit, socket, pair, ioctl, keyctl, getpid = INTERFACES[name]
    program = system_call_filter(machine)

    def of(number: int, *arguments: int) -> int:
        return verdict(program, audit, number, *arguments)

    assert {family for family in range(50) if of(socket, family, 1) == ALLOWED} == {2, 10, 16}
    assert of(socket, 1, 1) == of(socket, 1 + (1 << 32), 1) == REFUSED
    assert {kind for kind in range(8) if of(pair, 1, kind) == ALLOWED} == {1, 5}
    assert of(pair, 1, 1 | 0o2000000 | 0o4000) == ALLOWED  # SOCK_CLOEXEC, SOCK_NONBLOCK
    assert of(pair, 1, 2 | 0o2000000) == of(pair, 2, 1) == REFUSED
    assert of(ioctl, 1, 0x5412) == of(ioctl, 1, 0x541C) == of(ioctl, 1, 0x5412 + (1 << 32)) == REFUSED
    assert of(ioctl, 1, 0x5413) == of(getpid) == ALLOWED
    assert of(425) == of(keyctl) == of(keyctl - 1) == of(keyctl - 2) == MISSING


def test_other_interfaces_are_refused() -> None:
    program = system_call_filter("x86_64")
    assert verdict(program, 0xC000003E, 0x40000000 + 41, 1) == MISSING
    assert verdict(program, 0xC000003E, 0x40000000 + 39) == MISSING
    assert verdict(program, 0x40000003, 102, 1) == MISSING
    assert verdict(program, 0xC00000B7, 172) == KILLED


def test_unknown_machine_has_no_filter() -> None:
    assert system_call_filter("sparc") == b""
