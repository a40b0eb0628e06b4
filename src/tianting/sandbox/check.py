"""Tries to break out, so that nobody has to believe that the sandbox holds: `tianting sandbox check` and doctor.

Each attempt is a small command inside the policy. It exits with 0 if it could do what it tried.
"""

import os
import shlex
import tempfile
from collections.abc import Callable
from pathlib import Path

import anyio
from msgspec import Struct, structs

from tianting.plumbing.process_group import ProcessGroup, start_group
from tianting.sandbox.confinement import Confinement, Wrapped
from tianting.sandbox.policy import SandboxPolicy

ATTEMPT_TIME = 10.0
"""Seconds for one attempt."""
_CAN_FORK = "for i in $(seq 100); do sleep 2 & done 2>/dev/null; [ $(jobs -r | wc -l) -eq 100 ]"
_TAKES_MEMORY = "x=$(head -c 1000000000 /dev/zero | tr '\\0' a); [ ${#x} -eq 1000000000 ]"


class CheckResult(Struct, frozen=True, kw_only=True):
    """One promise and whether it held."""

    name: str
    held: bool
    sentence: str
    """What was tried and what came of it."""


class _Attempt(Struct, frozen=True, kw_only=True):
    name: str
    command: str
    tried: str
    allowed: bool = False
    """Whether it should succeed."""
    proof: Path | None = None
    """What must stand there afterwards for it to have succeeded: a sandbox's own /tmp can be written, too."""


async def check(confinement: Confinement, policy: SandboxPolicy) -> list[CheckResult]:
    """Attack `policy` as it is used, with a secret planted for the purpose. Takes about a second.

    Raises `OSError` where no temporary directory can be made. Network and memory are judged by what the policy says.
    """
    with tempfile.TemporaryDirectory(prefix="tianting-check-", dir=_outside()) as place:
        inside, secrets = Path(place, "inside"), Path(place, "secrets")
        inside.mkdir()
        secrets.mkdir()
        (secrets / "key").write_text("planted")
        mine = structs.replace(
            policy,
            writable=(*policy.writable, str(inside.resolve())),
            hidden=(*policy.hidden, str(secrets.resolve())),
        )
        attempts = _attempts(Path(place), policy)
        results = [await _result(confinement, mine, attempt, inside) for attempt in attempts]
        return [*results, await _dies_with_its_parent(confinement, mine, inside)]


def _attempts(place: Path, policy: SandboxPolicy) -> list[_Attempt]:
    outside, secret = shlex.quote(str(place / "outside")), shlex.quote(str(place / "secrets" / "key"))
    with_network = policy.network.reach == "all"
    return [
        _Attempt(name="write inside", command="echo x >here && test -s here", tried="write a file", allowed=True),
        _Attempt(name="read the system", command="test -r /etc/passwd", tried="read /etc/passwd", allowed=True),
        _Attempt(
            name="write outside",
            command=f"echo x >{outside}",
            tried="write outside the writable directories",
            proof=place / "outside",
            allowed=not policy.files_confined,
        ),
        _Attempt(
            name="read a secret",
            command=f"grep -q planted {secret}",
            tried="read a planted secret",
            allowed=not policy.files_confined,
        ),
        _Attempt(
            name="open a connection",
            # Any answer but "no way there" would mean that a packet left. The address is reserved for documentation.
            command="! timeout 1 bash -c 'exec 3<>/dev/tcp/192.0.2.1/9' 2>&1 | grep -Eq 'unreachable|not permitted'",
            tried="reach an address directly",
            allowed=with_network,
        ),
        _Attempt(
            name="see other processes",
            command=f"test -e /proc/{os.getpid()}/cmdline && kill -0 {os.getpid()}",
            tried="signal the agent",
        ),
        _Attempt(
            name="start 100 processes",
            command=_CAN_FORK,
            tried="run 100 processes at a time",
            allowed=not 0 < policy.limits.processes <= 100,
        ),
        _Attempt(
            name="take 1 GB",
            command=_TAKES_MEMORY,
            tried="take 1 GB of memory",
            allowed=not 0 < policy.limits.memory < 1_000_000_000,
        ),
    ]


async def _result(confinement: Confinement, policy: SandboxPolicy, attempt: _Attempt, directory: Path) -> CheckResult:
    worked = await _exit_code(confinement, policy, attempt.command, directory) == 0
    worked = worked and (attempt.proof is None or attempt.proof.exists())
    outcome = "worked" if worked else "was refused"
    wanted = "as it should" if worked == attempt.allowed else "and should not" if worked else "and should work"
    return CheckResult(
        name=attempt.name, held=worked == attempt.allowed, sentence=f"To {attempt.tried} {outcome}, {wanted}."
    )


async def _exit_code(confinement: Confinement, policy: SandboxPolicy, command: str, directory: Path) -> int | None:
    """`None` where it took too long."""
    wrapped = confinement.wrap(["bash", "-c", command], policy, cwd=directory)
    try:
        group = _start(wrapped, wrapped.argv, directory)
        try:
            with anyio.move_on_after(ATTEMPT_TIME):
                return await group.wait()
            return None
        finally:
            await group.end(grace=0)
            group.close()
    finally:
        wrapped.after()


def _start(wrapped: Wrapped, argv: list[str], directory: Path) -> ProcessGroup:
    return start_group(argv, cwd=directory, environment=os.environ, keep_open=wrapped.keep_open, spawn=wrapped.spawn)


async def _dies_with_its_parent(confinement: Confinement, policy: SandboxPolicy, directory: Path) -> CheckResult:
    """Kill what started the sandbox, as if the agent had crashed, and see whether the command goes on."""
    beat = directory / "beat"
    command = f"while :; do echo x >>{shlex.quote(str(beat))}; sleep 0.02; done"
    wrapped = confinement.wrap(["bash", "-c", command], policy, cwd=directory)
    agent = ["bash", "-c", '"$@" & wait', "agent", *wrapped.argv]
    try:
        group = _start(wrapped, agent, directory)
        started = await _within(2.0, beat.exists)
        os.kill(group.pid, 9)
        await group.wait()
        survived = not await _within(2.0, lambda: not group.is_alive())
        await group.end(grace=0)
        group.close()
    finally:
        wrapped.after()
    outcome = "went on, and should not" if survived else "ended with it, as it should"
    return CheckResult(
        name="outlive the agent",
        held=started and not survived,
        sentence=f"When what had started it was killed, a command {outcome}.",
    )


async def _within(seconds: float, holds: Callable[[], bool]) -> bool:
    with anyio.move_on_after(seconds):
        while not holds():
            await anyio.sleep(0.01)
        return True
    return False


def _outside() -> str:
    """A directory that no sandbox replaces by one of its own, where there is one."""
    places = ("/var/cache", str(Path.home()), "/var/tmp")  # noqa: S108 - only its owner can enter what is made there
    return next(place for place in places if os.access(place, os.W_OK))
