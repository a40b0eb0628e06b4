"""Limits of a template reach the keeper, and impossible ones a person."""

import pytest

from tianting.fleet.ground.limits import WindowLimits, keeper_limits
from tianting.keeper.words import Limits
from tianting.protocol.errors import ConfigError


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        pytest.param(WindowLimits(), Limits(), id="none"),
        pytest.param(
            WindowLimits(memory=2_000_000_000, processes=200, cpu_time=60),
            Limits(memory=2_000_000_000, processes=200, cpu_seconds=60),
            id="all",
        ),
        pytest.param(WindowLimits(processes=8), Limits(processes=8), id="one, and the least"),
    ],
)
def test_limits_reach_the_keeper(limits: WindowLimits, expected: Limits) -> None:
    assert keeper_limits(limits) == expected


@pytest.mark.parametrize(
    ("limits", "complaint"),
    [
        pytest.param(WindowLimits(memory=512), "limits.memory is 512", id="gigabytes meant as bytes"),
        pytest.param(WindowLimits(processes=1), "limits.processes is 1", id="no room for a tool"),
        pytest.param(WindowLimits(cpu_time=-1), "limits.cpuTime is -1", id="negative"),
    ],
)
def test_limits_that_no_agent_could_live_with_are_refused(limits: WindowLimits, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        keeper_limits(limits)
