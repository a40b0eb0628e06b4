"""What the sandbox adds to a command that does nothing, and how much of it is bubblewrap's own."""

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tianting.plumbing.process_group import start_group
from tianting.sandbox.bubblewrap import bubblewrap_options
from tianting.sandbox.confinement import Confinement, choose, look
from tianting.sandbox.places import Places, policy_for
from tianting.sandbox.policy import SandboxPolicy
from tianting.sandbox.settings import SandboxSettings

COMMAND = ["true"]


def command_times(runs: int) -> Iterator[tuple[str, float]]:
    """Seconds of each run, the ways in turn. Nothing where bubblewrap does not work."""
    confinement = choose(os.environ)
    if confinement.abilities.mechanism != "bubblewrap":
        return
    with tempfile.TemporaryDirectory(dir="/var/tmp") as project, tempfile.TemporaryDirectory() as scratch:
        subprocess.run(["git", "init", "-q", project], check=True)
        places = Places(home=str(Path.home()), roots=(project,), private_tmp=scratch)
        policy = policy_for(SandboxSettings(), places)
        ways = _ways(confinement, policy, Path(project))
        for run in range(runs + 1):
            for name, way in ways.items():
                begun = time.perf_counter()
                way()
                if run:  # the first one sets up what the others find
                    yield name, time.perf_counter() - begun
    confinement.close()


def _ways(confinement: Confinement, policy: SandboxPolicy, project: Path) -> dict[str, Callable[[], None]]:
    alone = [confinement.abilities.program, *bubblewrap_options(policy, look), "--"]
    return {
        "bare": lambda: _run([], project),
        "in bubblewrap alone": lambda: _run(alone, project),
        "in our sandbox": lambda: _run_wrapped(confinement, policy, project),
    }


def _run(front: list[str], project: Path) -> None:
    group = start_group([*front, *COMMAND], cwd=project, environment=os.environ)
    os.waitid(os.P_PID, group.pid, os.WEXITED | os.WNOWAIT)
    assert group.exit_code == 0
    group.close()


def _run_wrapped(confinement: Confinement, policy: SandboxPolicy, project: Path) -> None:
    wrapped = confinement.wrap(COMMAND, policy, cwd=project)
    group = start_group(
        wrapped.argv,
        cwd=project,
        environment={**os.environ, **wrapped.environment},
        keep_open=wrapped.keep_open,
        spawn=wrapped.spawn,
        guarded=wrapped.ends_together,
    )
    os.waitid(os.P_PID, group.pid, os.WEXITED | os.WNOWAIT)
    assert group.exit_code == 0
    wrapped.explain(0, "")
    wrapped.after()
    group.close()
