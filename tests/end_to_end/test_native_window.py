"""Our own agent as a window: forked by the keeper, read exactly once, killed, and gone on with."""

import contextlib
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import anyio
import pytest
from msgspec import structs

from tests.contract.driver_kinds import REPLIES
from tests.contract.driver_window import PATIENCE, Window, attended
from tianting.fleet.drivers.driver import Brief, Progressed, TurnDone
from tianting.fleet.drivers.stream_json import TIANTING, StreamJsonDriver
from tianting.fleet.keeper_link import KeeperLink, launch_keeper
from tianting.keeper.words import Start
from tianting.models.scripted import Script
from tianting.protocol.ids import random_uuid
from tianting.testing.model_server import serve

pytestmark = [pytest.mark.anyio, pytest.mark.skipif(sys.platform != "linux", reason="windows are kept on Linux")]


@pytest.fixture
def directory() -> Iterator[Path]:
    """Short: the path of a Unix socket may have a hundred bytes."""
    made = Path(tempfile.mkdtemp(prefix="native-"))
    yield made
    shutil.rmtree(made)


@contextlib.asynccontextmanager
async def keeper(directory: Path) -> AsyncIterator[KeeperLink]:
    """A keeper with our agent warm, ended with its windows at the end of the block."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(directory)}
    await launch_keeper(directory / "socket", image="tianting.cli.warm:run", environment=environment)
    link = await KeeperLink.open(directory / "socket")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(link.run)
        try:
            yield link
        finally:
            os.kill(link.keeper_pid, signal.SIGTERM)
            with anyio.CancelScope(shield=True):
                await link.close()
        tasks.cancel_scope.cancel()


@contextlib.asynccontextmanager
async def native(link: KeeperLink, driver: StreamJsonDriver, brief: Brief) -> AsyncIterator[Window]:
    launch = driver.launch(brief)
    assert launch.native
    start = Start(
        window=brief.window_id,
        generation=brief.generation,
        argv=launch.argv,
        native=launch.native,
        cwd=launch.cwd,
        environment=dict(launch.environment),
        stderr=str(Path(brief.cwd).with_name("stderr.log")),
    )
    _, sock = await link.start(start)
    with sock:
        async with attended(driver, brief, sock) as opened:
            yield opened


async def test_native_window_goes_on_after_a_kill(directory: Path) -> None:
    (directory / "project").mkdir()
    driver = StreamJsonDriver(TIANTING)
    async with serve(Script(replies=REPLIES["stall"], repeat_last=True)) as server, keeper(directory) as link:
        brief = Brief(
            window_id="w1",
            generation=1,
            cwd=str(directory / "project"),
            conversation_id=random_uuid(),
            environment={
                "PATH": os.environ["PATH"],
                "HOME": str(directory),
                "LANG": "C.UTF-8",
                "ANTHROPIC_BASE_URL": server.base_url,
                "ANTHROPIC_API_KEY": "a-key",
            },
        )
        async with native(link, driver, brief) as opened:
            assert (await opened.turn("say one")).text == "one"
            await opened.prompt("say two")
            await opened.until(Progressed, len(opened.all(Progressed)) + 1)
            await link.signal("w1", 1, signal.SIGKILL)
            with anyio.fail_after(PATIENCE):
                gone = await link.exits.receive()
                await opened.ended.wait()

        again = structs.replace(brief, generation=2, resume=True)
        async with native(link, driver, again) as opened:
            assert (await opened.turn("say two")).text == "two"
            await opened.agent.leave()
            with anyio.fail_after(PATIENCE):
                left = await link.exits.receive()

    assert (gone.generation, gone.signal) == (1, signal.SIGKILL)
    assert (left.generation, left.exit_code) == (2, 0)
    assert len(opened.all(TurnDone)) == 1
