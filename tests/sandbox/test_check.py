"""The self-test, run where everything holds and where nothing does: a test that cannot fail proves nothing."""

import os
from pathlib import Path

import pytest
from msgspec import structs

from tianting.sandbox.abilities import Abilities
from tianting.sandbox.check import check
from tianting.sandbox.confinement import Confinement
from tianting.sandbox.policy import NetworkPolicy, ResourceLimits, SandboxPolicy

pytestmark = pytest.mark.anyio

NAMES = [
    "write inside",
    "read the system",
    "write outside",
    "read a secret",
    "open a connection",
    "see other processes",
    "start 100 processes",
    "take 1 GB",
    "outlive the agent",
]


async def test_every_promise_holds(confinement: Confinement, workspace: Path) -> None:
    results = await check(confinement, SandboxPolicy(writable=(str(workspace),)))

    assert [(result.name, result.held) for result in results] == [(name, True) for name in NAMES]
    assert results[2].sentence == "To write outside the writable directories was refused, as it should."


async def test_without_walls_each_breach_is_found() -> None:
    results = await check(Confinement(Abilities(mechanism="none")), SandboxPolicy())

    assert [result.name for result in results if not result.held] == [
        "write outside",
        "read a secret",
        "open a connection",
        "see other processes",
        "start 100 processes",
        "outlive the agent",
    ]


async def test_policy_decides_what_is_a_breach(confinement: Confinement) -> None:
    policy = SandboxPolicy(
        files_confined=False, network=NetworkPolicy(reach="all"), limits=ResourceLimits(memory=0, processes=50)
    )

    results = await check(confinement, structs.replace(policy, limits=ResourceLimits(processes=50)))

    told = {result.name: result.sentence for result in results}
    assert told["write outside"].endswith("worked, as it should.")
    if confinement.abilities.controllers.version or os.getuid():
        assert told["start 100 processes"].endswith("was refused, as it should.")
