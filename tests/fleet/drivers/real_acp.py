"""An ACP agent that nobody here wrote: a public adapter around the real Claude Code, offline."""

import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

from msgspec import structs

from tests.end_to_end.real_agents import acp_program, claude_program
from tests.fleet.drivers.offline import Offline, offline
from tests.fleet.drivers.pipes import ProcessPipe, running
from tianting.fleet.drivers.acp import AcpDriver
from tianting.fleet.drivers.driver import Brief
from tianting.models.scripted import Reply


class AcpStage:
    """A home, a work tree, a scripted model, and as many processes as a test wants."""

    def __init__(self, folder: Path, network: Offline) -> None:
        self.network = network
        self.driver = AcpDriver("1.0")
        home, work = folder / "home", folder / "work"
        home.mkdir()
        work.mkdir()
        environment = {
            "ANTHROPIC_API_KEY": "a-key",
            "ANTHROPIC_BASE_URL": network.base_url,
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "CLAUDE_CODE_EXECUTABLE": claude_program(),
            "CLAUDE_CODE_MAX_RETRIES": "1",
            "DISABLE_AUTOUPDATER": "1",
            "DISABLE_TELEMETRY": "1",
            "HOME": str(home),
            "PATH": os.environ["PATH"],
        }
        self.brief = Brief(
            window_id="w1",
            generation=1,
            cwd=str(work),
            conversation_id="",
            environment=environment,
            program=acp_program(),
        )

    @contextlib.asynccontextmanager
    async def process(self) -> AsyncIterator[ProcessPipe]:
        """An agent of its own."""
        launch = self.driver.launch(self.brief)
        async with running(self.network.inside(launch.argv), launch.environment, Path(launch.cwd)) as pipe:
            yield pipe

    def going_on_with(self, conversation_id: str) -> Brief:
        """The brief of a window that comes after another."""
        return structs.replace(self.brief, conversation_id=conversation_id, resume=True)


@contextlib.asynccontextmanager
async def acp_stage(folder: Path, *replies: Reply) -> AsyncIterator[AcpStage]:
    """A stage on which the model says `replies`, the last one for ever."""
    async with offline(folder, *replies) as network:
        yield AcpStage(folder, network)
