"""Which screen a program in a terminal is read by."""

import pytest

from tianting.fleet.drivers.tmux import TmuxDriver, terminal_drivers
from tianting.fleet.templates import Template, driver_for
from tianting.protocol.errors import FleetError


@pytest.mark.parametrize(
    ("program", "resumes", "asks"),
    [
        pytest.param("claude", True, True, id="by name"),
        pytest.param("/opt/bin/claude", True, True, id="by path"),
        pytest.param("codex", False, True, id="one that cannot resume"),
        pytest.param("sh", False, False, id="a shell"),
        pytest.param("vim", False, False, id="any other"),
        pytest.param(None, False, False, id="none"),
    ],
)
def test_screen_is_that_of_the_program(program: str | None, resumes: bool, asks: bool) -> None:
    driver = driver_for("tmux", Template(name="t", kind="tmux", program=program), terminal_drivers())

    found = driver.abilities
    assert (driver.kind, found.terminal, found.resume, found.approvals) == ("tmux", True, resumes, asks)


def test_program_does_not_choose_the_driver_of_another_kind() -> None:
    drivers = {**terminal_drivers(), "acp": (other := TmuxDriver())}

    assert driver_for("acp", Template(name="t", kind="acp", program="claude"), drivers) is other


def test_kind_without_a_driver_is_named() -> None:
    with pytest.raises(FleetError, match="'echo'"):
        driver_for("echo", Template(name="t", kind="echo"), terminal_drivers())
