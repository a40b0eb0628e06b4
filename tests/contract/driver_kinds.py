"""The kinds of agents that the contract of drivers is held against, and how each is brought into every scene.

A new kind is a class with `name` and `stage`, named in `KINDS`. Kinds with a model play `REPLIES`; the others say
what they are to be told instead.
"""

import contextlib
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Literal, Protocol

import pytest
from msgspec import Struct, structs

from tests.end_to_end.real_agents import acp_program, claude_program, codex_program
from tests.fleet.drivers.offline import offline
from tests.fleet.drivers.real_codex import CONFIG
from tianting.fleet.drivers.acp import AcpDriver
from tianting.fleet.drivers.codex import CodexDriver
from tianting.fleet.drivers.driver import Brief, Driver
from tianting.fleet.drivers.echo import echo_driver
from tianting.fleet.drivers.stream_json import CLAUDE, TIANTING, StreamJsonDriver
from tianting.models.scripted import Reply, Script, calls, says
from tianting.models.scripted_faults import Fault
from tianting.protocol.ids import random_uuid
from tianting.testing.model_server import serve

Scene = Literal["talk", "stall", "approval", "limit", "refused", "background"]

REPLIES: dict[Scene, tuple[Reply, ...]] = {
    "talk": (says("one"), says("two"), says("three")),
    "stall": (
        says("one"),
        says("Half of this is lost on its way to whoever waits for it.", fault=Fault(kind="hang_mid_stream")),
        says("two"),
        says("two"),
    ),
    "approval": (says("Working.", calls("Bash", command="touch made", description="Make a file")), says("two")),
    "limit": (says(fault=Fault(kind="status", status=429, retry_after=0.1)), says("one")),
    "refused": (says(fault=Fault(kind="status", status=401), times=20),),
    "background": (
        says("Off it goes.", calls("Bash", command="sleep 0.2", description="Wait", run_in_background=True)),
        says("one"),
        says("two"),
    ),
}


class Stage(Struct, frozen=True, kw_only=True):
    """A kind of agent, ready for one scene."""

    driver: Driver
    brief: Brief
    prompts: tuple[str, ...] = ("say one", "say two", "say three")
    """What to tell it in this scene, in order."""
    answers: tuple[str, ...] = ("one", "two", "three")
    """What it says to that, where it answers at all."""
    tool: str = "Bash"
    """What it calls its shell."""
    way_in: tuple[str, ...] = ()
    """A command that executes what follows it, in the agent's own network."""

    @property
    def made(self) -> Path:
        """The file that the scene `approval` asks for."""
        return Path(self.brief.cwd) / "made"


class Kind(Protocol):
    """One kind of agent."""

    name: str

    def stage(self, folder: Path, scene: Scene) -> AbstractAsyncContextManager[Stage]:
        """Ready for `scene` in an empty directory. Skips the test where the agent is not installed."""
        ...


class Echo:
    """Needs no model: a prompt says what to do."""

    name = "echo"
    _PROMPTS: Mapping[Scene, tuple[str, ...]] = {
        "talk": ("one", "two", "three"),
        "stall": ("one", "!stall", "two"),
        "approval": ("!ask Bash", "two"),
        "limit": ("!limit 0.1",),
        "refused": ("!refused 401",),
    }

    @contextlib.asynccontextmanager
    async def stage(self, folder: Path, scene: Scene) -> AsyncIterator[Stage]:
        if scene not in self._PROMPTS:
            pytest.skip(f"echo has no {scene}")
        answers = ("!limit",) if scene == "limit" else ("one", "two", "three")
        path = os.pathsep.join(sys.path)
        brief = _brief(folder, {"PYTHONPATH": path, **_coverage()})
        yield Stage(driver=echo_driver(), brief=brief, prompts=self._PROMPTS[scene], answers=answers)


class Tianting:
    """Our own program, executed."""

    name = "tianting"

    @contextlib.asynccontextmanager
    async def stage(self, folder: Path, scene: Scene) -> AsyncIterator[Stage]:
        async with serve(Script(replies=REPLIES[scene], repeat_last=True)) as server:
            brief = _brief(
                folder,
                {"ANTHROPIC_BASE_URL": server.base_url, "ANTHROPIC_API_KEY": "a-key", **_coverage()},
                program=str(Path(sys.executable).with_name("tianting")),
            )
            yield Stage(driver=StreamJsonDriver(TIANTING), brief=brief)


class Claude:
    """Claude Code as it is, in a network that ends at its model."""

    name = "claude"

    @contextlib.asynccontextmanager
    async def stage(self, folder: Path, scene: Scene) -> AsyncIterator[Stage]:
        program = claude_program()
        retries = "0" if scene == "refused" else "3"  # it takes a wrong key for passing trouble, for three minutes
        async with offline(folder, *REPLIES[scene]) as network:
            brief = _brief(
                folder,
                {
                    "ANTHROPIC_BASE_URL": network.base_url,
                    "ANTHROPIC_API_KEY": "a-key",
                    "CLAUDE_CONFIG_DIR": str(folder / "home" / "claude"),
                    "CLAUDE_CODE_MAX_RETRIES": retries,
                },
                program=program,
            )
            yield Stage(driver=StreamJsonDriver(CLAUDE), brief=brief, way_in=network.inside(()))


class Codex:
    """Codex as it is: its own names for tools, and a conversation that it names itself."""

    name = "codex"
    _REPLIES: Mapping[Scene, tuple[Reply, ...]] = {
        "approval": (says("Working.", calls("exec_command", cmd="touch made")), says("two")),
        # It asks again only where it is told when, in whole seconds.
        "limit": (says(fault=Fault(kind="status", status=429, retry_after=0)), says("one")),
    }

    @contextlib.asynccontextmanager
    async def stage(self, folder: Path, scene: Scene) -> AsyncIterator[Stage]:
        if scene == "background":
            pytest.skip("codex begins no turn by itself")
        program = codex_program()
        async with offline(folder, *self._REPLIES.get(scene, REPLIES[scene])) as network:
            brief = _brief(folder, {"SCRIPTED_KEY": "a-key"}, program=program)
            config = folder / "home" / ".codex" / "config.toml"
            config.parent.mkdir()
            config.write_text(CONFIG.format(base_url=network.base_url), encoding="utf-8")
            brief = structs.replace(brief, permission_mode="untrusted")
            way_in = network.inside(())
            yield Stage(driver=CodexDriver("1.0"), brief=brief, tool="commandExecution", way_in=way_in)


class Acp:
    """Claude Code again, behind an adapter that speaks ACP."""

    name = "acp"

    @contextlib.asynccontextmanager
    async def stage(self, folder: Path, scene: Scene) -> AsyncIterator[Stage]:
        if scene in ("background", "limit"):
            pytest.skip("the protocol has no words for this")
        program = acp_program()
        async with offline(folder, *REPLIES[scene]) as network:
            brief = _brief(
                folder,
                {
                    "ANTHROPIC_BASE_URL": network.base_url,
                    "ANTHROPIC_API_KEY": "a-key",
                    "CLAUDE_CODE_EXECUTABLE": claude_program(),
                    "CLAUDE_CODE_MAX_RETRIES": "0",
                },
                program=program,
            )
            yield Stage(driver=AcpDriver("1.0"), brief=brief, tool="execute", way_in=network.inside(()))


KINDS: tuple[Kind, ...] = (Echo(), Tianting(), Claude(), Codex(), Acp())


def _brief(folder: Path, environment: Mapping[str, str], program: str | None = None) -> Brief:
    home, project = folder / "home", folder / "project"
    home.mkdir()
    project.mkdir()
    usual = {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"}
    return Brief(
        window_id="w1",
        generation=1,
        cwd=str(project),
        conversation_id=random_uuid(),
        environment={**usual, **environment},
        program=program,
    )


def _coverage() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
