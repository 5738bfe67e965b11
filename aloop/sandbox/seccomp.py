"""A filter of system calls, for what namespaces and read-only mounts do not cover.

A socket file can be used on a read-only file system, so that a program in the sandbox could ask another one outside,
such as Docker, ssh-agent or the user's systemd, to act for it. The filter therefore refuses sockets of all families but
those of the Internet, for which there is a separate network, and netlink. It allows pairs of connected sockets, except
for datagram sockets, which can send to other addresses. It also refuses io_uring, which opens sockets without a system
call, the keyrings of the kernel, and input for a terminal (TIOCSTI, TIOCLINUX).

The filter is a classic BPF program for ``seccomp(2)``, as the option ``--seccomp`` of bubblewrap reads it.
"""

from __future__ import annotations

import errno
import platform
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_LOAD, _AND, _JUMP_IF_EQUAL, _JUMP_IF_AT_LEAST, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER, _ARCHITECTURE, _FIRST, _SECOND = 0, 4, 16, 24  # offsets in struct seccomp_data, on little-endian machines
_UNIX, _FAMILIES = 1, (2, 10, 16)  # AF_UNIX; AF_INET, AF_INET6, AF_NETLINK
_STREAM, _SEQUENCED = 1, 5
_TYPE = 0xF  # without flags such as SOCK_CLOEXEC
_TERMINAL_INPUT = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX
_X32 = 0x40000000  # the first number of the x32 interface


@dataclass(frozen=True, slots=True)
class _Interface:
    """The numbers of the system calls of one kind of machine.

    ``missing`` are answered as if the kernel did not have them.
    """

    audit: int
    socket: int
    pair: int
    ioctl: int
    missing: tuple[int, ...]
    first_missing: int | None = None


_IO_URING = 425
_X86_64 = _Interface(0xC000003E, 41, 53, 16, (_IO_URING, 248, 249, 250), _X32)
_I386 = _Interface(0x40000003, 359, 360, 54, (_IO_URING, 286, 287, 288, 102))  # the last is socketcall
_AARCH64 = _Interface(0xC00000B7, 198, 199, 29, (_IO_URING, 217, 218, 219))
_ARM = _Interface(0x40000028, 281, 288, 54, (_IO_URING, 309, 310, 311))
_RISCV64 = _Interface(0xC00000F3, 198, 199, 29, (_IO_URING, 217, 218, 219))

# With the interface of 32-bit programs, if the machine may run them.
_MACHINES: Mapping[str, Sequence[_Interface]] = {
    "x86_64": (_X86_64, _I386),
    "aarch64": (_AARCH64, _ARM),
    "riscv64": (_RISCV64,),
}


def system_call_filter(machine: str | None = None) -> bytes:
    """Return the program for a machine, by default this one; empty if unknown."""
    interfaces = _MACHINES.get(machine or platform.machine(), ())
    if not interfaces:
        return b""
    program = [_instruction(_LOAD, _ARCHITECTURE)]
    for interface in interfaces:
        section = _section(interface)
        program += [_instruction(_JUMP_IF_EQUAL, interface.audit, 0, len(section)), *section]
    return b"".join([*program, _instruction(_RETURN, _KILL)])


def _section(interface: _Interface) -> list[bytes]:
    missing = _instruction(_RETURN, _ERRNO | errno.ENOSYS)
    lines = [_instruction(_LOAD, _NUMBER)]
    if interface.first_missing is not None:
        lines += [_instruction(_JUMP_IF_AT_LEAST, interface.first_missing, 0, 1), missing]
    for number in interface.missing:
        lines += _if_equal(number, [missing])
    return [
        *lines,
        *_if_equal(interface.socket, [_instruction(_LOAD, _FIRST), *_only(_FAMILIES)]),
        *_if_equal(
            interface.pair,
            [
                _instruction(_LOAD, _FIRST),
                *_if_equal(
                    _UNIX, [_instruction(_LOAD, _SECOND), _instruction(_AND, _TYPE), *_only((_STREAM, _SEQUENCED))]
                ),
                _REFUSE,
            ],
        ),
        *_if_equal(
            interface.ioctl,
            [
                _instruction(_LOAD, _SECOND),
                *(line for request in _TERMINAL_INPUT for line in _if_equal(request, [_REFUSE])),
            ],
        ),
        _instruction(_RETURN, _ALLOW),
    ]


def _if_equal(value: int, lines: Sequence[bytes]) -> list[bytes]:
    return [_instruction(_JUMP_IF_EQUAL, value, 0, len(lines)), *lines]


def _only(values: Sequence[int]) -> list[bytes]:
    """Return lines that allow these values, and refuse all others."""
    allow = _instruction(_RETURN, _ALLOW)
    return [*(line for value in values for line in _if_equal(value, [allow])), _REFUSE]


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("<HBBI", code, if_true, if_false, value)


_REFUSE = _instruction(_RETURN, _ERRNO | errno.EPERM)
