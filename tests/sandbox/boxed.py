"""Runs one command in a sandbox, for tests that attack it."""

import os
from collections.abc import Mapping
from pathlib import Path

import anyio
from msgspec import Struct

from tianting.plumbing.process_group import ProcessGroup, start_group
from tianting.sandbox.confinement import Confinement, Wrapped
from tianting.sandbox.policy import SandboxPolicy
from tianting.sandbox.proxy import Proxy


class Ran(Struct, frozen=True, kw_only=True):
    """How a command ended."""

    exit_code: int
    output: str
    note: str | None


def start_wrapped(wrapped: Wrapped, cwd: Path, environment: Mapping[str, str]) -> ProcessGroup:
    """Start what `wrap` returned, as the tools do."""
    return start_group(
        wrapped.argv,
        cwd=cwd,
        environment=environment,
        keep_open=wrapped.keep_open,
        spawn=wrapped.spawn,
        guarded=wrapped.ends_together,
    )


async def run_boxed(
    confinement: Confinement, policy: SandboxPolicy, command: str, cwd: Path, proxy: Proxy | None = None
) -> Ran:
    """Run `command` to its end."""
    wrapped = confinement.wrap(["bash", "-c", command], policy, cwd=cwd, proxy=proxy)
    with anyio.fail_after(20):
        try:
            environment = {**os.environ, **wrapped.environment}
            environment.pop("COVERAGE_PROCESS_CONFIG", None)  # a command cannot write figures beside the tests
            group = start_wrapped(wrapped, cwd, environment)
            output = b""
            while data := await group.read():
                output += data
            code = await group.wait()
            await group.end(grace=0)
            group.close()
            text = output.decode(errors="replace")
            return Ran(exit_code=code, output=text, note=wrapped.explain(code, text))
        finally:
            wrapped.after()
