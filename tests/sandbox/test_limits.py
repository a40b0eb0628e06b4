"""Control groups in a directory that looks like the kernel's; the kernel's own are attacked in `test_escapes`."""

import os
import resource
import signal
from pathlib import Path

import pytest

from tianting.sandbox.control_groups import Controllers, LimitedGroup, Usage, find_controllers, make_group
from tianting.sandbox.limits import counting_argv, ended_by, limiting_argv, resource_limits
from tianting.sandbox.policy import ResourceLimits

LIMITS = ResourceLimits(memory=100_000_000, cpu_time=7, processes=20)


def directory(*parts: str, root: Path, enabled: str | None = None) -> Path:
    path = root.joinpath(*parts)
    path.mkdir(parents=True, exist_ok=True)
    (path / "cgroup.procs").touch()
    if enabled is not None:
        (path / "cgroup.subtree_control").write_text(enabled)
    return path


def test_version_two_stands_beside_the_agent(tmp_path: Path) -> None:
    beside = directory("user", root=tmp_path, enabled="cpu memory pids")
    directory("user", "agent", root=tmp_path, enabled="")

    found = find_controllers(tmp_path, "0::/user/agent\n")

    assert found == Controllers(version=2, memory=str(beside), pids=str(beside))


def test_version_one_has_a_tree_for_each(tmp_path: Path) -> None:
    memory, pids = directory("memory", "a", root=tmp_path), directory("pids", root=tmp_path)

    found = find_controllers(tmp_path, "8:pids:/\n4:memory:/a\n1:cpu,cpuacct:/\n0::/\n")

    assert found == Controllers(version=1, memory=str(memory), pids=str(pids))


@pytest.mark.parametrize(
    "membership",
    [
        pytest.param("", id="no groups"),
        pytest.param("0::/a", id="controllers not handed down"),
        pytest.param("4:memory:/a", id="one of two"),
        pytest.param("4:memory:/gone\n8:pids:/gone", id="out of sight"),
    ],
)
def test_no_controllers_where_they_cannot_be_used(membership: str, tmp_path: Path) -> None:
    directory("a", root=tmp_path, enabled="cpu")

    assert find_controllers(tmp_path, membership) == Controllers()


def test_groups_of_agents_that_are_gone_are_removed(tmp_path: Path) -> None:
    place = directory(root=tmp_path, enabled="memory pids")
    (place / f"tianting-{os.getpid()}-aa").mkdir()
    (place / "tianting-4194999-bb").mkdir()
    (place / "tianting-other").mkdir()

    find_controllers(tmp_path, "0::/")

    assert sorted(path.name for path in place.glob("tianting-*")) == [f"tianting-{os.getpid()}-aa", "tianting-other"]


@pytest.mark.parametrize(
    ("version", "written"),
    [
        pytest.param(2, {"memory.max": "100000000", "memory.swap.max": "0", "pids.max": "23"}, id="version 2"),
        pytest.param(
            1,
            {
                "memory.limit_in_bytes": "100000000",
                "memory.memsw.limit_in_bytes": "100000000",
                "pids.max": "23",
            },
            id="version 1",
        ),
    ],
)
def test_group_gets_its_limits(version: int, written: dict[str, str], tmp_path: Path) -> None:
    group = make_group(Controllers(version=version, memory=str(tmp_path), pids=str(tmp_path)), LIMITS)

    [made] = tmp_path.iterdir()
    assert {path.name: path.read_text() for path in made.iterdir()} == written
    assert group.counts
    assert group.entrance() == [f"echo 0 >{made}/cgroup.procs || exit 126"]


def test_group_tells_what_was_met(tmp_path: Path) -> None:
    (tmp_path / "memory.events").write_text("low 0\noom_kill 2\n")
    (tmp_path / "pids.events").write_text("max 3\n")

    assert LimitedGroup((tmp_path,)).usage() == Usage(memory_kills=2, refused_processes=3)


def test_group_that_cannot_be_made_leaves_resource_limits(tmp_path: Path) -> None:
    group = make_group(Controllers(version=2, memory=str(tmp_path / "gone"), pids=str(tmp_path / "gone")), LIMITS)

    assert (group.counts, group.usage(), group.close()) == (False, Usage(), True)


def test_shell_in_front_enters_and_limits_and_is_gone() -> None:
    limits = resource_limits(LIMITS, counted=False)

    assert limiting_argv(["enter"], limits) == [
        *("/bin/sh", "-c"),
        'enter; ulimit -S -t 7; ulimit -H -t 8; ulimit -S -v 97656; ulimit -H -v 97656; exec "$@"',
        "sh",
    ]
    assert limiting_argv([], {}) == []


def test_what_a_group_counts_needs_no_resource_limit() -> None:
    assert resource_limits(LIMITS, counted=True) == {resource.RLIMIT_CPU: (7, 8)}
    assert counting_argv(LIMITS, counted=True) == []
    assert counting_argv(LIMITS, counted=False)[0] == "/bin/sh"


def test_zero_means_no_limit() -> None:
    none = ResourceLimits(memory=0, cpu_time=0, processes=0)

    assert (resource_limits(none, counted=False), counting_argv(none, counted=False)) == ({}, [])


@pytest.mark.parametrize(
    ("exit_code", "usage", "words"),
    [
        pytest.param(137, Usage(memory_kills=1), "more than 100 MB of memory", id="memory"),
        pytest.param(0, Usage(memory_kills=1), "more than 100 MB of memory", id="memory of a child"),
        pytest.param(128 + signal.SIGXCPU, Usage(), "7 s of processor time", id="processor"),
        pytest.param(-signal.SIGXCPU, Usage(), "7 s of processor time", id="processor, by its signal"),
        pytest.param(1, Usage(refused_processes=1), "more than 20 processes", id="processes"),
        pytest.param(0, Usage(refused_processes=1), None, id="processes, but it coped"),
        pytest.param(1, Usage(), None, id="its own failure"),
    ],
)
def test_limit_that_was_met_is_named(exit_code: int, usage: Usage, words: str | None) -> None:
    said = ended_by(exit_code, usage, LIMITS)

    assert (words is None and said is None) or (words or "") in (said or "")
