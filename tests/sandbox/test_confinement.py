"""What a machine can do, and a command wrapped by it, from its start to the last trace of it."""

import os
import signal
import subprocess
from pathlib import Path

import anyio
import pytest
from msgspec import structs

from tests.sandbox.boxed import Ran, run_boxed, start_wrapped
from tianting.sandbox.abilities import Abilities
from tianting.sandbox.confinement import Confinement, choose
from tianting.sandbox.control_groups import Controllers
from tianting.sandbox.gate import Gate
from tianting.sandbox.policy import SandboxPolicy

pytestmark = pytest.mark.anyio


def groups_of_ours(confinement: Confinement) -> set[str]:
    """The control groups of this process."""
    parents = {confinement.abilities.controllers.memory, confinement.abilities.controllers.pids} - {""}
    return {str(path) for parent in parents for path in Path(parent).glob(f"tianting-{os.getpid()}-*")}


def program(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_bubblewrap_that_works_is_chosen(confinement: Confinement) -> None:
    assert (confinement.confines, confinement.abilities.reason) == (True, "")


def test_bubblewrap_that_fails_is_told(tmp_path: Path) -> None:
    broken = program(tmp_path / "bwrap", "echo 'bwrap: No permissions to create new namespace' >&2; exit 1")

    found = choose({"PATH": str(tmp_path)}).abilities

    assert found.mechanism != "bubblewrap"
    assert found.reason.startswith(f"{broken} does not work here: bwrap: No permissions to create new namespace.")


def test_bubblewrap_that_fails_in_silence_is_told(tmp_path: Path) -> None:
    program(tmp_path / "bwrap", "exit 3")

    assert "exit code 3" in choose({"PATH": str(tmp_path)}).abilities.reason


def test_missing_bubblewrap_is_told(tmp_path: Path) -> None:
    found = choose({"PATH": str(tmp_path)}).abilities

    assert (found.mechanism != "bubblewrap", "is not installed" in found.reason) == (True, True)


def test_bubblewrap_named_in_settings_is_taken(confinement: Confinement, tmp_path: Path) -> None:
    named = program(tmp_path / "mine", f'exec {confinement.abilities.program} "$@"')

    assert choose({"PATH": ""}, str(named)).abilities.program == str(named)


async def test_bubblewrap_with_the_rights_of_root_is_limited_by_a_shell(
    confinement: Confinement, workspace: Path
) -> None:
    abilities = structs.replace(confinement.abilities, is_privileged=True, controllers=Controllers())

    ran = await run_boxed(Confinement(abilities), SandboxPolicy(), "ulimit -t; ulimit -v", workspace)

    assert ran == Ran(exit_code=0, output="30\n500000\n", note=None)


@pytest.mark.parametrize("counted", [True, False], ids=["in control groups", "without"])
async def test_limits_hold_from_the_first_moment(counted: bool, confinement: Confinement, workspace: Path) -> None:
    controllers = confinement.abilities.controllers if counted else Controllers()
    limited = Confinement(structs.replace(confinement.abilities, controllers=controllers))

    ran = await run_boxed(limited, SandboxPolicy(), "ulimit -t; ulimit -v; ulimit -u", workspace)
    limited.close()

    processor, memory, processes = ran.output.split()
    assert processor == "30"
    if not limited.abilities.controllers.version:
        assert (memory, processes) == ("500000", "100")


def test_what_cannot_be_limited_does_not_start(
    confinement: Confinement, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(gate: Gate, process: int) -> None:
        raise PermissionError(process)

    monkeypatch.setattr(Gate, "open", refused)
    wrapped = confinement.wrap(["touch", f"{workspace}/made"], SandboxPolicy(writable=("/",)), cwd=workspace)

    with pytest.raises(PermissionError) as failure:
        start_wrapped(wrapped, workspace, os.environ)
    wrapped.after()
    assert not Path("/proc", str(failure.value)).exists()
    assert not (workspace / "made").exists()


def test_bubblewrap_that_only_has_a_name_is_limited_by_a_shell(confinement: Confinement) -> None:
    found = choose({"PATH": ""}, Path(confinement.abilities.program).name).abilities

    assert (found.mechanism, found.is_privileged) == ("bubblewrap", True)


def test_system_without_any_mechanism_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "plan9")

    assert choose({}).abilities == Abilities(mechanism="none", reason="Nothing here confines commands on plan9.")


async def test_without_a_mechanism_only_limits_hold(place: Path) -> None:
    nothing = Confinement(Abilities(mechanism="none"))

    ran = await run_boxed(nothing, SandboxPolicy(), f"echo x > {place}/here; ulimit -t; ulimit -v", place)

    assert (nothing.confines, ran) == (False, Ran(exit_code=0, output="30\n500000\n", note=None))


async def test_command_hears_that_it_should_end_and_may_clean_up(confinement: Confinement, workspace: Path) -> None:
    policy = SandboxPolicy(writable=(str(workspace),))
    command = "trap 'echo cleaned > said; exit 0' TERM; touch ready; while :; do sleep 0.01; done"
    wrapped = confinement.wrap(["bash", "-c", command], policy, cwd=workspace)
    group = start_wrapped(wrapped, workspace, os.environ)
    with anyio.fail_after(10):
        while not (workspace / "ready").exists():
            await anyio.sleep(0.005)
        await group.end(grace=5)
    group.close()
    wrapped.after()

    assert ((workspace / "said").read_text(), group.exit_code) == ("cleaned\n", 0)


async def test_deaf_command_is_killed(confinement: Confinement, workspace: Path) -> None:
    policy = SandboxPolicy(writable=(str(workspace),))
    wrapped = confinement.wrap(["bash", "-c", "trap '' TERM; touch ready; sleep 60"], policy, cwd=workspace)
    group = start_wrapped(wrapped, workspace, os.environ)
    with anyio.fail_after(10):
        while not (workspace / "ready").exists():
            await anyio.sleep(0.005)
        await group.end(grace=0.01)
    group.close()
    wrapped.after()

    assert (group.exit_code, group.is_alive()) == (-signal.SIGKILL, False)


async def test_nothing_outlives_the_command(confinement: Confinement, workspace: Path) -> None:
    policy = SandboxPolicy(writable=(str(workspace),))
    beat = "(while :; do echo x >> beat; sleep 0.01; done) >/dev/null 2>&1 </dev/null &"

    await run_boxed(confinement, policy, f"setsid bash -c '{beat}'; sleep 0.1", workspace)
    with anyio.fail_after(5):
        while _is_growing(workspace / "beat"):
            await anyio.sleep(0.05)


def _is_growing(path: Path) -> bool:
    before = path.stat().st_size
    subprocess.run(["sleep", "0.1"], check=True, timeout=5)
    return path.stat().st_size != before


async def test_no_descriptor_and_no_control_group_is_left(confinement: Confinement, workspace: Path) -> None:
    confinement, policy = Confinement(confinement.abilities), SandboxPolicy(writable=(str(workspace),))
    before = groups_of_ours(confinement)
    await run_boxed(confinement, policy, "true", workspace)
    descriptors = len(list(Path("/proc/self/fd").iterdir()))

    for _ in range(5):
        await run_boxed(confinement, policy, "sleep 60 & true", workspace)

    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors
    with anyio.fail_after(5):
        while groups_of_ours(confinement) > before:
            confinement.close()


async def test_control_group_ends_what_escaped_every_other_way(confinement: Confinement, place: Path) -> None:
    if not confinement.abilities.controllers.version:
        pytest.skip("control groups are not writable here")
    unconfined = Confinement(Abilities(mechanism="none", controllers=confinement.abilities.controllers))
    wrapped = unconfined.wrap(["bash", "-c", "setsid sleep 60 & echo $!"], SandboxPolicy(), cwd=place)
    group = start_wrapped(wrapped, place, os.environ)
    with anyio.fail_after(5):
        process = int(await group.read())
        await group.wait()
        group.close()
        wrapped.after()
        while _lives(process):
            await anyio.sleep(0.01)


def _lives(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_control_groups_that_vanish_are_no_error(workspace: Path) -> None:
    gone = Controllers(version=2, memory="/nonexistent", pids="/nonexistent")
    wrapped = Confinement(Abilities(mechanism="none", controllers=gone)).wrap(["true"], SandboxPolicy(), cwd=workspace)

    wrapped.after()
    wrapped.after()

    assert "ulimit -S -v" in wrapped.argv[2]
