"""The sandbox of one session: from settings to walls, a /tmp and a proxy."""

import os
from pathlib import Path

import pytest
from msgspec import structs

from tianting.protocol.errors import ConfigError
from tianting.sandbox.abilities import Abilities
from tianting.sandbox.commands import CommandSandbox, open_sandbox
from tianting.sandbox.confinement import Confinement
from tianting.sandbox.places import Places
from tianting.sandbox.policy import NetworkPolicy, ResourceLimits, SandboxPolicy
from tianting.sandbox.settings import NetworkSettings, SandboxSettings

pytestmark = pytest.mark.anyio

NO_WALLS = Confinement(Abilities(mechanism="none", reason="There is nothing."))
SETTINGS = SandboxSettings(enabled=True)


@pytest.mark.parametrize(
    ("limit", "seconds", "expected"),
    [pytest.param(30, 1.5, "32", id="grows"), pytest.param(0, 1.5, None, id="none stays none")],
)
async def test_processor_time_grows_by_what_the_call_may_take(
    tmp_path: Path, limit: int, seconds: float, expected: str | None
) -> None:
    policy = SandboxPolicy(limits=ResourceLimits(cpu_time=limit))

    wrapped = CommandSandbox(SETTINGS, NO_WALLS, policy).wrap(["true"], cwd=tmp_path, seconds=seconds)
    wrapped.after()

    assert (f"ulimit -S -t {expected};" in wrapped.argv[2]) == (expected is not None)


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        pytest.param(SandboxPolicy(writable=("/a", "/b")), "They can write in /a, /b and in /tmp", id="files"),
        pytest.param(SandboxPolicy(), "They have no network.", id="no network"),
        pytest.param(
            SandboxPolicy(network=NetworkPolicy(reach="hosts", allowed=("a.net",))), "they reach a.net, by", id="hosts"
        ),
        pytest.param(SandboxPolicy(network=NetworkPolicy(reach="all")), "share the machine's network", id="network"),
    ],
)
async def test_model_is_told_what_the_policy_says(policy: SandboxPolicy, said: str) -> None:
    walls = Confinement(Abilities(mechanism="bubblewrap"))

    assert said in CommandSandbox(SETTINGS, walls, policy).description


async def test_nothing_is_promised_without_walls() -> None:
    sandbox = CommandSandbox(SETTINGS, NO_WALLS, SandboxPolicy())

    assert (sandbox.confines, sandbox.description, sandbox.shortcoming) == (False, "", "There is nothing.")


async def test_tmp_is_kept_between_commands_and_gone_afterwards(confinement: Confinement, workspace: Path) -> None:
    places = Places(home=str(workspace.parent / "home"), roots=(str(workspace),))

    async with open_sandbox(SETTINGS, places, os.environ) as sandbox:
        scratch = Path(sandbox.policy.private_tmp)
        assert scratch.is_dir()
        assert sandbox.confinement.abilities.mechanism == confinement.abilities.mechanism

    assert not scratch.exists()


@pytest.mark.parametrize(("hosts", "has_proxy"), [((), False), (("a.net",), True)])
async def test_proxy_runs_only_where_hosts_are_named(
    confinement: Confinement, workspace: Path, hosts: tuple[str, ...], has_proxy: bool
) -> None:
    settings = structs.replace(SETTINGS, network=NetworkSettings(allowed_domains=hosts))

    async with open_sandbox(settings, Places(home="/", roots=(str(workspace),)), os.environ) as sandbox:
        wrapped = sandbox.wrap(["true"], cwd=workspace, seconds=1)
        wrapped.after()

    assert ("HTTPS_PROXY" in wrapped.environment) == has_proxy


@pytest.mark.parametrize("insists", [True, False])
async def test_whoever_insists_on_walls_gets_none_without(
    monkeypatch: pytest.MonkeyPatch, workspace: Path, insists: bool
) -> None:
    monkeypatch.setattr("tianting.sandbox.commands.choose", lambda *_: NO_WALLS)
    settings = structs.replace(SETTINGS, fail_if_unavailable=insists)
    places = Places(home="/", roots=(str(workspace),))

    if insists:
        with pytest.raises(ConfigError, match=r"enabled and cannot be built: There is nothing\. Install bubblewrap"):
            await open_sandbox(settings, places, {}).__aenter__()
    else:
        async with open_sandbox(settings, places, {}) as sandbox:
            assert not sandbox.confines
