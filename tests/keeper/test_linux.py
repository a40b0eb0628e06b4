"""What is asked of the kernel is done or refused aloud."""

import os
import signal
import subprocess
import sys

import pytest

from tianting.keeper import linux


def test_whose_parent_is_gone_already_dies_at_once() -> None:
    code = f"from tianting.keeper import linux; linux.die_with({os.getpid() + 1_000_000}); print('alive')"

    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, timeout=10)

    assert (ran.returncode, ran.stdout) == (-signal.SIGKILL, b"")


def test_refusal_of_the_kernel_is_an_error() -> None:
    with pytest.raises(OSError, match="Invalid argument"):
        linux._prctl(-1, 0)
