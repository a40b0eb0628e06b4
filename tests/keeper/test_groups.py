"""Control groups: found where the kernel has them and lets us, and made, met and removed there."""

import os
import subprocess
from pathlib import Path

import pytest

from tianting.keeper.groups import HIERARCHY, Controllers, Group, find_controllers, make_group
from tianting.keeper.words import Limits

MEMBERSHIP_1 = "8:pids:/p\n4:memory:/m/deep\n0::/\n"
MEMBERSHIP_2 = "0::/user.slice/keeper.scope\n"


@pytest.fixture
def hierarchy(tmp_path: Path) -> Path:
    """Both versions, as files: what counts here is which of them is written."""
    for place in ("memory/m/deep", "pids/p", "user.slice/keeper.scope"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "cgroup.procs").touch()
    (tmp_path / "user.slice/cgroup.procs").touch()
    (tmp_path / "user.slice/cgroup.subtree_control").write_text("cpu memory pids\n")
    return tmp_path


def test_version_two_has_one_place_beside_the_keeper(hierarchy: Path) -> None:
    beside = str(hierarchy / "user.slice")

    assert find_controllers(hierarchy, MEMBERSHIP_2) == Controllers(2, beside, beside)


def test_version_one_has_a_place_for_each(hierarchy: Path) -> None:
    expected = Controllers(1, str(hierarchy / "memory/m/deep"), str(hierarchy / "pids/p"))

    assert find_controllers(hierarchy, MEMBERSHIP_1) == expected


@pytest.mark.parametrize(
    "membership",
    [
        pytest.param("", id="nothing is told"),
        pytest.param("0::/elsewhere\n", id="not mounted"),
        pytest.param("4:memory:/m/deep\n", id="half of it"),
        pytest.param("8:pids:/gone\n4:memory:/gone\n", id="not ours"),
    ],
)
def test_without_a_place_there_are_none(hierarchy: Path, membership: str) -> None:
    assert find_controllers(hierarchy, membership) == Controllers()


def test_what_a_dead_keeper_left_is_removed(hierarchy: Path) -> None:
    with subprocess.Popen(["true"]) as gone:
        pass
    left = hierarchy / f"pids/p/tianting-keeper-{gone.pid}-7"
    ours = hierarchy / f"pids/p/tianting-keeper-{os.getpid()}-7"
    for place in (left, ours):
        place.mkdir()

    find_controllers(hierarchy, MEMBERSHIP_1)

    assert (left.exists(), ours.exists()) == (False, True)


@pytest.mark.parametrize(
    ("version", "written"),
    [
        pytest.param(
            1, {"memory.limit_in_bytes": "1000", "memory.memsw.limit_in_bytes": "1000", "pids.max": "5"}, id="1"
        ),
        pytest.param(2, {"memory.max": "1000", "memory.swap.max": "0", "pids.max": "5"}, id="2"),
    ],
)
def test_limits_are_written(tmp_path: Path, version: int, written: dict[str, str]) -> None:
    group = make_group(Controllers(version, str(tmp_path), str(tmp_path)), "7", Limits(memory=1000, processes=5))

    [made] = tmp_path.iterdir()
    assert {file.name: file.read_text() for file in made.iterdir()} == written
    assert group.counts


@pytest.mark.parametrize(
    ("controllers", "limits"),
    [
        pytest.param(Controllers(), Limits(memory=1), id="no place"),
        pytest.param(Controllers(2, "/no/such/place", "/no/such/place"), Limits(memory=1), id="refused"),
        pytest.param(Controllers(2, "/tmp", "/tmp"), Limits(cpu_seconds=1), id="nothing to count"),
    ],
)
def test_without_groups_nothing_is_counted(controllers: Controllers, limits: Limits) -> None:
    group = make_group(controllers, "7", limits)

    assert (group.counts, group.met_memory_limit(), group.remove()) == (False, False, True)


@pytest.mark.parametrize(
    ("file", "text", "met"),
    [
        pytest.param("memory.events", "low 0\noom_kill 1\n", True, id="version 2, met"),
        pytest.param("memory.events", "low 0\noom_kill 0\n", False, id="version 2, not met"),
        pytest.param("memory.oom_control", "oom_kill_disable 0\noom_kill 2\n", True, id="version 1, met"),
        pytest.param("memory.oom_control", "under_oom 0\n", False, id="old kernel"),
    ],
)
def test_want_of_memory_is_read(tmp_path: Path, file: str, text: str, met: bool) -> None:
    (tmp_path / file).write_text(text)

    assert Group((tmp_path,)).met_memory_limit() == met


def test_process_in_a_real_group_is_killed_with_it() -> None:
    controllers = find_controllers(HIERARCHY, Path("/proc/self/cgroup").read_text())
    group = make_group(controllers, "test", Limits(processes=50))
    if not group.counts:
        pytest.skip("no control groups can be made here")
    with subprocess.Popen(["sleep", "600"], preexec_fn=group.enter) as inside:  # noqa: PLW1509 - what a window does
        assert not group.remove()
        group.kill()
    assert inside.returncode == -9

    assert group.remove()
