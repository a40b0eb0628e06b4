"""Real processes with real conversations: the standby knows what was said, and goes on with it."""

import os
import shutil
import signal
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from msgspec import structs

from tests.end_to_end.real_agents import claude_program
from tests.fleet.court import (
    PATIENCE,
    ask,
    connect,
    echo_template,
    end_keeper,
    fleet_in,
    gone,
    pid_of,
    state,
    until_busy,
)
from tests.fleet.drivers.offline import offline
from tianting.fleet.drivers.driver import Brief, Driver, Launch, Progressed
from tianting.fleet.drivers.stream_json import CLAUDE, TIANTING, StreamJsonDriver
from tianting.fleet.ground.workspaces import Wanted
from tianting.fleet.templates import Template
from tianting.fleet.windows import WindowManager
from tianting.models.scripted import Script, says
from tianting.models.scripted_faults import Fault
from tianting.testing.model_server import serve

pytestmark = pytest.mark.anyio

Agent = tuple[Template, Driver, Callable[[], dict[str, Any]]]
"""How its windows are made, its driver, and the last request that its model got."""

REPLIES = (
    *(says("one"), says("Half of this is lost.", fault=Fault(kind="hang_mid_stream"))),
    *(says("two"), says("three")),
)


@pytest.fixture
async def directory() -> AsyncGenerator[Path, None]:
    """Short: the path of a Unix socket may have a hundred bytes."""
    made = Path(tempfile.mkdtemp(prefix="standby-"))
    yield made
    await end_keeper(made)
    shutil.rmtree(made, ignore_errors=True)


async def standby_pid(fleet: WindowManager, name: str, *, than: int | None = None) -> int:
    """Of the standby, once it waits; another `than` this one."""
    with anyio.fail_after(PATIENCE):
        while (pid := state(fleet, name).standby_id) in (None, than) or not is_waiting(fleet, name):
            await anyio.sleep(0.01)
    assert pid is not None
    return pid


def is_waiting(fleet: WindowManager, name: str) -> bool:
    return fleet.get_window_status(name).has_standby


async def until_said(fleet: WindowManager, name: str, words: str) -> None:
    """Wait until the agent answers like this."""
    with anyio.fail_after(PATIENCE):
        async for stored in fleet.events(name):
            if isinstance(stored.event, Progressed) and stored.event.text.startswith(words):
                return


async def test_echo_goes_on_in_its_standby(directory: Path) -> None:
    async with fleet_in(directory, echo_template(directory, standby=True)) as fleet:
        name = (await fleet.create_window("echo")).window_id
        await ask(fleet, name, "before")
        standby = await standby_pid(fleet, name)
        first = pid_of(fleet, name)
        prompt = await fleet.send(name, "!limit 1")
        await until_busy(fleet, name)

        os.kill(first, signal.SIGKILL)

        with anyio.fail_after(PATIENCE):
            assert (await fleet.wait_answer(name, prompt)).text == "!limit"
        assert pid_of(fleet, name) == standby
        assert (await ask(fleet, name, "!recall")).text.splitlines()[0] == "before"
        another = await standby_pid(fleet, name, than=standby)
        with anyio.fail_after(PATIENCE):
            await fleet.destroy_window(name)
            for pid in (first, standby, another):
                await gone(pid)


async def test_next_fleet_leaves_no_standby_behind(directory: Path) -> None:
    template = echo_template(directory, standby=True)
    async with fleet_in(directory, template) as fleet:
        name = (await fleet.create_window("echo")).window_id
        await ask(fleet, name, "before")
        earlier = await standby_pid(fleet, name)

    async with fleet_in(directory, template) as fleet:
        await gone(earlier)
        standby = await standby_pid(fleet, name, than=earlier)
        os.kill(pid_of(fleet, name), signal.SIGKILL)
        assert (await ask(fleet, name, "!recall")).text.splitlines()[0] == "before"
        assert pid_of(fleet, name) == standby


@asynccontextmanager
async def ours(directory: Path) -> AsyncIterator[Agent]:
    async with serve(Script(replies=REPLIES, repeat_last=True)) as server:
        template = agent_template(directory, "tianting", server.base_url)
        yield template, StreamJsonDriver(TIANTING), lambda: msgspec.json.decode(server.requests[-1].body)


@asynccontextmanager
async def claude_code(directory: Path) -> AsyncIterator[Agent]:
    program = claude_program()
    async with offline(directory, *REPLIES) as network:
        template = structs.replace(agent_template(directory, "claude", network.base_url), program=program)
        yield template, Inside(StreamJsonDriver(CLAUDE), network.inside(())), lambda: network.requests()[-1]


class Inside(StreamJsonDriver):
    """Starts its agents in another network."""

    def __init__(self, inner: StreamJsonDriver, way_in: tuple[str, ...]) -> None:
        super().__init__(CLAUDE)
        self._inner = inner
        self._way_in = way_in

    def launch(self, brief: Brief) -> Launch:
        launch = self._inner.launch(brief)
        return structs.replace(launch, argv=(*self._way_in, *launch.argv))


def agent_template(directory: Path, kind: str, base_url: str) -> Template:
    variables = {"ANTHROPIC_BASE_URL": base_url, "ANTHROPIC_API_KEY": "a-key"}
    return echo_template(directory, name="agent", kind=kind, standby=True, surroundings=Wanted(variables=variables))


@pytest.mark.parametrize("agent", [pytest.param(ours, id="ours"), pytest.param(claude_code, id="claude")])
async def test_agent_goes_on_in_its_standby_and_the_conversation_is_whole(directory: Path, agent: object) -> None:
    async with (
        agent(directory) as (template, driver, last_request),  # type: ignore[operator]
        fleet_in(
            directory,
            template,
            drivers={template.kind: driver},
            open_keeper=lambda: connect(directory, "tianting.cli.warm:run"),
        ) as fleet,
    ):
        name = (await fleet.create_window("agent")).window_id
        assert (await ask(fleet, name, "say one")).text == "one"
        standby = await standby_pid(fleet, name)
        prompt = await fleet.send(name, "say two")
        await until_said(fleet, name, "Half")

        os.kill(pid_of(fleet, name), signal.SIGKILL)

        with anyio.fail_after(PATIENCE):
            assert (await fleet.wait_answer(name, prompt)).text == "two"
        assert pid_of(fleet, name) == standby
        await standby_pid(fleet, name, than=standby)
        await fleet.restart(name)
        assert (await ask(fleet, name, "say three")).text == "three"
        assert words(last_request()) == ["say one", "one", "say two", "two", "say three"]


def words(request: dict[str, Any]) -> list[str]:
    """What was said in the conversation of this request, without what harnesses add."""
    contents = [message["content"] for message in request["messages"]]
    texts = [block.get("text", "") for one in contents for block in blocks(one)]
    return [text for text in texts if text in {"say one", "one", "say two", "two", "say three"} or "Half" in text]


def blocks(content: Any) -> list[dict[str, Any]]:
    return [{"text": content}] if isinstance(content, str) else content
