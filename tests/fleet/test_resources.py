"""What windows use is counted with all that they started, and costs little to know."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianting.fleet.ground.process_table import (
    Leader,
    Process,
    Tree,
    descriptors_of,
    memory_of,
    parsed,
    read_trees,
    trees_of,
)
from tianting.fleet.ground.resources import BusyTrees, Pace, Sample, Sampler, directory_size
from tianting.plumbing.clock import SystemClock


class StillClock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.time = 100.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time


def process(pid: int, parent: int, session: int, mark: int = 0, started: int = 1) -> Process:
    return Process(pid=pid, parent=parent, session=session, own_ticks=1, reaped_ticks=0, started=started, mark=mark)


def leader(window_id: str, pid: int, started: int = 1, *directories: str) -> Leader:
    return Leader(window_id=window_id, pid=pid, started=started, directories=directories)


def test_processes_are_found_by_mark_by_session_and_by_parents() -> None:
    table = [
        process(1, 0, 1),
        *(process(10, 1, 10, mark=7), process(11, 10, 10, mark=7)),  # a marked window
        process(12, 1, 12, mark=7),  # which has a daemon
        *(process(20, 1, 20), process(21, 20, 20)),  # one in a terminal
        *(process(22, 21, 22), process(23, 22, 22)),  # whose tool made a session of its own
        process(24, 1, 20),  # and an orphan in the terminal's
        process(30, 1, 30, mark=8),  # somebody else's
    ]

    found = trees_of([leader("marked", 10), leader("terminal", 20)], table)

    assert {window: tree.pids for window, tree in found.items()} == {
        "marked": (10, 11, 12),
        "terminal": (20, 21, 22, 23, 24),
    }


def test_a_number_that_was_given_again_is_no_window() -> None:
    assert trees_of([leader("w1", 10, 5), leader("w2", 99)], [process(10, 1, 10, started=6)]) == {}


def test_a_window_within_a_window_is_its_own() -> None:
    table = [process(10, 1, 10), process(20, 10, 10), process(21, 20, 10)]

    found = trees_of([leader("outer", 10), leader("inner", 20)], table)

    # What the inner one starts in the outer one's session belongs to whoever says so first.
    assert found["inner"].leader.pid == 20
    assert {pid for tree in found.values() for pid in tree.pids} == {10, 20, 21}


def test_a_standby_counts_for_its_window() -> None:
    table = [process(10, 1, 10), process(11, 10, 10), process(20, 1, 20), process(21, 20, 20)]

    found = trees_of([leader("w1", 10), leader("w1", 20)], table)

    assert {window: tree.pids for window, tree in found.items()} == {"w1": (10, 11, 20, 21)}


@given(
    st.dictionaries(st.integers(2, 30), st.tuples(st.integers(0, 30), st.integers(0, 30), st.sampled_from([0, 7, 8]))),
    st.sets(st.integers(2, 30), max_size=4),
)
@settings(max_examples=100)
def test_nobody_belongs_to_two_windows(table: dict[int, tuple[int, int, int]], leaders: set[int]) -> None:
    # A parent has a lower number here, so that no line of parents is a circle.
    processes = [process(pid, min(parent, pid - 1), session, mark) for pid, (parent, session, mark) in table.items()]

    found = trees_of([leader(str(pid), pid) for pid in leaders], processes)

    members = [pid for tree in found.values() for pid in tree.pids]
    assert len(members) == len(set(members))
    assert set(found) == {str(pid) for pid in leaders if pid in table}


def test_the_dead_count_no_more() -> None:
    dead = process(11, 10, 10)._replace(dead=True)

    assert trees_of([leader("w1", 10)], [process(10, 1, 10), dead])["w1"].others == ()
    assert trees_of([leader("w2", 11)], [dead]) == {}


@pytest.mark.parametrize(
    ("name", "state"),
    [
        pytest.param("cat", "S", id="plain"),
        pytest.param("a) R 1 (b", "R", id="a name like fields"),
        pytest.param("sh", "Z", id="dead"),
    ],
)
def test_a_line_of_the_kernel_is_read(name: str, state: str) -> None:
    fields = f"{state} 4 3 2 0 -1 4194304 1 2 3 4 11 12 13 14 20 0 1 0 777 1000 2000"

    assert parsed(f"5 ({name}) {fields}\n".encode(), 9) == Process(
        pid=5, parent=4, session=2, own_ticks=23, reaped_ticks=27, started=777, mark=9, dead=state == "Z"
    )


def test_processor_time_of_a_tree_includes_what_was_reaped() -> None:
    of_leader = Process(pid=1, parent=0, session=1, own_ticks=100, reaped_ticks=20, started=1, mark=0)
    of_child = Process(pid=2, parent=1, session=1, own_ticks=3, reaped_ticks=4, started=1, mark=0)

    tree = Tree(of_leader, (of_child,))

    assert (tree.ticks, tree.ticks_below) == (127, 27)


AGENT = """
import os, resource, subprocess, sys, time
resource.setrlimit(resource.RLIMIT_RTTIME, ((1 << 60) + int(sys.argv[1]), resource.RLIM_INFINITY))
children = [subprocess.Popen(["sleep", "60"]) for _ in range(2)]
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execvp("sleep", ["sleep", "60"])
    os._exit(0)
os.wait()
files = [open("/dev/null") for _ in range(5)]
memory = bytearray(30_000_000)
print("ready", flush=True)
for line in sys.stdin:
    if line == "by itself\\n":
        end = time.process_time() + 0.3
        while time.process_time() < end:
            pass
    else:
        subprocess.run([sys.executable, "-c", "import time\\nwhile time.process_time() < 0.3: pass"])
    print("worked", flush=True)
"""


@pytest.fixture
def agent() -> Iterator["subprocess.Popen[str]"]:
    """A marked window with three processes besides its own, one of them a daemon."""
    with subprocess.Popen(
        [sys.executable, "-c", AGENT, str(os.getpid())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
        start_new_session=True,
    ) as started:
        assert started.stdout is not None
        started.stdout.readline()
        yield started
        for pid in read_trees([leader_of(started)])["w1"].pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def leader_of(agent: "subprocess.Popen[str]", *directories: str) -> Leader:
    started = parsed(Path(f"/proc/{agent.pid}/stat").read_bytes()).started
    return leader("w1", agent.pid, started, *directories)


def let_work(agent: "subprocess.Popen[str]", how: str = "with a tool") -> None:
    assert agent.stdin is not None
    assert agent.stdout is not None
    agent.stdin.write(f"{how}\n")
    agent.stdout.readline()


def test_a_sample_holds_the_whole_tree(agent: "subprocess.Popen[str]", tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(os.urandom(100_000))
    clock = StillClock()
    sampler = Sampler(clock)
    first = leader_of(agent, str(tmp_path))

    [before] = sampler.look([first])
    let_work(agent)
    clock.time = 102.0
    [after] = sampler.look([first])

    assert (before.window_id, before.at, before.processes, before.cpu) == ("w1", 100.0, 4, 0.0)
    assert before.memory > 30_000_000
    assert before.descriptors >= 8 + 3 * 3
    assert before.disk is not None
    assert 100_000 <= before.disk < 200_000
    assert after.cpu_seconds - before.cpu_seconds >= 0.25
    assert after.cpu == pytest.approx((after.cpu_seconds - before.cpu_seconds) / 2.0)


def test_directories_are_measured_one_window_at_a_time_and_again_when_old(
    agent: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    clock = StillClock()
    sampler = Sampler(clock, Pace(disk_age=50.0))
    mine = leader_of(agent, str(tmp_path))
    own = parsed(Path("/proc/self/stat").read_bytes())
    both = [mine, leader("w2", own.pid, own.started, str(tmp_path))]

    def disks() -> dict[str, int | None]:
        return {sample.window_id: sample.disk for sample in sampler.look(both)}

    assert sorted(size is None for size in disks().values()) == [False, True]
    assert None not in disks().values()
    (tmp_path / "data").write_bytes(os.urandom(100_000))
    assert set(disks().values()) == {0}
    clock.time += 50.0
    assert disks()["w1"] != 0
    assert disks()["w2"] != 0


def test_an_ended_window_gives_no_sample(agent: "subprocess.Popen[str]") -> None:
    sampler = Sampler(StillClock())
    gone = leader("gone", agent.pid, 1)

    assert [sample.window_id for sample in sampler.look([gone, leader_of(agent)])] == ["w1"]
    assert sampler.look([gone]) == ()


def test_tools_that_work_are_told_from_tools_that_wait(agent: "subprocess.Popen[str]") -> None:
    clock = StillClock()
    trees = BusyTrees(clock)
    mine = leader_of(agent)

    assert trees.look([mine]) == {"w1"}, "at first nobody can tell"
    clock.time += 10
    let_work(agent, "by itself")
    assert trees.look([mine]) == frozenset(), "an agent is no tool"
    let_work(agent)
    clock.time += 10
    assert trees.look([mine]) == {"w1"}
    clock.time += 10
    assert trees.look([mine]) == frozenset()
    assert trees.look([]) == frozenset()


def test_what_has_ended_or_is_nobodys_uses_nothing() -> None:
    assert (memory_of(2**22), descriptors_of(2**22)) == (0, 0)
    assert memory_of(os.getpid()) > 1_000_000
    assert read_trees([leader("w1", 2**22)]) == {}


@pytest.mark.parametrize(
    ("cost", "rest"),
    [
        pytest.param(0.0001, 1.0, id="never restless"),
        pytest.param(0.1, 10.0, id="a hundredth of a core"),
        pytest.param(5.0, 60.0, id="never asleep"),
    ],
)
def test_the_rest_follows_the_cost(cost: float, rest: float) -> None:
    assert Pace().rest(cost) == pytest.approx(rest)


@pytest.mark.anyio
async def test_windows_are_watched_until_somebody_cancels(agent: "subprocess.Popen[str]") -> None:
    seen: list[Sample] = []
    sampler = Sampler(SystemClock(), Pace(share=1.0, shortest=0.0))

    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:

            async def tell(samples: tuple[Sample, ...]) -> None:
                seen.extend(samples)
                if len(seen) == 3:
                    tasks.cancel_scope.cancel()

            tasks.start_soon(sampler.watch, lambda: [leader_of(agent)], tell)

    assert [sample.processes for sample in seen] == [4, 4, 4]


def test_a_directory_is_measured_without_leaving_it(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "data").write_bytes(os.urandom(50_000))
    (tmp_path / "elsewhere").symlink_to("/usr")

    assert 50_000 <= directory_size(str(tmp_path)) < 100_000
    assert directory_size(str(tmp_path / "missing")) == 0
