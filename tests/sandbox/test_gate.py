"""bwrap waits until its limits are set; here other programs wait in its place."""

import os
import resource
import subprocess
from collections.abc import Iterator

import pytest

from tianting.sandbox.gate import Gate

READ_IT = "cat <&{0} | tr '\\0' ' '; ulimit -H -t"


@pytest.fixture
def gate() -> Iterator[Gate]:
    made = Gate(["--chdir", "/work"], {resource.RLIMIT_CPU: (7, 8)})
    yield made
    made.close()


def waiting(gate: Gate, command: str) -> "subprocess.Popen[str]":
    argv = ["bash", "-c", command.format(gate.descriptor)]
    return subprocess.Popen(argv, pass_fds=(gate.descriptor,), stdout=subprocess.PIPE, text=True)


def test_limits_hold_before_the_options_are_told(gate: Gate) -> None:
    process = waiting(gate, READ_IT)

    gate.open(process.pid)

    assert process.communicate(timeout=5)[0] == "--chdir /work 8\n"
    assert gate.argv == ["--args", str(gate.descriptor)]


def test_lower_limit_of_before_stays(gate: Gate) -> None:
    process = waiting(gate, READ_IT)
    resource.prlimit(process.pid, resource.RLIMIT_CPU, (3, 3))

    gate.open(process.pid)

    assert process.communicate(timeout=5)[0] == "--chdir /work 3\n"


def test_program_that_failed_at_once_is_no_error() -> None:
    gate = Gate(["x" * 100_000], {resource.RLIMIT_CPU: (7, 8)})
    process = subprocess.Popen(["true"])
    process.wait(timeout=5)
    os.close(gate.descriptor)

    gate.open(process.pid)


def test_gate_that_never_opened_lets_nothing_through(gate: Gate) -> None:
    shut = Gate(["--chdir", "/work"], {})
    process = waiting(shut, "cat <&{0}")

    shut.close()

    assert process.communicate(timeout=5)[0] == ""
