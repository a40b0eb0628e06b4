"""Which tools a session has, and which of them the model is told of."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from msgspec import Struct

from tianting.agent.loop import OutputGoal
from tianting.agent.prompt import tool_names
from tianting.cli.invocation import Invocation
from tianting.protocol.errors import ConfigError
from tianting.protocol.model_catalogue import Family
from tianting.protocol.tool_calls import ToolSpec
from tianting.tools.apply_patch import ApplyPatch
from tianting.tools.background_jobs import BackgroundJobs
from tianting.tools.bash import Bash
from tianting.tools.bash_output import BashOutput
from tianting.tools.contract import AnyTool
from tianting.tools.edit import Edit
from tianting.tools.glob import Glob
from tianting.tools.grep import Grep
from tianting.tools.ls import Ls
from tianting.tools.multi_edit import MultiEdit
from tianting.tools.read import Read
from tianting.tools.read_ledger import ReadLedger
from tianting.tools.task_stop import TaskStop
from tianting.tools.todo import TodoList, TodoRead, TodoWrite
from tianting.tools.workspace import Workspace
from tianting.tools.write import Write


class Toolbox(Struct, frozen=True, kw_only=True):
    """Tools of one session."""

    tools: tuple[AnyTool, ...]
    """All that can be called; older names and clients find theirs, too."""
    offered: tuple[ToolSpec, ...]
    """Those the model is told of, sorted by name."""
    goal: OutputGoal | None = None


@asynccontextmanager
async def open_toolbox(
    invocation: Invocation, workspace: Workspace, family: Family, spill: Path, environment: Mapping[str, str]
) -> AsyncGenerator[Toolbox, None]:
    """The tools for `invocation`. Leaving ends their background jobs. Raises `ConfigError` for unknown names."""
    async with BackgroundJobs(spill) as jobs:
        tools = _tools(workspace, jobs, environment, spill)
        names = _chosen(invocation.tools, family, {tool.spec.name for tool in tools})
        goal = _goal(invocation.json_schema)
        if goal is not None:
            tools, names = (*tools, goal), {*names, goal.spec.name}
        offered = tuple(tool.spec for tool in tools if tool.spec.name in names)
        callable_tools = tools if invocation.tools is None else tuple(tool for tool in tools if tool.spec.name in names)
        yield Toolbox(tools=callable_tools, offered=tuple(sorted(offered, key=lambda spec: spec.name)), goal=goal)
