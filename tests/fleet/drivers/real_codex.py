"""The real Codex and a scripted model behind it, for whoever tests a driver, a fleet or a daemon."""

import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

from msgspec import structs

from tests.end_to_end.real_agents import codex_program
from tests.fleet.drivers.offline import Offline, offline
from tests.fleet.drivers.pipes import ProcessPipe, running
from tianting.fleet.drivers.codex import CodexDriver
from tianting.fleet.drivers.driver import Brief
from tianting.models.scripted import Reply

CONFIG = """\
model = "scripted"
model_provider = "scripted"
check_for_update_on_startup = false

[analytics]
enabled = false

[feedback]
enabled = false

[model_providers.scripted]
name = "scripted"
base_url = "{base_url}/v1"
wire_api = "responses"
env_key = "SCRIPTED_KEY"
request_max_retries = 0
stream_max_retries = 1
"""


class CodexStage:
    """A home, a work tree, a scripted model, and as many processes as a test wants."""

    def __init__(self, folder: Path, network: Offline) -> None:
        self.network = network
        self.driver = CodexDriver("1.0")
        home, work = folder / "home", folder / "work"
        (home / ".codex").mkdir(parents=True)
        work.mkdir()
        (home / ".codex" / "config.toml").write_text(CONFIG.format(base_url=network.base_url), encoding="utf-8")
        environment = {"HOME": str(home), "PATH": os.environ["PATH"], "SCRIPTED_KEY": "a-key"}
        self.brief = Brief(
            window_id="w1",
            generation=1,
            cwd=str(work),
            conversation_id="",
            permission_mode="untrusted",
            environment=environment,
            program=codex_program(),
        )

    @contextlib.asynccontextmanager
    async def process(self) -> AsyncIterator[ProcessPipe]:
        """A Codex of its own."""
        launch = self.driver.launch(self.brief)
        argv = self.network.inside(launch.argv)
        async with running(argv, launch.environment, Path(launch.cwd)) as pipe:
            yield pipe

    def going_on_with(self, conversation_id: str) -> Brief:
        """The brief of a window that comes after another."""
        return structs.replace(self.brief, conversation_id=conversation_id, resume=True)


@contextlib.asynccontextmanager
async def codex_stage(folder: Path, *replies: Reply) -> AsyncIterator[CodexStage]:
    """A stage on which the model says `replies`, the last one for ever."""
    async with offline(folder, *replies) as network:
        yield CodexStage(folder, network)
