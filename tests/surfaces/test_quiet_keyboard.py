"""The echo of a terminal goes off and comes back."""

import os
import pty
import termios
from collections.abc import Iterator

import pytest

from tianting.surfaces.quiet_keyboard import quiet_keyboard


@pytest.fixture
def terminal() -> Iterator[int]:
    master, terminal = pty.openpty()
    yield terminal
    os.close(terminal)
    os.close(master)


def echoes(terminal: int) -> bool:
    return bool(termios.tcgetattr(terminal)[3] & termios.ECHO)


def test_echo_is_off_inside_and_on_again_behind(terminal: int) -> None:
    with quiet_keyboard(terminal):
        assert not echoes(terminal)
        assert termios.tcgetattr(terminal)[3] & termios.ISIG

    assert echoes(terminal)


def test_terminal_that_hangs_up_is_no_trouble() -> None:
    master, terminal = pty.openpty()
    with quiet_keyboard(terminal):
        os.close(master)
    os.close(terminal)


def test_what_is_no_terminal_is_left_alone() -> None:
    reader, writer = os.pipe()
    with quiet_keyboard(reader):
        os.close(writer)
    os.close(reader)
