"""Which tools a session has, and which of them the model is told of."""

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct, structs

from tianting.agent.loop import OutputGoal
from tianting.agent.prompt import tool_names
from tianting.cli.invocation import Invocation
from tianting.plumbing.clock import SystemClock
from tianting.protocol.errors import ConfigError
from tianting.protocol.model_catalogue import Family
from tianting.protocol.tool_calls import FORMER_NAMES, ToolSpec
from tianting.sandbox.settings import SandboxSettings
from tianting.tools.apply_patch import ApplyPatch
from tianting.tools.bash import Bash
from tianting.tools.bash_output import BashOutput
from tianting.tools.contract import AnyTool
from tianting.tools.edit import Edit
from tianting.tools.glob import Glob
from tianting.tools.grep import Grep
from tianting.tools.ls import LS
from tianting.tools.multi_edit import MultiEdit
from tianting.tools.read import Read
from tianting.tools.read_ledger import ReadLedger
from tianting.tools.shell.background_jobs import BackgroundJobs
from tianting.tools.shell.command_sandbox import CommandSandbox
from tianting.tools.shell.command_timeouts import CommandTimeouts
from tianting.tools.task_stop import TaskStop
from tianting.tools.todo import TodoList, TodoRead, TodoWrite
from tianting.tools.workspace import Workspace
from tianting.tools.write import Write

if TYPE_CHECKING:
    from tianting.agent.required_output import RequiredOutput
    from tianting.permissions.ruleset import Ruleset


class Toolbox(Struct, frozen=True, kw_only=True):
    """Tools of one session."""

    tools: tuple[AnyTool, ...]
    """All that can be called; older names and clients find theirs, too."""
    offered: tuple[ToolSpec, ...]
    """Those the model is told of, sorted by name."""
    goal: OutputGoal | None = None
    ledger: ReadLedger
    """What the model has read."""
    sandbox: CommandSandbox | None = None
    """The walls of its commands, for what else a session starts."""
    jobs: BackgroundJobs


class SandboxWish(Struct, frozen=True, kw_only=True):
    """What a sandbox is built from, if there is to be one."""

    settings: SandboxSettings
    home: Path
    """The agent's own directory, hidden from commands."""
    rules: "Callable[[], Ruleset] | None" = None
    """What they deny about files commands cannot touch."""


@asynccontextmanager
async def open_toolbox(
    invocation: Invocation,
    workspace: Workspace,
    family: Family,
    spill: Path,
    environment: Mapping[str, str],
    wish: SandboxWish | None = None,
    *,
    timeouts: CommandTimeouts = CommandTimeouts(),  # noqa: B008 (frozen)
    denied: tuple[str, ...] = (),
) -> AsyncGenerator[Toolbox, None]:
    """The tools for `invocation`. Leaving ends their background jobs.

    `denied` are deny rules besides those of `invocation`: a tool that one of them means whole is not offered.
    Raises `ConfigError` for unknown names, and where a sandbox is insisted on and cannot be built.
    """
    async with AsyncExitStack() as opened:
        sandbox = None
        if wish is not None and wish.settings.enabled:
            from tianting.cli.session_sandbox import sandbox_places, session_sandbox

            places = sandbox_places(workspace, home=wish.home, results=spill)
            sandbox = await opened.enter_async_context(session_sandbox(wish.settings, places, environment, wish.rules))
        jobs = await opened.enter_async_context(BackgroundJobs(SystemClock()))
        ledger = ReadLedger()
        bash = Bash(
            workspace, ledger, jobs, environment=environment, spill_directory=spill, sandbox=sandbox, timeouts=timeouts
        )
        tools = _tools(workspace, ledger, jobs, bash)
        names = _chosen(invocation.tools, family, {tool.spec.name for tool in tools})
        names -= forbidden(names, invocation.disallowed_tools, denied)
        yield structs.replace(_toolbox(invocation, names, tools, ledger, jobs), sandbox=sandbox)


def forbidden(names: Iterable[str], disallowed: tuple[str, ...], denied: tuple[str, ...] = ()) -> frozenset[str]:
    """Those of `names` no call of which may run, so the model need not hear of them.

    `disallowed` are values of a flag, each of which may hold several rules; `denied` are rules. Raises `ConfigError`.
    """
    if not (disallowed or denied):
        return frozenset()
    from tianting.permissions.rule_lists import split_rules
    from tianting.permissions.rule_text import Places, RuleLine, read_rule

    texts = (*split_rules(disallowed), *denied)
    rules = [read_rule(RuleLine(text=text, behaviour="deny"), Places("/", "/")) for text in texts]
    return frozenset(name for name in names if any(rule.whole_tool and rule.names(name) for rule in rules))


def _toolbox(
    invocation: Invocation, names: set[str], tools: tuple[AnyTool, ...], ledger: ReadLedger, jobs: BackgroundJobs
) -> Toolbox:
    goal = _goal(invocation.json_schema)
    if goal is not None:
        tools, names = (*tools, goal), {*names, goal.spec.name}
    offered = tuple(tool.spec for tool in tools if tool.spec.name in names)
    callable_tools = tools if invocation.tools is None else tuple(tool for tool in tools if tool.spec.name in names)
    return Toolbox(
        tools=callable_tools,
        offered=tuple(sorted(offered, key=lambda spec: spec.name)),
        goal=goal,
        ledger=ledger,
        jobs=jobs,
    )


def _tools(workspace: Workspace, ledger: ReadLedger, jobs: BackgroundJobs, bash: Bash) -> tuple[AnyTool, ...]:
    todos = TodoList()
    return (
        ApplyPatch(workspace, ledger),
        bash,
        BashOutput(jobs),
        Edit(workspace, ledger),
        Glob(workspace),
        Grep(workspace),
        LS(workspace),
        MultiEdit(workspace, ledger),
        Read(workspace, ledger),
        TaskStop(jobs),
        TodoRead(todos),
        TodoWrite(todos),
        Write(workspace, ledger),
    )


def _chosen(wanted: str | None, family: Family, known: set[str]) -> set[str]:
    """The names to offer: those of the family, or those of `--tools`."""
    if wanted is None or wanted.strip() == "default":
        return set(tool_names(family))
    words = wanted.replace(",", " ").split()
    names = {FORMER_NAMES.get(word, word) for word in words if not word.startswith("mcp__")}
    if unknown := names - known - _NOT_HERE:
        raise ConfigError(f"--tools: there is no tool {', '.join(sorted(unknown))}. Tools: {', '.join(sorted(known))}.")
    return names & known


_NOT_HERE = {
    "Agent",
    "AskUserQuestion",
    "CronCreate",
    "CronDelete",
    "CronList",
    "EnterPlanMode",
    "ExitPlanMode",
    "LSP",
    "ListMcpResourcesTool",
    "Monitor",
    "NotebookEdit",
    "ReadMcpResourceTool",
    "ScheduleWakeup",
    "SendMessage",
    "Skill",
    "SlashCommand",
    "Task",
    "TaskCreate",
    "TaskGet",
    "TaskList",
    "TaskUpdate",
    "ToolSearch",
    "WebFetch",
    "WebSearch",
}
"""What clients name because another agent has it: it is missing, which is all that `--tools` could say of it."""


def _goal(schema: str | None) -> "RequiredOutput | None":
    if schema is None:
        return None
    from tianting.agent.required_output import RequiredOutput

    return RequiredOutput(_schema(schema))


def _schema(text: str) -> dict[str, Any]:
    is_json = text.lstrip().startswith("{")
    try:
        data = text.encode(errors="surrogateescape") if is_json else Path(text).expanduser().read_bytes()
        return msgspec.json.decode(data, type=dict[str, Any])
    except OSError as error:
        raise ConfigError(f"--json-schema: {text!r} is neither JSON nor a file: {error.strerror}.") from None
    except msgspec.DecodeError as error:
        raise ConfigError(f"--json-schema is no JSON: {error}.") from None
