"""The filter, run by a small interpreter: the kernel would say only that something was refused."""

import struct

import pytest

from tianting.sandbox.seccomp import filter_program

ALLOW, EPERM, ENOSYS = 0x7FFF0000, 0x00050001, 0x00050026
X86, ARM = 0xC000003E, 0xC00000B7


def verdict(program: bytes | None, architecture: int, number: int, *arguments: int) -> int:
    """What the kernel would answer."""
    assert program is not None
    padded = [*arguments, *[0] * (6 - len(arguments))]
    data = struct.pack("=IIQ6Q", number, architecture, 0, *padded)
    code = list(struct.iter_unpack("=HBBI", program))
    at = accumulator = 0
    while True:
        operation, when_true, when_false, value = code[at]
        at += 1
        if operation == 0x20:
            [accumulator] = struct.unpack_from("=I", data, value)
        elif operation == 0x06:
            return int(value)
        else:
            holds = accumulator == value if operation == 0x15 else accumulator >= value
            at += when_true if holds else when_false


@pytest.mark.parametrize(
    ("architecture", "call", "expected"),
    [
        pytest.param(X86, (0,), ALLOW, id="read"),
        pytest.param(X86, (41, 1), EPERM, id="a Unix socket"),
        pytest.param(X86, (41, 2), ALLOW, id="an internet socket, which leads nowhere"),
        pytest.param(X86, (53, 1), ALLOW, id="a pair of sockets"),
        pytest.param(X86, (16, 0, 0x5412), EPERM, id="type into the terminal"),
        pytest.param(X86, (16, 0, 0xFFFF_0000_5412), EPERM, id="type, with a disguised number"),
        pytest.param(X86, (16, 0, 0x541C), EPERM, id="paste on the console"),
        pytest.param(X86, (16, 0, 0x5413), ALLOW, id="ask for the window's size"),
        pytest.param(X86, (250,), EPERM, id="keyctl"),
        pytest.param(X86, (165,), EPERM, id="mount"),
        pytest.param(X86, (425,), ENOSYS, id="io_uring"),
        pytest.param(X86, (0x40000000 + 41, 1), ENOSYS, id="x32"),
        pytest.param(0x40000003, (359, 1), EPERM, id="the 32-bit processor"),
    ],
)
def test_filter_of_x86(architecture: int, call: tuple[int, ...], expected: int) -> None:
    assert verdict(filter_program("x86_64", unix_sockets=False), architecture, *call) == expected


@pytest.mark.parametrize(
    ("program", "architecture", "call", "expected"),
    [
        pytest.param(filter_program("x86_64", unix_sockets=True), X86, (41, 1), ALLOW, id="Unix sockets allowed"),
        pytest.param(
            filter_program("x86_64", unix_sockets=False, network=False), X86, (41, 10), EPERM, id="no network"
        ),
        pytest.param(
            filter_program("x86_64", unix_sockets=False, nested_namespaces=True), X86, (165,), ALLOW, id="nested"
        ),
        pytest.param(filter_program("aarch64", unix_sockets=False), ARM, (198, 1), EPERM, id="arm socket"),
        pytest.param(filter_program("aarch64", unix_sockets=False), ARM, (63,), ALLOW, id="arm read"),
        pytest.param(filter_program("aarch64", unix_sockets=False), X86, (63,), EPERM, id="arm with other numbers"),
    ],
)
def test_filter_follows_policy(program: bytes, architecture: int, call: tuple[int, ...], expected: int) -> None:
    assert verdict(program, architecture, *call) == expected


def test_no_filter_for_an_unknown_processor() -> None:
    assert filter_program("riscv64", unix_sockets=False) is None
