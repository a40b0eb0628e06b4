"""The seccomp filter: what a namespace cannot keep from a command, because it needs no file and no network.

A classic BPF program (seccomp(2), linux/filter.h): wrong architecture -> refuse; forbidden call -> EPERM; else allow.
"""

import struct

from msgspec import Struct

_EPERM, _ENOSYS = 1, 38
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_LOAD, _EQUAL, _GREATER_EQUAL, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT, _SECOND_ARGUMENT = 0, 4, 16, 24
"""Offsets in `struct seccomp_data`; of an argument the lower half, on both little-endian machines."""
_X32 = 0x40000000
"""Numbers from here on are the x32 ABI of x86_64: other numbers for the same calls."""
_AF_UNIX = 1
_NETWORK_FAMILIES = (2, 10, 17, 40)
"""inet, inet6, packet, vsock"""
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
"""Type into, or paste on, the terminal one runs in."""


class _Calls(Struct, frozen=True, kw_only=True):
    architecture: int
    socket: int
    ioctl: int
    forbidden: tuple[int, ...]
    """keyctl, add_key, request_key, bpf, perf_event_open, userfaultfd, kexec_load, open_by_handle_at, mount, umount2,
    pivot_root, setns: what an ordinary build or test never needs."""
    nesting: tuple[int, ...]
    """Those of them that build a sandbox inside: mount, umount2, pivot_root, setns."""
    unknown: tuple[int, ...]
    """io_uring: does what the other calls do, without asking this filter."""


_CALLS: dict[str, _Calls] = {
    "x86_64": _Calls(
        architecture=0xC000003E,
        socket=41,
        ioctl=16,
        forbidden=(250, 248, 249, 321, 298, 323, 246, 304, 165, 166, 155, 308),
        nesting=(165, 166, 155, 308),
        unknown=(425, 426, 427),
    ),
    "aarch64": _Calls(
        architecture=0xC00000B7,
        socket=198,
        ioctl=29,
        forbidden=(219, 217, 218, 280, 241, 282, 104, 265, 40, 39, 41, 268),
        nesting=(40, 39, 41, 268),
        unknown=(425, 426, 427),
    ),
}


def filter_program(
    machine: str, *, unix_sockets: bool, network: bool = True, nested_namespaces: bool = False
) -> bytes | None:
    """The filter for `machine` (as `os.uname` names it), or `None` where its numbers are not known here.

    `network` false also forbids internet sockets, for where no namespace does it.
    """
    calls = _CALLS.get(machine)
    if calls is None:
        return None
    spared = calls.nesting if nested_namespaces else ()
    code = [_one(_LOAD, _ARCHITECTURE), *_unless_equal(calls.architecture, _EPERM), _one(_LOAD, _NUMBER)]
    if machine == "x86_64":
        code += [_one(_GREATER_EQUAL, _X32, 0, 1), _one(_RETURN, _ERRNO | _ENOSYS)]
    for number in calls.forbidden:
        if number not in spared:
            code += _if_equal(number, _EPERM)
    for number in calls.unknown:
        code += _if_equal(number, _ENOSYS)
    code += _of_call(calls.ioctl, _SECOND_ARGUMENT, (_TIOCSTI, _TIOCLINUX))
    families = (() if unix_sockets else (_AF_UNIX,)) + (() if network else _NETWORK_FAMILIES)
    if families:
        code += _of_call(calls.socket, _FIRST_ARGUMENT, families)
    return b"".join([*code, _one(_RETURN, _ALLOW)])


def _of_call(number: int, offset: int, refused: tuple[int, ...]) -> list[bytes]:
    """Refuse call `number` with one of `refused` as argument at `offset`; load the number again behind it."""
    checks = [_one(_LOAD, offset), *(step for value in refused for step in _if_equal(value, _EPERM))]
    checks.append(_one(_LOAD, _NUMBER))
    return [_one(_EQUAL, number, 0, len(checks)), *checks]


def _if_equal(value: int, error: int) -> list[bytes]:
    return [_one(_EQUAL, value, 0, 1), _one(_RETURN, _ERRNO | error)]


def _unless_equal(value: int, error: int) -> list[bytes]:
    return [_one(_EQUAL, value, 1, 0), _one(_RETURN, _ERRNO | error)]


def _one(code: int, value: int, when_true: int = 0, when_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, when_true, when_false, value)
