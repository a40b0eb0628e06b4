"""A session and its parts: without it nothing could be exchanged in a session that runs."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from tianting.agent.dispatch import ToolDispatcher
from tianting.agent.loop import AgentLoop
from tianting.cli.going_on import Place
from tianting.cli.ground import Ground
from tianting.cli.invocation import Invocation
from tianting.cli.model_door import ModelDoor
from tianting.cli.toolbox import Toolbox
from tianting.extensions.hooks.port import AgentHooks
from tianting.models.client import ModelClient
from tianting.session.log import SessionLog
from tianting.session.session import Session
from tianting.tools.workspace import Workspace

if TYPE_CHECKING:
    from tianting.cli.granting import SessionPermissions


class Running(Struct, frozen=True, kw_only=True):
    """A session, and the parts that may be exchanged while it runs."""

    session: Session
    ground: Ground
    invocation: Invocation
    workspace: Workspace
    place: Place
    door: ModelDoor
    """The model it began with."""
    model: ModelClient
    """What the loop asks."""
    loop: AgentLoop
    tools: ToolDispatcher
    toolbox: Toolbox
    hooks: AgentHooks
    permissions: "Callable[[], SessionPermissions]"
    log: SessionLog | None
    environment: dict[str, str]
    """That of commands; what is added to it holds from the next one on."""
    spill: Path
    """Where outputs that are too long for the history lie: beside the transcript."""
