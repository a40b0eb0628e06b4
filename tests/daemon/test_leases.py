"""A claim lasts as long as the process that made it, whatever it becomes, and no longer."""

import subprocess
import sys

import anyio
import pytest

from tianting.daemon.leases import Leases

pytestmark = pytest.mark.anyio


async def test_last_one_to_leave_is_noticed() -> None:
    unneeded = anyio.Event()
    leases = Leases(unneeded.set)
    wait = [sys.executable, "-c", "import os; os.execvp('sleep', ['sleep', '60'])"]
    with subprocess.Popen(wait) as one, subprocess.Popen(wait) as other:
        async with anyio.create_task_group() as tasks:
            leases.begin(tasks)
            for process in (one, other, one):
                leases.hold(process.pid)
            one.kill()
            one.wait()
            await anyio.wait_all_tasks_blocked()
            early = unneeded.is_set()
            other.kill()
            with anyio.fail_after(5):
                await unneeded.wait()

    assert early is False


async def test_process_that_has_gone_holds_nothing() -> None:
    unneeded = anyio.Event()
    leases = Leases(unneeded.set)
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    async with anyio.create_task_group() as tasks:
        leases.begin(tasks)
        leases.hold(gone.pid)

    assert unneeded.is_set()


async def test_nobody_is_watched_before_it_begins() -> None:
    leases = Leases(lambda: pytest.fail("nobody was needed"))

    leases.hold(1)
