"""Becomes the command after giving up rights for good: the walls where bubblewrap is missing (landlock(7)).

    python -I -S landlocked.py RULE... -- COMMAND...

A rule is `read:PATH`, `write:PATH` (with everything below), `list:PATH` (names only) or `filter:DESCRIPTOR` (a seccomp
program). Without a command it says which version of Landlock the kernel has, and fails where there is none.
Standard library only: it starts in a process of its own, with nothing of ours on its path.
"""

import ctypes
import os
import stat
import struct
import sys

_CREATE, _ADD, _RESTRICT = 444, 445, 446
"""System calls, the same on every processor."""
_PATH_BENEATH = 1
_VERSION = 1
_NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER, _PARENT_DEATH_SIGNAL, _KILL = 38, 22, 2, 1, 9

_EXECUTE, _WRITE, _READ, _LIST = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_TRUNCATE, _DEVICE_CONTROL = 1 << 14, 1 << 15
_ON_FILES = _EXECUTE | _WRITE | _READ | _TRUNCATE | _DEVICE_CONTROL
_OF_VERSION = {1: 13, 2: 14, 3: 15, 4: 15}
"""How many rights each version knows; 16 since version 5."""
_SCOPES = 0b11
"""Since version 6: no abstract Unix sockets and no signals to processes outside."""

_libc = ctypes.CDLL(None, use_errno=True)


def main(arguments: list[str]) -> None:
    """Never returns, but raises `OSError` where a wall cannot be built: then the command does not run."""
    version = _call(_CREATE, 0, 0, _VERSION)
    if not arguments:
        raise SystemExit(print(version))  # noqa: T201 - the answer
    split = arguments.index("--")
    confine([tuple(rule.split(":", 1)) for rule in arguments[:split]], version)
    os.execvp(arguments[split + 1], arguments[split + 1 :])  # noqa: S606 - what this file is for


def confine(rules: "list[tuple[str, ...]]", version: int) -> None:
    """Give up everything that no rule allows, for this process and all it starts."""
    handled = (1 << _OF_VERSION.get(version, 16)) - 1
    attributes = ctypes.create_string_buffer(struct.pack("=QQQ", handled, 0, _SCOPES), 24)
    ruleset = _call(_CREATE, ctypes.addressof(attributes), 24 if version >= 6 else 8, 0)
    for kind, place in rules:
        if kind != "filter":
            _allow(ruleset, place, _rights(kind, handled))
    _control(_NO_NEW_PRIVILEGES, 1)
    _control(_PARENT_DEATH_SIGNAL, _KILL)
    _call(_RESTRICT, ruleset, 0)
    os.close(ruleset)
    for kind, place in rules:
        if kind == "filter":
            _install(int(place))


def _rights(kind: str, handled: int) -> int:
    if kind == "write":
        return handled
    return handled & (_LIST if kind == "list" else _READ | _LIST | _EXECUTE)


def _allow(ruleset: int, place: str, rights: int) -> None:
    try:
        descriptor = os.open(place, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
        rights &= _ON_FILES
    rule = ctypes.create_string_buffer(struct.pack("=Qi", rights, descriptor), 12)
    _call(_ADD, ruleset, _PATH_BENEATH, ctypes.addressof(rule), 0)
    os.close(descriptor)


def _install(descriptor: int) -> None:
    program = os.read(descriptor, 65_536)
    code = ctypes.create_string_buffer(program, len(program))
    # `struct sock_fprog`: the number of instructions, and where they are.
    header = ctypes.create_string_buffer(struct.pack("@HP", len(program) // 8, ctypes.addressof(code)))
    _control(_SET_SECCOMP, _FILTER, ctypes.addressof(header))
    os.close(descriptor)


def _control(option: int, *values: int) -> None:
    padded = [*values, *[0] * (4 - len(values))]
    if _libc.prctl(ctypes.c_int(option), *map(ctypes.c_ulong, padded)) < 0:
        raise OSError(ctypes.get_errno(), f"prctl {option}")


def _call(number: int, *values: int) -> int:
    result = int(_libc.syscall(ctypes.c_long(number), *map(ctypes.c_long, values)))
    if result < 0:
        raise OSError(ctypes.get_errno(), f"system call {number}")
    return result


if __name__ == "__main__":
    main(sys.argv[1:])
