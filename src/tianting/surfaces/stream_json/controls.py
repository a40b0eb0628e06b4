"""What a client may change and see of a running session: the port that keeps the surface from knowing the parts.

The command line implements it, because it alone knows models, settings, servers and checkpoints.
"""

from typing import Any, Protocol

from tianting.protocol.control import Initialize
from tianting.protocol.control_answers import (
    ContextUsage,
    InitializeAnswer,
    McpServer,
    McpServersSet,
    ModelChoice,
    PermissionRules,
    SessionCost,
)
from tianting.protocol.events import PermissionMode
from tianting.session.rewinding import FilesRewound


class ControlRefused(Exception):
    """It cannot be done; `str` is one line for the client, which gets it as the error of its request."""


class Controls(Protocol):
    """Each method may raise `ControlRefused`.

    Those without `async` are answered at once, whatever the agent does, so none of them may wait for anything.
    """

    def mcp_status(self) -> tuple[McpServer, ...]:
        """All servers. Supervisors take the answer for a sign of life."""
        ...

    def session_cost(self) -> SessionCost:
        """What the session has cost so far."""
        ...

    def settings(self) -> dict[str, Any]:
        """What is in force, in the words of the settings files."""
        ...

    def models(self) -> tuple[ModelChoice, ...]:
        """What `set_model` takes."""
        ...

    def permission_rules(self) -> PermissionRules:
        """All rules that hold."""
        ...

    def version(self) -> str:
        """The release clients should think we are."""
        ...

    def update_environment(self, variables: dict[str, str]) -> None:
        """Let commands that start from now on have these variables."""
        ...

    async def initialize(self, request: Initialize) -> InitializeAnswer:
        """Take over what the client brings: hooks, tools, agents. The surface fills `session_state` in."""
        ...

    async def before_turn(self) -> None:
        """Get ready what a turn needs: whatever the client brought and nobody has looked at yet."""
        ...

    async def set_permission_mode(self, mode: str) -> PermissionMode:
        """Judge calls in another mode from now on, tell the session, and say which mode it is."""
        ...

    async def set_model(self, model: str | None) -> str:
        """Ask another model from the next request on; None for the default. Returns the name it goes by."""
        ...

    async def set_max_thinking_tokens(self, tokens: int | None) -> None:
        """Think as much from the next request on; None for the default, 0 for not at all."""
        ...

    async def apply_flag_settings(self, settings: dict[str, Any]) -> None:
        """Let `settings` hold as if the command line had given them."""
        ...

    async def seed_read_state(self, path: str, mtime: float) -> None:
        """Take it that the model has read `path` as it was at `mtime` (milliseconds since 1970)."""
        ...

    async def rewind_files(self, user_message_id: str, *, dry_run: bool) -> FilesRewound:
        """Give the files back as they were before a prompt."""
        ...

    async def rename_session(self, title: str) -> None:
        """Give the conversation a title, for good."""
        ...

    async def context_usage(self) -> ContextUsage:
        """How full the model's window is, and of what."""
        ...

    async def mcp_set_servers(self, servers: dict[str, dict[str, Any]]) -> McpServersSet:
        """Have these servers of the client's and no others."""
        ...

    async def mcp_reconnect(self, server: str) -> None:
        """Connect to a server anew."""
        ...

    async def mcp_toggle(self, server: str, *, enabled: bool) -> None:
        """Use a server, or leave it alone."""
        ...

    async def stop_task(self, task_id: str) -> None:
        """End a background job."""
        ...
