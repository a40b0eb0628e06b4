"""Commands are born where they are limited: shown in the kernel's own control groups, and without any."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from tianting.sandbox.birthplaces import Birthplace, Birthplaces
from tianting.sandbox.confinement import Confinement
from tianting.sandbox.control_groups import Controllers, LimitedGroup, Usage
from tianting.sandbox.policy import ResourceLimits

pytestmark = pytest.mark.anyio
LIMITS = ResourceLimits(memory=300_000_000, processes=20)


@pytest.fixture
def birthplaces(confinement: Confinement) -> Iterator[Birthplaces]:
    if confinement.abilities.controllers.version != 1:
        pytest.skip("there are no control groups of version 1 to write to")
    made = Birthplaces(confinement.abilities.controllers)
    yield made
    made.close()


def started(place: Birthplace, command: str) -> "subprocess.Popen[bytes]":
    argv = ["bash", "-c", command]
    return place.start(lambda: subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL))


def said(place: Birthplace, command: str) -> str:
    return started(place, command).communicate(timeout=10)[0].decode()


async def taken_again(birthplaces: Birthplaces, place: Birthplace) -> None:
    """Once the last of its processes is gone."""
    with anyio.fail_after(5):
        while birthplaces.take(LIMITS) is not place:
            await anyio.sleep(0.001)


async def test_what_is_started_there_is_born_in_the_groups(birthplaces: Birthplaces) -> None:
    place = birthplaces.take(LIMITS)

    groups = said(place, "cat /proc/self/cgroup")

    assert (place.entrance, groups.count(f"/tianting-{os.getpid()}-")) == ([], 2)
    assert Path("/proc/self/cgroup").read_text().count("tianting-") == 0  # we ourselves stay outside


async def test_thread_waits_for_the_next_command(birthplaces: Birthplaces) -> None:
    first = birthplaces.take(LIMITS)
    beside = birthplaces.take(LIMITS)
    birthplaces.give_back(first)

    assert beside is not first
    assert birthplaces.take(ResourceLimits(memory=1_000_000_000)) is not first
    assert birthplaces.take(ResourceLimits(memory=300_000_000, processes=20, cpu_time=99)) is first


async def test_limits_met_are_those_of_the_present_command(birthplaces: Birthplaces) -> None:
    place = birthplaces.take(LIMITS)
    said(place, "x=$(head -c 900000000 /dev/zero | tr '\\0' a)")
    killed = place.usage()
    birthplaces.give_back(place)

    await taken_again(birthplaces, place)

    assert (killed.memory_kills > 0, place.usage()) == (True, Usage())


async def test_place_with_somebody_in_it_is_not_taken(birthplaces: Birthplaces) -> None:
    place = birthplaces.take(LIMITS)
    with started(place, "exec sleep 60") as left:
        birthplaces.give_back(place)

    assert left.returncode == -signal.SIGKILL
    await taken_again(birthplaces, place)


async def test_dead_that_nobody_reaped_take_no_room(birthplaces: Birthplaces, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tianting.sandbox.birthplaces._ENOUGH", 1)
    place = birthplaces.take(LIMITS)
    with started(place, "exit") as dead:
        os.waitid(os.P_PID, dead.pid, os.WEXITED | os.WNOWAIT)
        birthplaces.give_back(place)

        assert birthplaces.take(LIMITS) is place
        assert room(place) == 20 + 3 + 1
    birthplaces.give_back(place)
    assert (birthplaces.take(LIMITS) is place, room(place)) == (True, 20 + 3)


async def test_place_without_dead_is_taken_first(birthplaces: Birthplaces) -> None:
    place = birthplaces.take(LIMITS)
    with started(place, "exit") as dead:
        os.waitid(os.P_PID, dead.pid, os.WEXITED | os.WNOWAIT)
        birthplaces.give_back(place)

        assert birthplaces.take(LIMITS) is not place
    assert birthplaces.take(LIMITS) is place


def room(place: Birthplace) -> int:
    said_there = said(place, "cat /sys/fs/cgroup/pids$(sed -n 's/.*:pids://p' /proc/self/cgroup)/pids.max")
    return int(said_there)


async def test_failure_to_start_is_raised_as_it_is(birthplaces: Birthplaces) -> None:
    place = birthplaces.take(LIMITS)

    with pytest.raises(FileNotFoundError):
        place.start(lambda: subprocess.Popen(["/nonexistent"]))


def test_command_enters_by_itself_in_version_two(tmp_path: Path) -> None:
    birthplaces = Birthplaces(Controllers(version=2, memory=str(tmp_path), pids=str(tmp_path)))

    place = birthplaces.take(LIMITS)
    [group] = tmp_path.iterdir()

    assert place.entrance == [f"echo 0 >{group}/cgroup.procs || exit 126"]
    for file in group.iterdir():  # the kernel's own go with their directory
        file.unlink()
    birthplaces.give_back(place)
    assert list(tmp_path.iterdir()) == []


def test_command_enters_by_itself_where_threads_may_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(group: LimitedGroup) -> None:
        raise PermissionError

    monkeypatch.setattr(LimitedGroup, "admit_this_thread", refused)

    place = Birthplaces(Controllers(version=1, memory=str(tmp_path), pids=str(tmp_path))).take(LIMITS)

    assert [words.endswith("/cgroup.procs || exit 126") for words in place.entrance] == [True]


def test_without_control_groups_nothing_is_counted() -> None:
    birthplaces = Birthplaces(Controllers())

    place = birthplaces.take(LIMITS)
    birthplaces.give_back(place)
    birthplaces.close()

    assert (place.entrance, place.group.counts, place.usage()) == ([], False, Usage())
