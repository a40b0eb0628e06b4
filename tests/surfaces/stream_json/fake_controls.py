"""What a session can do, pretended: each method gives fixed data and remembers that it was called."""

from typing import Any

import anyio

from tianting.protocol.control import Initialize
from tianting.protocol.control_answers import (
    Account,
    ContextCategory,
    ContextUsage,
    InitializeAnswer,
    McpServer,
    McpServersSet,
    ModelChoice,
    PermissionRule,
    PermissionRules,
    SessionCost,
    WorkspaceDirectory,
)
from tianting.protocol.events import PermissionMode
from tianting.session.rewinding import FilesRewound
from tianting.session.session import Session
from tianting.surfaces.stream_json.controls import ControlRefused

MODEL = ModelChoice(value="default", resolved_model="m", display_name="M", description="The model.")


class FakeControls:
    """Knows one model, one server and no background jobs."""

    def __init__(self, session: Session) -> None:
        self.called: list[Any] = []
        self.hold = anyio.Event()
        """`mcp_reconnect` and `set_model("slow")` wait for it."""
        self._session = session

    def mcp_status(self) -> tuple[McpServer, ...]:
        return (McpServer(name="calc", status="connected"),)

    def session_cost(self) -> SessionCost:
        return SessionCost(text="$0.50", total_cost_usd=0.5)

    def settings(self) -> dict[str, Any]:
        return {"model": "m"}

    def models(self) -> tuple[ModelChoice, ...]:
        return (MODEL,)

    def permission_rules(self) -> PermissionRules:
        return PermissionRules(
            rules=(PermissionRule(rule="Bash(ls)", behavior="allow", source="session"),),
            workspace_directories=(WorkspaceDirectory(path="/more", source="cliArg"),),
            original_cwd="/work/app",
        )

    def version(self) -> str:
        raise RuntimeError("a bug")

    def update_environment(self, variables: dict[str, str]) -> None:
        self.called.append(variables)
        if "PATH" in variables:
            raise RuntimeError("a bug")

    async def initialize(self, request: Initialize) -> InitializeAnswer:
        self.called.append(request)
        account = Account(token_source="none", api_key_source="none")
        return InitializeAnswer(
            account=account, claude_code_version="2.1.328", pid=7, current_permission_mode="default"
        )

    async def before_turn(self) -> None:
        """There is nothing to get ready."""

    async def set_permission_mode(self, mode: str) -> PermissionMode:
        if mode != "plan":
            raise ControlRefused(f"There is no permission mode {mode!r}.")
        await self._session.change_mode("plan")
        return "plan"

    async def set_model(self, model: str | None) -> str:
        if model == "slow":
            await self.hold.wait()
        self.called.append(model)
        return model or "m"

    async def set_max_thinking_tokens(self, tokens: int | None) -> None:
        self.called.append(tokens)

    async def apply_flag_settings(self, settings: dict[str, Any]) -> None:
        self.called.append(settings)

    async def seed_read_state(self, path: str, mtime: float) -> None:
        self.called.append((path, mtime))

    async def rewind_files(self, user_message_id: str, *, dry_run: bool) -> FilesRewound:
        self.called.append((user_message_id, dry_run))
        return FilesRewound(can_rewind=True, files_changed=("a.py",), insertions=1)

    async def rename_session(self, title: str) -> None:
        self.called.append(title)

    async def context_usage(self) -> ContextUsage:
        return ContextUsage(
            categories=(ContextCategory(name="Messages", tokens=50, color="blue"),),
            total_tokens=50,
            max_tokens=100,
            raw_max_tokens=100,
            percentage=50.0,
            model="m",
        )

    async def mcp_set_servers(self, servers: dict[str, dict[str, Any]]) -> McpServersSet:
        return McpServersSet(added=tuple(servers))

    async def mcp_reconnect(self, server: str) -> None:
        await self.hold.wait()
        self.called.append(server)

    async def mcp_toggle(self, server: str, *, enabled: bool) -> None:
        self.called.append((server, enabled))

    async def stop_task(self, task_id: str) -> None:
        raise RuntimeError("a bug")
