"""Codex as windows: without it the fleet could keep only agents that speak stream-json.

    launch -> `codex app-server` -> attach: a process of its own for one thread
                                  | host: a process that many threads `join`

The protocol is JSON-RPC by lines, without the key `jsonrpc`; `codex app-server generate-json-schema` describes it.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import msgspec

from tianting.fleet.drivers.codex_host import CodexHost, SoleThread
from tianting.fleet.drivers.driver import Abilities, Brief, DriverError, Launch, Pipe
from tianting.protocol.ids import NewId, random_uuid


class CodexDriver:
    """Implements `SharingDriver`."""

    kind = "codex"
    abilities = Abilities(
        resume=True, fork=True, interrupt=True, approvals=True, usage=True, probe=True, steering=True, shared=True
    )

    def __init__(self, version: str, *, new_id: NewId = random_uuid) -> None:
        self._version = version
        self._new_id = new_id

    def launch(self, brief: Brief) -> Launch:
        """The process, for one window or for many. Raises `DriverError` where there is no Codex."""
        program = brief.program or shutil.which("codex", path=brief.environment.get("PATH"))
        if program is None:
            raise DriverError("Codex is not installed: run `npm install -g @openai/codex`, or name its program.")
        argv = (_native(program), "app-server", *_provider(brief.environment), *brief.arguments)
        return Launch(argv=argv, environment=brief.environment, cwd=brief.cwd)

    async def attach(self, pipe: Pipe, brief: Brief, *, taken_over: bool) -> SoleThread:
        """A process with one thread. Raises `DriverError`."""
        host = await self.host(pipe, brief, taken_over=taken_over)
        return SoleThread(host, await host.join(brief, taken_over=taken_over))

    def shares(self, brief: Brief) -> str:
        """Windows with the same program, arguments and environment, so with the same account and keys."""
        told = (brief.program, brief.arguments, sorted(brief.environment.items()))
        return hashlib.sha256(msgspec.json.encode(told)).hexdigest()

    async def host(self, pipe: Pipe, brief: Brief, *, taken_over: bool) -> CodexHost:
        """A process for many threads. Raises `DriverError`."""
        host = CodexHost(pipe, self._new_id, taken_over=taken_over)
        if not taken_over:
            await host.initialize(self._version)
        return host


def _provider(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Arguments for a provider at `OPENAI_BASE_URL`, where that is set.

    Codex takes the address for its own provider, too, but would speak to it by WebSocket first, which no gateway here
    answers, and try again for a minute.
    """
    base_url = environment.get("OPENAI_BASE_URL", "")
    if not base_url:
        return ()
    provider = {
        "name": "at OPENAI_BASE_URL",
        "base_url": base_url,
        "env_key": "OPENAI_API_KEY",
        "wire_api": "responses",
    }
    told = [f"model_providers.named.{key}={json.dumps(value)}" for key, value in provider.items()]
    return tuple(word for setting in ('model_provider="named"', *told) for word in ("-c", setting))


def _native(program: str) -> str:
    """The binary that the launcher of the npm package starts, or `program` itself.

    The launcher runs on Node: it would take 40 MB and 40 ms, and a kill would hit it in place of the agent.
    """
    package = Path(program).resolve().parent.parent
    places = (package.parent.glob("codex-*/vendor/*/bin/codex"), package.glob("vendor/*/bin/codex"))
    found = [str(path) for place in places for path in place]
    return found[0] if Path(program).resolve().suffix == ".js" and len(found) == 1 else program
