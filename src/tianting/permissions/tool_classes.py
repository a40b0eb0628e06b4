"""Which tools a rule's name means: other names of the same tool, and the tools that `Edit` and `Read` speak for."""

_FORMER = {
    "Task": "Agent",
    "KillShell": "TaskStop",
    "KillBash": "TaskStop",
    "TaskOutput": "BashOutput",
    "ApplyPatch": "apply_patch",
    "ListPeers": "ListAgents",
    "Brief": "SendUserMessage",
    "ListMcpResources": "ListMcpResourcesTool",
    "ReadMcpResource": "ReadMcpResourceTool",
    "ReadMcpResourceDir": "ReadMcpResourceDirTool",
    "ProposeGoal": "SetGoal",
}
EDITING = frozenset({"Edit", "Write", "MultiEdit", "NotebookEdit", "apply_patch"})
READING = frozenset({"Read", "Grep", "Glob", "LS", "NotebookRead"})
NAMED = {"Agent": ("subagent_type",), "Skill": ("skill", "command", "name")}
"""Tools whose rules take a name, and the argument that holds it; the first that is there counts."""


def present_name(tool: str) -> str:
    """The name a tool has today."""
    return _FORMER.get(tool, tool)


def speaks_for(rule_tool: str, tool: str) -> bool:
    """Whether a rule for `rule_tool` covers calls of `tool`."""
    return (
        rule_tool == tool
        or (rule_tool == "Edit" and tool in EDITING)
        or (rule_tool == "Read" and tool in READING)
        or (rule_tool.startswith("mcp__") and rule_tool.count("__") == 1 and tool.startswith(f"{rule_tool}__"))
    )
